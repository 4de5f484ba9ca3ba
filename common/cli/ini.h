/*
 * The contents of configuration files: sections, keys, values, and the line of each. What the keys
 * mean is not known here (see config_files.h). Uses libinih; without it nothing can be read. See
 * shm-channel(5).
 */
#ifndef CLI_INI_H
#define CLI_INI_H

#include <stddef.h>

/* A file is read as a whole, and each key is compared with all others. */
enum { CONFIG_FILE_MAX = 65536 };

struct config_entry {
	char *kind; /* the section's first word; "" before any section */
	char *name; /* its others; "" if there are none */
	char *key;
	char *value;
	const char *file; /* as passed to config_read() */
	unsigned line;
	unsigned section_line; /* of the section's "[...]"; 0 before any */
};

struct config {
	struct config_entry *entries; /* in the order in the files */
	size_t count;
};

enum config_result {
	CONFIG_READ = 0,
	CONFIG_REFUSED, /* others could have written it, or it is not a text file */
	CONFIG_BAD	/* its contents are wrong */
};

/* Why a file was not read. */
struct config_fault {
	unsigned line; /* 0: it is about the file */
	char why[160];
};

/*
 * Adds the contents of a file. It must be a regular file that only this user or root owns (where a
 * user namespace hides the owner, it must be in /etc) and that not everybody may write. Returns a
 * config_result, with *fault set for CONFIG_REFUSED and CONFIG_BAD, or a negative errno. `path`
 * must live as long as the config.
 */
int config_read(struct config *config, const char *path, struct config_fault *fault);

void config_free(struct config *config);

/*
 * Returns 0 and stores in *result, to be freed, the text with each ${VARIABLE} replaced from the
 * environment; "$${" stands for "${". Errors: -EINVAL: "${" without a name and "}"; -ENOENT: a
 * variable is not set, its name is in variable[]; -ENOMEM.
 */
enum { CONFIG_VARIABLE_MAX = 64 };
int config_expand(const char *text, char **result, char variable[CONFIG_VARIABLE_MAX]);

#endif

/*
 * What configuration files say, as they say it: sections, keys, values, and where each stands.
 * What the keys mean is not known here (config_files.h). Read with libinih; without it nothing
 * can be read. See shm-channel(5).
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stddef.h>

/* A file is read at once, and its keys are compared with each other. */
enum { CONFIG_FILE_MAX = 65536 };

struct config_entry {
	char *kind; /* the section's first word; "" before any section */
	char *name; /* its others; "" if there are none */
	char *key;
	char *value;
	const char *file; /* as config_read() was given it */
	unsigned line;
	unsigned section_line; /* of the section's "[...]"; 0 before any */
};

struct config {
	struct config_entry *entries; /* in the order in which they were read */
	size_t count;
};

enum config_result {
	CONFIG_READ = 0,
	CONFIG_REFUSED, /* others could have written it, or it is no file of text */
	CONFIG_BAD	/* what is in it */
};

/* Why a file was not read. */
struct config_fault {
	unsigned line; /* 0: it is about the file */
	char why[160];
};

/*
 * Adds what is in a file. It must be a regular file that only this user or root owns (where a user
 * namespace hides whose it is, it must lie in /etc) and that not everybody may write. Returns a
 * config_result, with *fault for CONFIG_REFUSED and CONFIG_BAD, or a negative errno. `path` must
 * stay as long as the config does.
 */
int config_read(struct config *config, const char *path, struct config_fault *fault);

void config_free(struct config *config);

/*
 * The text with each ${VARIABLE} replaced from the environment; "$${" stands for "${". Stores
 * it in *result, to be freed. Errors: -EINVAL: "${" without a name and "}"; -ENOENT: a variable
 * is not set, its name is in variable[]; -ENOMEM.
 */
enum { CONFIG_VARIABLE_MAX = 64 };
int config_expand(const char *text, char **result, char variable[CONFIG_VARIABLE_MAX]);

#endif

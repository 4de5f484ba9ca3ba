/*
 * Configuration files on their way to the options: which files there are, what their keys mean
 * for this tool, and which of several values counts. See shm-channel(5).
 *
 * A value of a file is an option like one of the command line, before those: cli_next_option()
 * returns it in the same way, and the same code reads it. Command line, $SHM_CHANNEL, the files'
 * sections for the channel in use, their keys before any section; and of the files -F,
 * $SHM_CONFIG, the user's, the system's: what comes first in this list counts.
 */
#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/ini.h"

#define CLI_CONFIG_SYSTEM "/etc/shm-channel.conf"

/* Rows of both tools' option tables. */
/* clang-format off */
#define CONFIG_OPTIONS                                                      \
	{ 'F', "config", "FILE",                            \
	  "read options from FILE, too, see shm-channel(5);\n"              \
	  "'': from no file at all, not even the usual ones",               \
	  .once = true },                                                   \
	{ 0, "show-config", NULL,                         \
	  "print what each option is and where that is from,\n"             \
	  "and exit",                                                       \
	  .once = true }
/* clang-format on */

struct cli_settings;
struct cli_option;
struct cli_config;

/* Where the value of an option is from. */
struct cli_value {
	const char *argument; /* of a flag "yes"; NULL: nobody has said anything */
	const char *file;     /* or "$SHM_CHANNEL"; NULL: the command line */
	unsigned line;	      /* 0: it is no file */
	bool given;	      /* it is on the command line */
};

/* ---- for options.c ---- */

void cli_config_begin(struct cli_settings *settings);

/* Then: an option on the command line. It is not taken yet. */
void cli_config_expect(struct cli_settings *settings, const struct cli_option *option,
		       const char *argument);

/*
 * Then: finds and reads the files, and leaves out what makes no sense in any of `modes`. What is
 * wrong with them ends the tool.
 */
void cli_config_load(struct cli_settings *settings, unsigned modes);

/* Returns the next option that files say, and its *argument; NULL: there is none left. */
const struct cli_option *cli_config_next(struct cli_settings *settings, const char **argument);

/* Notes what was taken, of a file or, if settings->file is NULL, of the command line. */
void cli_config_took(struct cli_settings *settings, const struct cli_option *option,
		     const char *argument);

/* ---- for the tools ---- */

/* Is this option on the command line? (Not: in a file.) */
bool cli_given(const struct cli_settings *settings, const char *option);

const struct cli_value *cli_value(const struct cli_settings *settings,
				  const struct cli_option *option);

/* What was read, and, for a message about what is not in it, the files' names. */
const struct config *cli_config_read(const struct cli_settings *settings);
const char *cli_config_places(const struct cli_settings *settings, char *buffer, size_t size);

#endif

/*
 * Turns configuration files into options: which files there are, what their keys mean for this
 * tool, and which of several values counts. See shm-channel(5).
 *
 * A value of a file is an option like one of the command line and is taken by the same function,
 * before those of the command line. What comes first in this list counts: the command line,
 * $SHM_CHANNEL, the files' sections for the channel in use, the files' keys before any section; and
 * among the files -F, $SHM_CONFIG, the user's, the system's.
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

/* Where the value of an option comes from. */
struct cli_value {
	const char *argument; /* of a flag "yes"; NULL: nothing has set it */
	const char *file;     /* or "$SHM_CHANNEL"; NULL: the command line */
	unsigned line;	      /* 0: not from a file */
	bool given;	      /* it is on the command line */
};

/* ---- for options.c, in this order ---- */

void cli_config_begin(struct cli_settings *settings);

/* Notes an option of the command line, which is not taken yet. */
void cli_config_expect(struct cli_settings *settings, const struct cli_option *option,
		       const char *argument);

/*
 * Finds and reads the files, and leaves out what makes no sense in any of `modes`. Any error in
 * them ends the tool.
 */
void cli_config_load(struct cli_settings *settings, unsigned modes);

/* Returns the next option that the files set, and its *argument; NULL: there is none left. */
const struct cli_option *cli_config_next(struct cli_settings *settings, const char **argument);

/*
 * Notes that an option was taken: from a file or, if settings->file is NULL, from the command line.
 */
void cli_config_took(struct cli_settings *settings, const struct cli_option *option,
		     const char *argument);

/* ---- for the tools ---- */

/* True if this option is on the command line (not in a file). */
bool cli_given(const struct cli_settings *settings, const char *option);

const struct cli_value *cli_value(const struct cli_settings *settings,
				  const struct cli_option *option);

/* What was read; and the files' names, for a message about something that is not in them. */
const struct config *cli_config_read(const struct cli_settings *settings);
const char *cli_config_places(const struct cli_settings *settings, char *buffer, size_t size);

#endif

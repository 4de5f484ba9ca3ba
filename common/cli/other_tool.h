/*
 * The options that only one of the two tools has. Each tool has only its own option table; but both
 * read the same configuration files, and a user may confuse the two.
 */
#ifndef OTHER_TOOL_H
#define OTHER_TOOL_H

#include <stdbool.h>

struct other_option {
	const char *tool;
	const char *name;
	bool once; /* as in struct cli_option: not in a configuration file */
};

/* All of them; ends with a NULL name. A test compares them with the tools' --help. */
extern const struct other_option other_tool_options[];

/* Returns the option of this name, or NULL if there is none. */
const struct other_option *other_tool_option(const char *name);

#endif

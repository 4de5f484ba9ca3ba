/*
 * The options that only one of the two tools has. Each has its own table and knows nothing of
 * the other's; but both read the same configuration files, and a user may mix them up.
 */
#ifndef OTHER_TOOL_H
#define OTHER_TOOL_H

#include <stdbool.h>

struct other_option {
	const char *tool;
	const char *name;
	bool once; /* as in struct cli_option: not in a configuration file */
};

/* All of them; ends with a NULL name. A test holds them against the tools' own tables. */
extern const struct other_option other_tool_options[];

/* NULL: none of that name. */
const struct other_option *other_tool_option(const char *name);

#endif

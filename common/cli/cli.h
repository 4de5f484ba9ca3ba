/*
 * What is common to all parts of a tool: its version, the exit statuses, what the common options
 * say.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"
#include "cli/option_table.h"
#include "frame/frame.h"

#define CLI_VERSION "0.1.0"

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_WOULD_BLOCK = 3,	  /* or fewer messages than asked for */
	CLI_INCOMPLETE = 4,	  /* a producer died or failed: the stream may be incomplete */
	CLI_COMMAND_FAILED = 123, /* for good; as in xargs, like 125 to 127 */
	CLI_TIMED_OUT = 124,
	CLI_COMMAND_KILLED = 125,
	CLI_CANNOT_RUN = 126,
	CLI_NOT_FOUND = 127
};

struct cli_config;

/* What the common options say. The settings of a tool are a struct that begins with this one. */
struct cli_settings {
	const struct cli_tool *tool;
	unsigned mode;			     /* what this run is: an enum cli_mode */
	const struct cli_option *chosen_by;  /* the option that has chosen it; NULL: none */
	const struct cli_option *chosen_too; /* one that chooses another mode; NULL: none */
	struct channel_options channel;
	struct delimiter delimiter;
	bool size_given;
	bool trust_owner;
	bool delimiter_given;
	bool framing_given;
	bool netstrings; /* --framing netstring */
	bool dashes;	 /* the operands follow "--" */
	bool json;
	const char *trace; /* a file; NULL: none */
	bool quiet;
	bool verbose;
	struct cli_config *config; /* NULL: options are not being read yet */
	const char *file;	   /* the file that the current option comes from; NULL: none */
	unsigned line;
};

#endif

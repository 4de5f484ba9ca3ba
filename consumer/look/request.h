/*
 * What is asked for by an option with which no message is taken.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

enum look_what { LOOK_NOT, LOOK_LIST, LOOK_STATUS, LOOK_REMOVE, LOOK_DOCTOR };

struct look {
	const struct cli_settings *settings;
	enum look_what what;
	const char *option; /* that asked for it, as it is typed */
	uint64_t watch_ns;  /* 0: once */
	bool force;
	bool pipe_closed; /* in the end: nobody reads our output */
};

#endif

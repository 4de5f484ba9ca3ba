/*
 * What is asked for by an option with which no message is taken.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

struct look {
	const struct cli_settings *settings;
	bool status;	   /* one channel, --status; else all of them, --list */
	uint64_t watch_ns; /* 0: once */
	bool force;
	bool pipe_closed; /* in the end: nobody reads our output */
};

#endif

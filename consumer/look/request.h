/*
 * What a mode without messages is asked for.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

struct look {
	const struct cli_settings *settings;
	bool status;	   /* --status: one channel; else --list: all of them */
	uint64_t watch_ns; /* 0: once */
	bool force;
	bool pipe_closed; /* afterwards: nobody reads our output */
};

#endif

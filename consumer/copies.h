/*
 * Looking at a channel without taking anything: --tap and --peek.
 */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "consumer/print/print.h"
#include "consumer/stop.h"

/* What the command line says. */
struct watch {
	const struct cli_settings *settings;
	struct print print;
	const struct stop *stop;
};

/* Follows the channel from now on, or from the oldest message; returns the exit status. */
int watch_tap(struct watch *asked);

/* Prints what is there; returns the exit status. */
int watch_peek(struct watch *asked);

#endif

/*
 * Printing copies of messages and taking none: --tap and --peek.
 */
#ifndef COPIES_H
#define COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "consumer/print/print.h"
#include "consumer/stop.h"

/* What the command line asks for. */
struct copies {
	const struct cli_settings *settings;
	struct print print;
	const struct stop *stop;
};

/*
 * Prints what is sent from now on, or what is there, too (--from oldest). Returns the exit status.
 */
int copies_tap(struct copies *asked);

/* Prints what is there. Returns the exit status. */
int copies_peek(struct copies *asked);

#endif

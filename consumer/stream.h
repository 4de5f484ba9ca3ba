/*
 * Taking messages and printing them until the stream ends: shm-consume without a command.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "consumer/print/print.h"
#include "consumer/stop.h"

struct stream {
	const struct cli_settings *settings;
	const struct stop *stop;
	struct print print; /* begun by the caller, with the channel */
	uint64_t lost;	    /* messages, as reported so far */
	uint64_t missed;    /* dropped messages, as reported so far */
	bool ended;	    /* the stream has ended: nothing more comes */
};

/* Attaches, prints and detaches. Returns the exit status. */
int stream_print(struct stream *asked);

#endif

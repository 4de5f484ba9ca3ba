/*
 * When a consumer stops, if the stream does not end before: --count, --exit-empty, --follow, --idle.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

struct stop {
	uint64_t count;	  /* after so many messages; 0: no limit */
	uint64_t idle_ns; /* if none has come for this long; 0: for ever */
	bool exit_empty;  /* when nothing is left */
	bool follow;	  /* not when the producers have gone */
};

/*
 * Returns how long a wait for a message may last before --idle ends it, in nanoseconds; 0: it does
 * not, as --timeout comes first.
 */
uint64_t stop_idle_ns(const struct stop *stop, const struct cli_settings *settings);

/* Returns how many messages may still be taken when so many were received. */
uint32_t stop_left(const struct stop *stop, uint64_t received);

/* Returns CHANNEL_FOLLOW and CHANNEL_DONTWAIT as they apply. */
unsigned stop_flags(const struct stop *stop, const struct cli_settings *settings);

/* True if as many messages as --count asks for were received. */
bool stop_enough(const struct stop *stop, uint64_t received);

/* The exit status at a regular end: CLI_WOULD_BLOCK if --count asks for more messages than these. */
enum cli_exit stop_status(const struct stop *stop, uint64_t received);

/*
 * True if attaching failed with `error` because there is no channel, and that means an empty one:
 * with --nonblock or --exit-empty. If another user's is missing, that is a mistake.
 */
bool stop_missing_is_empty(const struct cli_settings *settings, int error);

#endif

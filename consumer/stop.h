/*
 * When a consumer stops, if the stream does not end before that: --count, --exit-empty, --follow
 * and --idle.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

struct stop {
	uint64_t count;	  /* after so many messages; 0: no limit */
	uint64_t idle_ns; /* if none has come for this long; 0: never */
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

/* Returns the exit status at a regular end: CLI_WOULD_BLOCK if --count asks for more messages. */
enum cli_exit stop_status(const struct stop *stop, uint64_t received);

/*
 * Returns CLI_INCOMPLETE if a producer of the stream died or failed, else CLI_DONE. `result` is what
 * receiving has ended with: CHANNEL_ENDED, or -ETIMEDOUT after --idle, where an end of the stream
 * may have passed before.
 */
enum cli_exit stop_end_status(struct channel *channel, int result);

/*
 * True if attaching failed with `error` because there is no channel, and that counts as an empty
 * one: with --nonblock or --exit-empty. (A missing channel of another user is an error.)
 */
bool stop_missing_is_empty(const struct cli_settings *settings, int error);

#endif

/*
 * When a stream is over: what a consumer (under_lock.c) and an observer (tap.c) ask alike. Needs no
 * mutex.
 */
#ifndef STREAM_OVER_H
#define STREAM_OVER_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/endpoint.h"
#include "channel/events.h"

/*
 * True if no producer is attached that could still send. Call it before tail is read. *events is
 * the value of `events` when none was attached.
 *
 * A producer that attaches sets its bit in `attached`, then counts itself in `events`; one that
 * leaves counts first, then clears its bit. So if `events` is the same before and after the look
 * that finds no bit, it counts all producers that have come and gone.
 */
static inline bool producers_gone(struct channel *channel, uint64_t *events)
{
	struct producers *producers = producers_of(channel);
	bool nobody;

	*events = atomic_load(&producers->events);
	nobody = atomic_load(&producers->side.attached) == 0;
	return atomic_load(&producers->events) == *events && nobody;
}

/*
 * True if a part of a stream was there when we attached, or a producer has attached, died or ended
 * the stream since. If not, there was no stream that could be over. `events`: of producers_gone().
 */
static inline bool stream_seen(const struct channel *channel, uint64_t events)
{
	return channel->receiving.seen_then ||
	       events_differ(events, channel->receiving.events_then,
			     EVENTS_ATTACHED | EVENTS_DEATHS | EVENTS_ENDS);
}

#endif

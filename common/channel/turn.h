/*
 * The turn: a producer that waits for room, or is inside a message longer than the ring, has it, and
 * the other producers wait until it is free.
 */
#ifndef TURN_H
#define TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/waits.h"
#include "shared_buffer.h"

/*
 * Up to where head has to move for the producer that waits for room, or is about to. 0: nobody
 * waits, or it is there, and the wish is only not taken back yet.
 */
static inline uint64_t room_missing(const struct shared_buffer *shared)
{
	uint64_t wish = atomic_load(&shared->producers.room_wanted) & ~UINT64_C(1);

	return position_before(atomic_load(&shared->consumers.head), wish) ? wish : 0;
}

static inline bool turn_is_mine(struct channel *channel)
{
	return atomic_load(&producers_of(channel)->turn) == channel->slot + 1;
}

/* The turn's holder writes it; not for nothing, as consumers look at it for each message. */
static inline void room_request(struct channel *channel, uint64_t wanted)
{
	_Atomic uint64_t *wish = &producers_of(channel)->room_wanted;

	if (atomic_load(wish) != wanted)
		atomic_store(wish, wanted);
}

/*
 * After a release and a fence, without the mutex: wakes one who waits for the turn if it is free.
 */
static inline void turn_wake(struct channel *channel)
{
	if (atomic_load(&producers_of(channel)->turn) == 0)
		condition_signal_fenced(condition_turn(channel));
}

/*
 * Frees the turn (turn_wake() then signals it) or hands it over: who was woken once and found the
 * turn taken again gets it next, so that nobody is passed over for ever.
 */
void turn_release(struct channel *channel);

#endif

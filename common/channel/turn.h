/*
 * The turn: the right of one producer to write next. A producer that waits for room, has reserved
 * room, or is inside a message longer than the ring has the turn, and the other producers wait
 * until it is free.
 *
 * Called by producers' threads. The word `turn` is changed under the producers' mutex.
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
 * Returns the position that head has to reach for the producer that waits for room, or is about to
 * wait. 0: no producer waits, or head has reached that position already. Needs no mutex.
 */
static inline uint64_t room_missing(const struct shared_buffer *shared)
{
	uint64_t request = atomic_load(&shared->producers.room_wanted) & ~UINT64_C(1);

	return position_before(atomic_load(&shared->consumers.head), request) ? request : 0;
}

/* True if this producer has the turn. */
static inline bool turn_is_mine(struct channel *channel)
{
	return atomic_load(&producers_of(channel)->turn) == channel->slot + 1;
}

/*
 * Stores the head that the holder of the turn needs; 0 withdraws the request. Stores only a change,
 * as consumers read the word for each message.
 */
static inline void room_request(struct channel *channel, uint64_t wanted)
{
	_Atomic uint64_t *request = &producers_of(channel)->room_wanted;

	if (atomic_load(request) != wanted)
		atomic_store(request, wanted);
}

/*
 * Wakes one producer that waits for the turn, if it is free. Called without the mutex, after
 * turn_release() and a fence.
 */
static inline void turn_wake(struct channel *channel)
{
	if (atomic_load(&producers_of(channel)->turn) == 0)
		condition_signal_fenced(condition_turn(channel));
}

/*
 * Frees the turn, so that turn_wake() wakes a producer; or hands it to a producer that was woken
 * before and found the turn taken again, so that none is passed over for ever. The producers' mutex
 * is held.
 */
void turn_release(struct channel *channel);

#endif

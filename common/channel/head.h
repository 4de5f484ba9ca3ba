/*
 * head is the position up to which the ring is free again: all groups have acknowledged what lies
 * before it. Here is what is done when it has moved, or when a producer needs it to move: producers
 * wait for it, to have room in the ring or acknowledgements.
 *
 * Called by consumers' and producers' threads that hold no mutex.
 */
#ifndef HEAD_H
#define HEAD_H

#include "base/deadline.h"

struct channel;

/*
 * For a producer that is about to sleep until head moves. A consumer moves head when its claim
 * ends, and before that only if it sees that a producer waits. So this function moves head over
 * what consumers acknowledged before they could see that this producer waits. It locks the
 * consumers' side. Returns 0 or the errors of side_lock().
 */
int head_catch_up(struct channel *channel, const struct deadline *deadline);

/*
 * Call this after head has moved: wakes the producer that waits for room, if there is enough now,
 * and all producers that wait for acknowledgements.
 */
void producers_wake_for_head(struct channel *channel);

#endif

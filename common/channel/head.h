/*
 * What is done when head has moved, or could: producers wait for head, for room in the ring or for
 * acknowledgements.
 *
 * Called by consumers' and producers' threads that hold no mutex.
 */
#ifndef HEAD_H
#define HEAD_H

#include "base/deadline.h"

struct channel;

/*
 * For a producer that is about to sleep until head moves. A consumer moves head only when its claim
 * ends, unless it sees that a producer waits; this moves head over what consumers acknowledged
 * before they could see that. Returns 0 or the errors of side_lock(), which it calls for the
 * consumers' side.
 */
int head_catch_up(struct channel *channel, const struct deadline *deadline);

/*
 * Call this after head has moved: wakes the producer that waits for room, if there is enough now,
 * and all producers that wait for acknowledgements.
 */
void producers_wake_for_head(struct channel *channel);

#endif

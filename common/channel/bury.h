/*
 * Burying: all that is done for dead processes. What a dead producer, a dead consumer, or the dead
 * holder of a side's mutex left half done is completed or undone.
 *
 * Called by a living endpoint of either side that has found the death (side_probe(), side_lock()),
 * with the mutex of the dead one's side held. That endpoint may be killed here at any time: every
 * function can be done again from the start by the next one.
 */
#ifndef BURY_H
#define BURY_H

#include "channel/channel.h"

/*
 * Ends the message that the producer in `slot` left open, as aborted, and takes the turn from it.
 * Returns 0 or -CHANNEL_EDAMAGED. Also used by a producer that leaves. The producers' mutex is
 * held.
 */
int producer_bury(struct channel *channel, unsigned slot);

/*
 * Makes orphans of the claims of the consumer in `slot`, in all groups. Returns 0. The consumers'
 * mutex is held.
 */
int consumer_bury(struct channel *channel, unsigned slot);

/*
 * Makes the groups, their claims and head consistent after the holder of the consumers' mutex has
 * died with it. Returns 0 or -CHANNEL_EDAMAGED. The consumers' mutex is held.
 */
int consumers_repair(struct channel *channel);

/*
 * Does all of it for the dead owner of `slot`, and frees the slot. The caller holds the mutex of
 * that side and the slot's `alive` mutex. Returns 0 or -CHANNEL_EDAMAGED. Idempotent at every step:
 * if the caller dies in it, another endpoint does it again.
 */
int slot_bury(struct channel *channel, enum channel_role role, unsigned slot);

#endif

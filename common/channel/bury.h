/*
 * Burying: all that is done for dead processes. What a dead producer, a dead consumer, or the dead
 * holder of a side's mutex left half done is completed or undone.
 *
 * Called by a living endpoint of either side that has found the death (in side_probe() or
 * side_lock()). It holds the mutex of the dead endpoint's side. It may itself be killed here at any
 * time: then the next endpoint that finds the death calls the same function again, from the start.
 */
#ifndef BURY_H
#define BURY_H

#include "channel/channel.h"

/*
 * Ends, as aborted, the message that the producer in `slot` left unfinished, if there is one, and
 * takes the turn from that producer, if it has it. A producer that leaves calls this for itself.
 * Returns 0 or -CHANNEL_EDAMAGED. The producers' mutex is held.
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
 * Cleans up after the dead owner of `slot` (of either role), and frees the slot. The caller holds
 * the mutex of that side and the slot's `alive` mutex. Returns 0 or -CHANNEL_EDAMAGED. Idempotent
 * at every step: if the caller dies in it, another endpoint does it again.
 */
int slot_bury(struct channel *channel, enum channel_role role, unsigned slot);

#endif

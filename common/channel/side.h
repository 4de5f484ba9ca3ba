/*
 * The mutex of one side (all producers, or all consumers): locking it, and repairing the side if
 * the mutex's last holder has died.
 *
 * Called by an attached endpoint of either side, or by one that attaches and holds the flock. No
 * thread ever holds the mutexes of both sides.
 */
#ifndef SIDE_H
#define SIDE_H

#include "base/deadline.h"
#include "channel/channel.h"

/*
 * Locks a side's mutex. Waits in slices of a second, and checks the deadline between them. Repairs
 * the side if the last holder died with the mutex. Returns 0 with the mutex held. After an error it
 * is not held: the deadline's error (then the report names the holder), or -CHANNEL_EDAMAGED.
 */
int side_lock(struct channel *channel, enum channel_role role, const struct deadline *deadline);

/*
 * Locks a side's mutex to complete something that has begun: waits as long as the options allow; if
 * interrupted, before or meanwhile, as long as leaving may take. Results: as side_lock().
 */
int side_lock_finish(struct channel *channel, enum channel_role role);

/* Like side_lock(), but does not wait: -EBUSY if another endpoint holds the mutex. */
int side_try_lock(struct channel *channel, enum channel_role role);

/* Unlocks a side's mutex. After a repair it then wakes all endpoints. */
void side_unlock(struct channel *channel, enum channel_role role);

#endif

/*
 * The mutex of one side: how it is locked, and repaired when its last holder has died.
 */
#ifndef SIDE_H
#define SIDE_H

#include "base/deadline.h"
#include "channel/channel.h"

/*
 * Locks a side's mutex, in slices of a second between which the deadline is looked at.
 * Nobody ever holds both sides'. Repairs the side if its last holder died. 0, or the
 * deadline's error (then the report names the holder), or -CHANNEL_EDAMAGED.
 */
int side_lock(struct channel *channel, enum channel_role role, const struct deadline *deadline);

/*
 * To finish what has begun: as long as the options allow, and if interrupted meanwhile (or
 * before) as long as leaving may take.
 */
int side_lock_finish(struct channel *channel, enum channel_role role);

/* The same without waiting: -EBUSY if somebody has it. */
int side_try_lock(struct channel *channel, enum channel_role role);

void side_unlock(struct channel *channel, enum channel_role role);

#endif

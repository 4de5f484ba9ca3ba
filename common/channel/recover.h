/*
 * Recovery before an endpoint attaches, leaves or removes something: what dead endpoints have left
 * is cleaned up, and the rest is checked.
 *
 * Called by that endpoint's thread, which holds the flock and no mutex.
 */
#ifndef RECOVER_H
#define RECOVER_H

#include "channel/channel.h"

/*
 * Locks one side, cleans up after its dead endpoints, and checks that the side is consistent.
 * Returns 0, -CHANNEL_EDAMAGED, or the errors of side_lock().
 */
int side_recover(struct channel *channel, enum channel_role role);

/* Calls side_recover() for both sides, one after the other. */
int sides_recover(struct channel *channel);

#endif

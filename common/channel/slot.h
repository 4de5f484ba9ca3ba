/*
 * The slots of a side: how an endpoint takes one, gives it back, and is found to be dead. While an
 * endpoint lives it holds the `alive` mutex of its slot, which the kernel releases when its thread
 * dies.
 *
 * Called by attached endpoints, and by those that attach and hold the flock.
 */
#ifndef SLOT_H
#define SLOT_H

#include <stdbool.h>

#include "channel/channel.h"
#include "shared_buffer.h"

/*
 * Finds the dead among a side's endpoints, by their `alive` mutexes, and cleans up after them. That
 * side's mutex is held. Returns 0 or -CHANNEL_EDAMAGED.
 */
int side_probe(struct channel *channel, enum channel_role role);

/*
 * Takes a free slot of our side, whose mutex is held; the flock is held, too. Returns 0, -EBUSY (no
 * slot is free), or -CHANNEL_EDAMAGED.
 */
int side_enter(struct channel *channel);

/* Gives our slot back. Our side's mutex is held. */
void side_leave(struct channel *channel);

/* Returns the mutexes of this side. */
struct locks *locks_of(struct channel *channel, enum channel_role role);

/*
 * True if a slot names the id of the calling thread. The kernel takes a mutex for a dying thread's
 * own if the thread id stored in it is that thread's, and two pid namespaces can use the same id.
 * So a thread whose id stands in any slot, even a free one, must not touch a mutex of this channel.
 * See PROTOCOL.md.
 */
bool thread_id_taken(struct channel *channel);

#endif

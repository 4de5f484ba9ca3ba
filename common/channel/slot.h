/*
 * The slots of a side: how an endpoint takes one, gives it back, and is found to be dead.
 */
#ifndef SLOT_H
#define SLOT_H

#include <stdbool.h>

#include "channel/channel.h"
#include "shared_buffer.h"

/* Finds the dead among a side's endpoints and cleans up after them. Its mutex is held. */
int side_probe(struct channel *channel, enum channel_role role);

/* Takes a free slot of the own side; its mutex is held. -EBUSY: there is none. */
int side_enter(struct channel *channel);

/* Gives the own slot back; its mutex is held. */
void side_leave(struct channel *channel);

struct locks *locks_of(struct channel *channel, enum channel_role role);

/*
 * The kernel takes a mutex for a dying thread's own if the thread id in it is that
 * thread's, and two pid namespaces can give one id twice. So nobody with an id that a slot
 * names, even a free one, touches a mutex here. See PROTOCOL.md.
 */
bool thread_id_taken(struct channel *channel);

#endif

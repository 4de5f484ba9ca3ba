/*
 * Waiting for room and for the turn: the way to the producers' mutex when something is to be sent.
 */
#ifndef ROOM_H
#define ROOM_H

#include <stdint.h>

struct channel;

/*
 * Locks the producers' mutex when the turn is free or ours and there is room for `bytes` of
 * ring at tail, and returns 0. On an error, and if `messages` were dropped instead
 * (CHANNEL_DROPPED), nothing is held, and the turn only if we are inside a message.
 */
int room_lock(struct channel *channel, uint64_t bytes, uint32_t messages);

#endif

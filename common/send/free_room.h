/*
 * Is there room in the ring? For a producer that may write at tail: one that holds the producers'
 * mutex (room_look()), or the only one that is attached (send_alone()).
 */
#ifndef FREE_ROOM_H
#define FREE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/append.h"
#include "channel/endpoint.h"

/*
 * True if `bytes` bytes of ring are free after `tail`. Reads head only if the head that we know,
 * channel->sending.known_head, does not leave that much. False also if tail and head are more than
 * the ring apart, which is damage.
 */
static inline bool room_for(struct channel *channel, uint64_t tail, uint64_t bytes)
{
	uint64_t capacity = channel->segment.ring.capacity;
	uint64_t used = tail - channel->sending.known_head;

	if (used <= capacity && bytes <= capacity - used)
		return true;
	known_head_renew(channel);
	used = tail - channel->sending.known_head;
	return used <= capacity && bytes <= capacity - used;
}

#endif

/*
 * The number of the next message at a place in the ring.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include <stdint.h>

#include "shared_buffer.h"

struct channel;

/*
 * The number of the message at this cursor, or, where a message longer than the ring goes on, of
 * the one behind it. 0: it cannot be known.
 */
uint64_t sequence_at(struct channel *channel, struct cursor cursor);

#endif

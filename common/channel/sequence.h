/*
 * The number of the message at a place in the ring.
 *
 * Called by the threads of consumers and observers, and of a producer that begins a group; the
 * consumers' mutex, if it is needed for the cursor, is held. The producers' mutex is not.
 */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include <stdint.h>

#include "shared_buffer.h"

struct channel;

/*
 * Returns the number of the message at this cursor. Where a message longer than the ring goes on,
 * it is the number of the message after that one. 0: it cannot be known.
 */
uint64_t sequence_at(struct channel *channel, struct cursor cursor);

#endif

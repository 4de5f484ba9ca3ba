/*
 * Messages have numbers, in the order in which they stand in the ring. This module finds the number
 * of the message at a place in the ring.
 *
 * Called by the threads of consumers and observers, and by a producer that begins a group. The
 * consumers' mutex is held if the place is one that consumers move; the producers' mutex is not
 * needed.
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

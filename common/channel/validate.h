/*
 * The invariants: what must be true of each side of a channel whenever nobody holds that side's
 * mutex. If one of them is not true, the channel is damaged.
 *
 * Called by endpoints that attach or repair, by the tools that inspect a channel, and by tests. The
 * functions only read.
 */
#ifndef VALIDATE_H
#define VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * True if a side's invariants hold. The mutex of that side is held. For producers: tail has its
 * mark (mark.h), and is at most the ring's capacity after head. For consumers: head, each group's
 * `next` and tail are in this order and aligned, and every claim lies between head and `next`.
 * Takes time in proportion to the number of claims.
 */
bool ring_valid_producers(const struct ring *ring, const struct shared_buffer *shared);

bool ring_valid_consumers(const struct ring *ring, const struct shared_buffer *shared);

/* True if the invariants of both sides hold. No endpoint may be at work meanwhile. */
bool ring_valid(const struct ring *ring, const struct shared_buffer *shared);

/*
 * Like ring_valid(), and every record from head to tail is valid, too. Takes time in proportion to
 * the number of records: for tests and the doctor.
 */
bool ring_valid_records(const struct ring *ring, const struct shared_buffer *shared);

/* True if a cursor points to a place between head and tail where a message can start. */
bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail);

#endif

/*
 * What must be true of a channel whenever nobody holds its mutexes: the invariants of both sides.
 */
#ifndef VALIDATE_H
#define VALIDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The structural invariants, each under its side's mutex: tail has its mark and is not more
 * than capacity before head; head, next and tail are in order and aligned, and every claim
 * lies between head and next. O(claims).
 */
bool ring_valid_producers(const struct ring *ring, const struct shared_buffer *shared);

bool ring_valid_consumers(const struct ring *ring, const struct shared_buffer *shared);

/* Both. Call it with nobody else at work. */
bool ring_valid(const struct ring *ring, const struct shared_buffer *shared);

/* Every record from head to tail as well. O(records): for tests and the doctor. */
bool ring_valid_records(const struct ring *ring, const struct shared_buffer *shared);

/* Does a cursor point to a place between head and tail where a record can start? */
bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail);

#endif

/*
 * Arithmetic on positions, records and cursors. No lock, no system call, no errno: a
 * bool says whether the bytes made sense. Positions are compared modulo 2^64.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared_buffer.h"

struct ring {
	unsigned char *bytes; /* capacity bytes, mapped twice, back to back */
	uint64_t capacity;    /* a power of two */
};

/* Smallest and largest ring, in bytes. The upper bound keeps a payload's size in 32 bits. */
#define RING_CAPACITY_MIN UINT64_C(4096)
#define RING_CAPACITY_MAX (UINT64_C(1) << 32)

/* Bytes that a record with this payload takes in the ring. */
uint64_t ring_record_bytes(uint64_t payload);

/* The largest payload of one record, in bytes: a message up to this size is never cut. */
uint64_t ring_message_max(uint64_t capacity);

/* How large a block of lines or a piece of a long message should get: about a quarter. */
uint64_t ring_block_max(uint64_t capacity);

/* Is position a before position b? */
bool position_before(uint64_t a, uint64_t b);

/* Where the payload of a record at this position lies. */
unsigned char *ring_payload(const struct ring *ring, uint64_t position);

/* Writes a record's header at a position; fills in `check`. */
void ring_put(const struct ring *ring, uint64_t position, struct record header);

/*
 * Reads the record at a position, once, into *header. False if it is no record, or does
 * not end at or before tail: the ring is damaged.
 */
bool ring_get(const struct ring *ring, uint64_t position, uint64_t tail, struct record *header);

/* The cursor at the start of the record at this position. */
struct cursor cursor_at(uint64_t position);

/* The cursor behind the record at this position. */
struct cursor cursor_after(uint64_t position, const struct record *header);

bool cursor_equal(struct cursor a, struct cursor b);
bool cursor_before(struct cursor a, struct cursor b);

/*
 * Moves a cursor over `count` messages inside its record, searching for delimiters only if
 * the record holds more. False if the payload does not hold as many as its header says.
 */
bool ring_skip(const struct ring *ring, const struct record *header, uint32_t count,
	       struct cursor *cursor);

/* Does a cursor point to a place between head and tail where a record can start? */
bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail);

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

#endif

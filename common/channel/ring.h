/*
 * Arithmetic on positions, records and cursors of the ring. A position is a count of bytes since
 * the channel was made; positions are compared modulo 2^64. A cursor is a place between two
 * messages: a record's position, and how far into the record.
 *
 * Any thread that may read the bytes calls these functions. They take no lock, make no system call
 * and set no errno: a bool says whether the bytes in the ring made sense. What is needed for every
 * message is inline, as function calls took a third of the time of a short message.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "shared_buffer.h"

enum { RECORD_ALIGN = 8 };

struct ring {
	unsigned char *bytes; /* capacity bytes, mapped twice, one after the other */
	uint64_t capacity;    /* in bytes, a power of two */
};

/*
 * Smallest and largest ring, in bytes. The upper limit keeps the size of a payload within 32 bits.
 */
#define RING_CAPACITY_MIN UINT64_C(4096)
#define RING_CAPACITY_MAX (UINT64_C(1) << 32)

/* Returns how many bytes a record takes in the ring, with `payload` bytes of payload. */
static inline uint64_t ring_record_bytes(uint64_t payload)
{
	return (sizeof(struct record) + payload + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

/*
 * Returns the largest payload of one record, in bytes: a message up to this size is never cut into
 * pieces.
 */
static inline uint64_t ring_message_max(uint64_t capacity)
{
	return capacity - sizeof(struct record);
}

/*
 * Returns how many bytes a block of lines, or a piece of a long message, should have at most: about
 * a quarter of the ring.
 */
uint64_t ring_block_max(uint64_t capacity);

/* True if position a is before position b. */
static inline bool position_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

/*
 * Returns where the payload of the record at this position lies. It is contiguous, as the ring is
 * mapped twice.
 */
static inline unsigned char *ring_payload(const struct ring *ring, uint64_t position)
{
	return ring->bytes + (position & (ring->capacity - 1)) + sizeof(struct record);
}

/* Returns where the body of a record lies, its messages: the part of the payload after the key. */
static inline unsigned char *ring_body(const struct ring *ring, uint64_t position,
				       const struct record *header)
{
	return ring_payload(ring, position) + header->key_size;
}

/* Returns the size of a record's body in bytes. `header` must have passed record_valid(). */
static inline uint32_t record_body_size(const struct record *header)
{
	return header->size - header->key_size;
}

/*
 * Returns a hash of the position, by which old bytes from the last time round are not taken for a
 * record.
 */
static inline uint32_t record_check(uint64_t position)
{
	return (uint32_t)((position * UINT64_C(0x9e3779b97f4a7c15)) >> 32) ^ UINT32_C(0x5ec04d00);
}

/* Writes a record's header at a position, which is a multiple of 8, and fills in `check`. */
static inline void ring_put(const struct ring *ring, uint64_t position, struct record header)
{
	struct record *record =
		(struct record *)(void *)(ring_payload(ring, position) - sizeof(header));

	/* Field by field, so that the compiler need not put the header together in memory first. */
	record->check = record_check(position);
	record->size = header.size;
	record->sequence = header.sequence;
	record->messages = header.messages;
	record->flags = header.flags;
	record->delimiter_size = header.delimiter_size;
	record->producer = header.producer;
	record->key_size = header.key_size;
}

/*
 * Does a record's header make sense, taken by itself? record_valid_any() knows all cases;
 * record_valid() tries the most frequent one first, a whole message.
 */
bool record_valid_any(const struct record *header);

static inline bool record_valid(const struct record *header)
{
	if (header->flags == 0 && header->delimiter_size == 0 && header->messages == 1 &&
	    header->producer < SLOT_COUNT && header->key_size <= header->size)
		return true;
	return record_valid_any(header);
}

/*
 * Copies the header of the record at a position, once, into *header, and checks it. False if it is
 * no record, or does not end at or before tail: the ring is damaged.
 */
static inline bool ring_get(const struct ring *ring, uint64_t position, uint64_t tail,
			    struct record *header)
{
	uint64_t left = tail - position;

	if (position % RECORD_ALIGN != 0 || left > ring->capacity || left < sizeof(*header))
		return false;
	memcpy(header, ring_payload(ring, position) - sizeof(*header), sizeof(*header));
	return header->check == record_check(position) && ring_record_bytes(header->size) <= left &&
	       record_valid(header);
}

/* True if the record is not a piece of a message longer than the ring. */
static inline bool record_whole(const struct record *record)
{
	return (record->flags & (RECORD_MORE | RECORD_CONTINUED)) == 0;
}

/* Returns the cursor at the start of the record at this position. */
static inline struct cursor cursor_at(uint64_t position)
{
	return (struct cursor){ .record = position };
}

/* Returns the cursor just after the record at this position. */
static inline struct cursor cursor_after(uint64_t position, const struct record *header)
{
	return cursor_at(position + ring_record_bytes(header->size));
}

/* True if both cursors are the same place. */
static inline bool cursor_equal(struct cursor a, struct cursor b)
{
	return a.record == b.record && a.offset == b.offset && a.index == b.index;
}

/* True if cursor a is before cursor b. */
bool cursor_before(struct cursor a, struct cursor b);

/*
 * Moves a cursor past `count` messages, within its record or to the record's end. Searches for
 * delimiters only if the record holds more messages than that. False if the body does not hold as
 * many as its header says.
 */
bool ring_skip(const struct ring *ring, const struct record *header, uint32_t count,
	       struct cursor *cursor);

#endif

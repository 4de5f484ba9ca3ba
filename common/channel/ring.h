/*
 * Arithmetic on positions, records and cursors. No lock, no system call, no errno: a
 * bool says whether the bytes made sense. Positions are compared modulo 2^64. What is needed
 * for every message is inline: calls were a third of the cost of a short one.
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
	unsigned char *bytes; /* capacity bytes, mapped twice, back to back */
	uint64_t capacity;    /* a power of two */
};

/* Smallest and largest ring, in bytes. The upper bound keeps a payload's size in 32 bits. */
#define RING_CAPACITY_MIN UINT64_C(4096)
#define RING_CAPACITY_MAX (UINT64_C(1) << 32)

/* Bytes that a record with this payload takes in the ring. */
static inline uint64_t ring_record_bytes(uint64_t payload)
{
	return (sizeof(struct record) + payload + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

/* The largest payload of one record, in bytes: a message up to this size is never cut. */
static inline uint64_t ring_message_max(uint64_t capacity)
{
	return capacity - sizeof(struct record);
}

/* How large a block of lines or a piece of a long message should get: about a quarter. */
uint64_t ring_block_max(uint64_t capacity);

/* Is position a before position b? */
static inline bool position_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

/* Where the payload of a record at this position lies. */
static inline unsigned char *ring_payload(const struct ring *ring, uint64_t position)
{
	return ring->bytes + (position & (ring->capacity - 1)) + sizeof(struct record);
}

/* The part of the payload behind the key: the messages. */
static inline unsigned char *ring_body(const struct ring *ring, uint64_t position,
				       const struct record *header)
{
	return ring_payload(ring, position) + header->key_size;
}

/* A header that record_valid() has not refused. */
static inline uint32_t record_body_size(const struct record *header)
{
	return header->size - header->key_size;
}

/* A multiplicative hash of the position: old bytes from the last time round do not match. */
static inline uint32_t record_check(uint64_t position)
{
	return (uint32_t)((position * UINT64_C(0x9e3779b97f4a7c15)) >> 32) ^ UINT32_C(0x5ec04d00);
}

/* Writes a record's header at a position, a multiple of 8; fills in `check`. */
static inline void ring_put(const struct ring *ring, uint64_t position, struct record header)
{
	struct record *record =
		(struct record *)(void *)(ring_payload(ring, position) - sizeof(header));

	/* Field by field, so that the header need never be put together in memory before. */
	record->check = record_check(position);
	record->size = header.size;
	record->sequence = header.sequence;
	record->messages = header.messages;
	record->flags = header.flags;
	record->delimiter_size = header.delimiter_size;
	record->producer = header.producer;
	record->key_size = header.key_size;
}

/* Does what one record says, taken alone, make sense? Most are one whole message. */
bool record_valid_any(const struct record *header);

static inline bool record_valid(const struct record *header)
{
	if (header->flags == 0 && header->delimiter_size == 0 && header->messages == 1 &&
	    header->producer < SLOT_COUNT && header->key_size <= header->size)
		return true;
	return record_valid_any(header);
}

/*
 * Reads the record at a position, once, into *header. False if it is no record, or does
 * not end at or before tail: the ring is damaged.
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

/* Is it no piece of a message longer than the ring? */
static inline bool record_whole(const struct record *record)
{
	return (record->flags & (RECORD_MORE | RECORD_CONTINUED)) == 0;
}

/* The cursor at the start of the record at this position. */
static inline struct cursor cursor_at(uint64_t position)
{
	return (struct cursor){ .record = position };
}

/* The cursor behind the record at this position. */
static inline struct cursor cursor_after(uint64_t position, const struct record *header)
{
	return cursor_at(position + ring_record_bytes(header->size));
}

static inline bool cursor_equal(struct cursor a, struct cursor b)
{
	return a.record == b.record && a.offset == b.offset && a.index == b.index;
}

bool cursor_before(struct cursor a, struct cursor b);

/*
 * Moves a cursor over `count` messages inside its record, searching for delimiters only if
 * the record holds more. False if the payload does not hold as many as its header says.
 */
bool ring_skip(const struct ring *ring, const struct record *header, uint32_t count,
	       struct cursor *cursor);

#endif

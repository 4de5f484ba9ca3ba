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

/* Of a mark that a lone producer may be filling anew: see mark_find(). */
static inline uint64_t mark_position(const struct mark *mark)
{
	return atomic_load_explicit(&mark->position, memory_order_relaxed);
}

static inline uint32_t mark_open(const struct mark *mark)
{
	return atomic_load_explicit(&mark->open, memory_order_relaxed);
}

static inline uint64_t mark_sequence(const struct mark *mark)
{
	return atomic_load_explicit(&mark->sequence, memory_order_relaxed);
}

/*
 * Release: the process that sees this position sees the tail by which the mark became idle, too.
 * Pairs with the fence in mark_find().
 */
static inline void mark_set(struct mark *mark, uint64_t position, uint32_t open)
{
	atomic_store_explicit(&mark->open, open, memory_order_relaxed);
	atomic_store_explicit(&mark->position, position, memory_order_release);
}

/*
 * Returns the index, 0 or 1, of the mark that counts: the one whose position is tail. A lone
 * producer may be at work, so the caller may hold the producers' mutex or not; the answer was true
 * at some instant of the call. -1: neither mark has the tail, and it stands still: damage.
 */
int mark_find(const struct producers *producers);

/* The state of a claim, copied once, beginning where its owner has acknowledged up to. */
struct claim_state claim_read(const struct claim *claim);

/* Only at which record that is: a copy of what was just written in parts has to wait for it. */
static inline uint64_t claim_record(const struct claim *claim)
{
	uint64_t begin = claim->states[atomic_load(&claim->selector) & 1].begin.record;
	uint64_t done = atomic_load(&claim->done);

	return position_before(begin, done) ? done : begin;
}

/*
 * Up to where head has to move for the producer that waits for room, or is about to. 0: nobody
 * waits, or it is there, and the wish is only not taken back yet.
 */
static inline uint64_t room_missing(const struct shared_buffer *shared)
{
	uint64_t wish = atomic_load(&shared->producers.room_wanted) & ~UINT64_C(1);

	return position_before(atomic_load(&shared->consumers.head), wish) ? wish : 0;
}

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

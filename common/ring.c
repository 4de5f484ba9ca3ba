#include "ring.h"

#include <string.h>

#include "delimiter.h"

enum { RECORD_ALIGN = 8 };

uint64_t ring_record_bytes(uint64_t payload)
{
	return (sizeof(struct record) + payload + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1);
}

uint64_t ring_message_max(uint64_t capacity)
{
	return capacity - sizeof(struct record);
}

uint64_t ring_block_max(uint64_t capacity)
{
	return capacity / 4 - sizeof(struct record);
}

bool position_before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static unsigned char *ring_at(const struct ring *ring, uint64_t position)
{
	return ring->bytes + (position & (ring->capacity - 1));
}

unsigned char *ring_payload(const struct ring *ring, uint64_t position)
{
	return ring_at(ring, position) + sizeof(struct record);
}

/* A multiplicative hash of the position: old bytes from the last time round do not match. */
static uint32_t record_check(uint64_t position)
{
	return (uint32_t)((position * UINT64_C(0x9e3779b97f4a7c15)) >> 32) ^ UINT32_C(0x5ec04d00);
}

void ring_put(const struct ring *ring, uint64_t position, struct record header)
{
	header.check = record_check(position);
	header.unused = 0;
	memcpy(ring_at(ring, position), &header, sizeof(header));
}

/* What one record may say, taken alone. */
static bool record_valid(const struct record *header)
{
	bool piece = (header->flags & (RECORD_MORE | RECORD_CONTINUED)) != 0;

	if ((header->flags & ~(unsigned)RECORD_FLAGS) != 0 || header->producer >= SLOT_COUNT)
		return false;
	if ((header->flags & RECORD_ABORTED) != 0)
		return header->flags == (RECORD_ABORTED | RECORD_CONTINUED) && header->size == 0 &&
		       header->messages == 0 && header->delimiter_size == 0;
	if ((header->flags & RECORD_MORE) != 0 && (header->flags & RECORD_UNTERMINATED) != 0)
		return false;
	if (header->delimiter_size == 0)
		return header->messages == ((header->flags & RECORD_CONTINUED) != 0 ? 0 : 1);
	return !piece && header->messages > 0 && (header->flags & RECORD_UNTERMINATED) == 0 &&
	       header->size / header->delimiter_size >= header->messages;
}

bool ring_get(const struct ring *ring, uint64_t position, uint64_t tail, struct record *header)
{
	uint64_t left = tail - position;

	if (position % RECORD_ALIGN != 0 || left > ring->capacity || left < sizeof(*header))
		return false;
	memcpy(header, ring_at(ring, position), sizeof(*header));
	return header->check == record_check(position) && ring_record_bytes(header->size) <= left &&
	       record_valid(header);
}

struct cursor cursor_at(uint64_t position)
{
	return (struct cursor){ .record = position };
}

struct cursor cursor_after(uint64_t position, const struct record *header)
{
	return cursor_at(position + ring_record_bytes(header->size));
}

bool cursor_equal(struct cursor a, struct cursor b)
{
	return a.record == b.record && a.offset == b.offset && a.index == b.index;
}

bool cursor_before(struct cursor a, struct cursor b)
{
	if (a.record != b.record)
		return position_before(a.record, b.record);
	return a.offset < b.offset || (a.offset == b.offset && a.index < b.index);
}

bool ring_skip(const struct ring *ring, const struct record *header, uint32_t count,
	       struct cursor *cursor)
{
	const unsigned char *payload = ring_payload(ring, cursor->record);
	size_t skipped;

	if (cursor->offset > header->size || cursor->index > header->messages)
		return false;
	if (count >= header->messages - cursor->index) {
		*cursor = cursor_after(cursor->record, header);
		return true;
	}
	if (count == 0)
		return true;
	skipped = delimiter_skip(payload + cursor->offset, header->size - cursor->offset,
				 payload + header->size - header->delimiter_size,
				 header->delimiter_size, count);
	if (skipped == 0 || cursor->offset + skipped >= header->size)
		return false; /* fewer than the header says: there should be one left */
	cursor->offset += (uint32_t)skipped;
	cursor->index += count;
	return true;
}

bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail)
{
	return cursor.record % RECORD_ALIGN == 0 && cursor.record - head <= tail - head &&
	       (cursor.record != tail || (cursor.offset == 0 && cursor.index == 0));
}

bool ring_valid_producers(const struct ring *ring, const struct shared_buffer *shared)
{
	const struct producers *producers = &shared->producers;
	uint64_t head = atomic_load(&shared->consumers.head); /* before tail, which only grows */
	uint64_t tail = atomic_load(&producers->tail);

	return tail % RECORD_ALIGN == 0 && tail - head <= ring->capacity &&
	       atomic_load(&producers->turn) <= SLOT_COUNT &&
	       producers->marks[0].open <= SLOT_COUNT && producers->marks[1].open <= SLOT_COUNT &&
	       (producers->marks[0].position == tail || producers->marks[1].position == tail);
}

bool ring_valid_consumers(const struct ring *ring, const struct shared_buffer *shared)
{
	const struct consumers *consumers = &shared->consumers;
	uint64_t tail = atomic_load(&shared->producers.tail);
	uint64_t head = atomic_load(&consumers->head);
	struct cursor next = consumers->next[atomic_load(&consumers->next_selector) & 1];

	if (head % RECORD_ALIGN != 0 || tail - head > ring->capacity)
		return false;
	if (!cursor_within(next, head, tail))
		return false;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct claim *claim = &consumers->claims[i];
		const struct claim_state *state = &claim->states[atomic_load(&claim->selector) & 1];
		uint64_t owner = atomic_load(&claim->owner) & 0xff;

		if (owner == OWNER_FREE)
			continue;
		if ((owner > SLOT_COUNT && owner != OWNER_NONE) ||
		    !cursor_within(state->begin, head, tail) ||
		    !cursor_within(state->end, head, tail) ||
		    cursor_before(state->end, state->begin) || cursor_before(next, state->end))
			return false;
	}
	return true;
}

bool ring_valid(const struct ring *ring, const struct shared_buffer *shared)
{
	return ring_valid_producers(ring, shared) && ring_valid_consumers(ring, shared);
}

bool ring_valid_records(const struct ring *ring, const struct shared_buffer *shared)
{
	uint64_t tail = atomic_load(&shared->producers.tail);
	uint64_t position = atomic_load(&shared->consumers.head);

	if (!ring_valid(ring, shared))
		return false;
	while (position != tail) {
		struct record header;

		if (!ring_get(ring, position, tail, &header))
			return false;
		position += ring_record_bytes(header.size);
	}
	return true;
}

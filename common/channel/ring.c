#include "channel/ring.h"

#include <string.h>

#include "base/delimiter.h"

uint64_t ring_block_max(uint64_t capacity)
{
	return capacity / 4 - sizeof(struct record);
}

bool record_valid_any(const struct record *header)
{
	bool piece = (header->flags & (RECORD_MORE | RECORD_CONTINUED)) != 0;

	if ((header->flags & ~(unsigned)RECORD_FLAGS) != 0 || header->producer >= SLOT_COUNT ||
	    header->key_size > header->size)
		return false;
	if ((header->flags & RECORD_ABORTED) != 0)
		return header->flags == (RECORD_ABORTED | RECORD_CONTINUED) && header->size == 0 &&
		       header->messages == 0 && header->delimiter_size == 0;
	if ((header->flags & RECORD_MORE) != 0 && (header->flags & RECORD_UNTERMINATED) != 0)
		return false;
	if (header->delimiter_size == 0)
		return (header->flags & RECORD_CONTINUED) == 0
			       ? header->messages == 1
			       : header->messages == 0 && header->key_size == 0;
	return !piece && header->messages > 0 && (header->flags & RECORD_UNTERMINATED) == 0 &&
	       record_body_size(header) / header->delimiter_size >= header->messages;
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
	const unsigned char *body = ring_body(ring, cursor->record, header);
	uint32_t size = record_body_size(header);
	size_t skipped;

	if (cursor->offset > size || cursor->index > header->messages)
		return false;
	if (count >= header->messages - cursor->index) {
		*cursor = cursor_after(cursor->record, header);
		return true;
	}
	if (count == 0)
		return true;
	skipped =
		delimiter_skip(body + cursor->offset, size - cursor->offset,
			       body + size - header->delimiter_size, header->delimiter_size, count);
	if (skipped == 0 || cursor->offset + skipped >= size)
		return false; /* fewer than the header says: there should be one left */
	cursor->offset += (uint32_t)skipped;
	cursor->index += count;
	return true;
}

struct claim_state claim_read(const struct claim *claim)
{
	struct claim_state state = claim->states[atomic_load(&claim->selector) & 1];
	uint64_t done = atomic_load(&claim->done);

	if (position_before(state.begin.record, done))
		state.begin = cursor_at(done);
	return state;
}

bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail)
{
	return cursor.record % RECORD_ALIGN == 0 && cursor.record - head <= tail - head &&
	       (cursor.record != tail || (cursor.offset == 0 && cursor.index == 0));
}

enum { MARK_TRIES = 1000 }; /* more than a preempted reader needs; but nobody may hold us up */

/*
 * A lone producer may be at work without the mutex: then the mark is looked for again. The mark of
 * a tail stays until the producer has committed the next record, and has begun the one after it.
 */
int mark_find(const struct producers *producers)
{
	/* The mark of the tail that we see is there. Pairs with the store in record_commit(). */
	uint64_t tail = atomic_load_explicit(&producers->tail, memory_order_acquire);

	for (int tries = 0; tries < MARK_TRIES; tries++) {
		uint64_t then = tail;

		for (int i = 0; i < 2; i++)
			if (mark_position(&producers->marks[i]) == tail)
				return i;
		/*
		 * Neither of them is: then tail has moved on, and this look at it, which must not
		 * be made before those at the marks, sees that. Pairs with the store in mark_set().
		 */
		atomic_thread_fence(memory_order_acquire);
		tail = atomic_load_explicit(&producers->tail, memory_order_acquire);
		if (tail == then)
			break;
	}
	return -1;
}

bool ring_valid_producers(const struct ring *ring, const struct shared_buffer *shared)
{
	const struct producers *producers = &shared->producers;
	/*
	 * A lone producer may be at work, and consumers are: head lies between two looks at tail.
	 */
	uint64_t before = atomic_load(&producers->tail);
	uint64_t head = atomic_load(&shared->consumers.head);
	uint64_t tail = atomic_load(&producers->tail);

	return tail % RECORD_ALIGN == 0 && !position_before(head + ring->capacity, before) &&
	       !position_before(tail, head) && atomic_load(&producers->turn) <= SLOT_COUNT &&
	       mark_open(&producers->marks[0]) <= SLOT_COUNT &&
	       mark_open(&producers->marks[1]) <= SLOT_COUNT && mark_find(producers) >= 0;
}

static bool group_valid(const struct group *group, uint64_t head, uint64_t tail)
{
	struct cursor next = group->next[atomic_load(&group->next_selector) & 1];

	if (!cursor_within(next, head, tail))
		return false;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct claim *claim = &group->claims[i];
		struct claim_state state = claim_read(claim);
		uint64_t owner = atomic_load(&claim->owner) & 0xff;

		if (owner == OWNER_FREE)
			continue;
		if ((owner > SLOT_COUNT && owner != OWNER_NONE) ||
		    !cursor_within(state.begin, head, tail) ||
		    !cursor_within(state.end, head, tail) ||
		    cursor_before(state.end, state.begin) || cursor_before(next, state.end))
			return false;
	}
	return true;
}

bool ring_valid_consumers(const struct ring *ring, const struct shared_buffer *shared)
{
	const struct consumers *consumers = &shared->consumers;
	uint64_t tail = atomic_load(&shared->producers.tail);
	uint64_t head = atomic_load(&consumers->head);
	unsigned groups = 0;

	if (head % RECORD_ALIGN != 0 || tail - head > ring->capacity)
		return false;
	for (unsigned i = 0; i < GROUP_COUNT; i++) {
		uint32_t state = atomic_load(&consumers->groups[i].state);

		if ((state & GROUP_LIFE) == GROUP_FREE)
			continue;
		if ((state & ~(uint32_t)GROUP_BITS) != 0 || (state & GROUP_LIFE) == GROUP_LIFE ||
		    !group_valid(&consumers->groups[i], head, tail))
			return false;
		groups++;
	}
	return groups > 0; /* one says where the messages begin, even if nobody is in it */
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

#include "channel/validate.h"

#include "channel/claim.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "shared_buffer.h"

bool cursor_within(struct cursor cursor, uint64_t head, uint64_t tail)
{
	return cursor.record % RECORD_ALIGN == 0 && cursor.record - head <= tail - head &&
	       (cursor.record != tail || (cursor.offset == 0 && cursor.index == 0));
}

bool ring_valid_producers(const struct ring *ring, const struct shared_buffer *shared)
{
	const struct producers *producers = &shared->producers;
	/*
	 * A lone producer may be at work without the mutex, and consumers are: so head is compared
	 * with tail as read before it and after it.
	 */
	uint64_t before = atomic_load(&producers->tail);
	uint64_t head = atomic_load(&shared->consumers.head);
	uint64_t tail = atomic_load(&producers->tail);

	return tail % RECORD_ALIGN == 0 && !position_before(head + ring->capacity, before) &&
	       !position_before(tail, head) && atomic_load(&producers->turn) <= SLOT_COUNT &&
	       mark_open(&producers->marks[0]) <= SLOT_COUNT &&
	       mark_open(&producers->marks[1]) <= SLOT_COUNT && mark_find(producers) >= 0;
}

/* Are `next` and all claims of a group in order? */
static bool group_valid(const struct group *group, uint64_t head, uint64_t tail)
{
	struct cursor next = next_read(group);

	if (!cursor_within(next, head, tail))
		return false;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct claim *claim = &group->claims[i];
		struct claim_state state = claim_read(claim);
		unsigned owner = claim_owner(claim);

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
	return groups > 0; /* one group says where the messages begin, even without consumers */
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

#include "channel/sequence.h"

#include "channel/endpoint.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The number of the next message at tail, where no record follows: what tail's mark says. It is
 * read without the producers' mutex, so it counts only if tail still is that mark's position. 0: it
 * is not; then a record has been committed there.
 */
static uint64_t sequence_behind(struct channel *channel, uint64_t tail)
{
	struct mark *marks = producers_of(channel)->marks;
	const struct mark *mark = mark_position(&marks[0]) == tail ? &marks[0] : &marks[1];
	uint64_t sequence;

	if (mark_position(mark) != tail)
		return 0;
	/* Pairs with the release stores in record_commit() and messages_drop(). */
	sequence = atomic_load_explicit(&mark->sequence, memory_order_acquire);
	return tail_now(channel) == tail ? sequence : 0;
}

uint64_t sequence_at(struct channel *channel, struct cursor cursor)
{
	struct record record;

	for (int tries = 0; tries < MARK_TRIES; tries++) {
		uint64_t tail = tail_now(channel), sequence;

		if (cursor.record != tail) {
			if (!ring_get(&channel->segment.ring, cursor.record, tail, &record))
				return 0;
			return record.sequence +
			       ((record.flags & RECORD_CONTINUED) != 0 ? 1 : cursor.index);
		}
		sequence = sequence_behind(channel, tail);
		if (sequence != 0)
			return sequence;
	}
	return 0;
}

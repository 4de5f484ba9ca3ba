#include "together.h"

#include "endpoint.h"
#include "ring.h"

void together_extend(struct channel *channel, struct claim_state *state, uint32_t messages,
		     uint32_t most)
{
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = channel->known_tail;
	struct record record;

	while (messages < most && state->end.offset == 0 && state->end.record != tail &&
	       ring_get(ring, state->end.record, tail, &record) && record_whole(&record)) {
		if (!ring_skip(ring, &record, most - messages, &state->end))
			return; /* damaged: whoever comes to it says so */
		messages += record.messages;
	}
}

/* How many messages from `begin` on could one claim hold? `most` if it need not wait for more. */
static uint32_t together_count(struct channel *channel, struct cursor begin, uint32_t most)
{
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = channel->known_tail;
	uint64_t position = begin.record;
	uint64_t count = 0;
	struct record record;

	while (count < most && position != tail && ring_get(ring, position, tail, &record)) {
		if (!record_whole(&record)) /* a claim of its own, or one that ends before it */
			return most;
		count += record.messages - (position == begin.record ? begin.index : 0);
		position += ring_record_bytes(record.size);
	}
	return count < most ? (uint32_t)count : most;
}

bool together_expects(struct channel *channel, struct cursor begin, uint32_t most, bool follow)
{
	struct producers *producers = producers_of(channel);

	if ((atomic_load(&producers->room_wanted) & 1) != 0 ||
	    (!follow && atomic_load(&producers->side.attached) == 0))
		return false;
	return together_count(channel, begin, most) < most;
}

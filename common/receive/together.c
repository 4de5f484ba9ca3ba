#include "receive/together.h"

#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/turn.h"
#include "shared_buffer.h"

uint32_t together_extend(struct channel *channel, struct claim_state *state, uint32_t messages,
			 uint32_t most)
{
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = channel->receiving.known_tail;
	struct record record;

	while (messages < most && state->end.offset == 0 && state->end.record != tail &&
	       ring_get(ring, state->end.record, tail, &record) && record_whole(&record) &&
	       record.sequence == state->sequence + state->begin.index + messages) {
		uint32_t left = most - messages;

		if (!ring_skip(ring, &record, left, &state->end))
			break; /* damage: reported by the claim that begins there */
		messages += record.messages < left ? record.messages : left;
	}
	return messages;
}

/*
 * Returns how many messages from `begin` on one claim could hold, `most` at most. Returns `most`
 * also if waiting would add none, because the claim has to end at what follows.
 */
static uint32_t together_count(struct channel *channel, struct cursor begin, uint32_t most)
{
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = channel->receiving.known_tail;
	uint64_t position = begin.record;
	uint64_t count = 0, sequence = 0;
	struct record record;

	while (count < most && position != tail && ring_get(ring, position, tail, &record)) {
		/* A piece of a long message needs a claim of its own; a gap ends a claim. */
		if (!record_whole(&record) || (count > 0 && record.sequence != sequence))
			return most;
		sequence = record.sequence + record.messages;
		count += record.messages - (position == begin.record ? begin.index : 0);
		position += ring_record_bytes(record.size);
	}
	return count < most ? (uint32_t)count : most;
}

bool together_expects(struct channel *channel, struct cursor begin, uint32_t most, bool follow)
{
	if (room_missing(channel->segment.shared) != 0 ||
	    (!follow && atomic_load(&producers_of(channel)->side.attached) == 0))
		return false;
	return together_count(channel, begin, most) < most;
}

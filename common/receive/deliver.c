#include "receive/deliver.h"

#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * Finds where a delivery ends that begins at state->begin and has `most` messages at most of the
 * record there: sets *messages and *end. False: the claim does not fit the record, damage.
 */
static bool delivery_end(const struct ring *ring, const struct record *record,
			 const struct claim_state *state, uint32_t most, uint32_t *messages,
			 struct cursor *end)
{
	bool ends_here = state->end.record == state->begin.record;
	uint32_t last_index = ends_here ? state->end.index : record->messages;

	if (state->begin.index > last_index || state->begin.offset > record_body_size(record))
		return false;
	*messages = last_index - state->begin.index;
	if (most < *messages) {
		*messages = most;
		*end = state->begin;
		if (!ring_skip(ring, record, most, end))
			return false;
	} else if (ends_here) {
		*end = state->end;
	} else {
		*end = cursor_after(state->begin.record, record);
	}
	return !cursor_before(state->end, *end);
}

int deliver_part(struct channel *channel, struct claim_state state, uint32_t most,
		 struct channel_delivery *delivery)
{
	const struct ring *ring = &channel->segment.ring;
	const unsigned char *payload = ring_payload(ring, state.begin.record);
	struct claimed claimed;
	struct record record;
	struct cursor end;
	uint32_t limit;

	if (!ring_get(ring, state.begin.record, tail_now(channel), &record) ||
	    !delivery_end(ring, &record, &state, most, &delivery->messages, &end))
		return -CHANNEL_EDAMAGED;
	limit = end.record == state.begin.record ? end.offset : record_body_size(&record);
	if (limit < state.begin.offset || limit > record_body_size(&record))
		return -CHANNEL_EDAMAGED;

	delivery->bytes = payload + record.key_size + state.begin.offset;
	delivery->size = limit - state.begin.offset;
	delivery->sequence = record.sequence + state.begin.index;
	delivery->attempts = claim_attempts(claim_held(channel));
	delivery->failures = claim_failures(claim_held(channel));
	claimed = claimed_of(&record);
	delivery_describe(delivery, &claimed, payload);
	delivery_count(channel, delivery);
	channel->receiving.delivered_end = end;
	return CHANNEL_DELIVERED;
}

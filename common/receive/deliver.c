#include "receive/deliver.h"

#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "shared_buffer.h"

int deliver_part(struct channel *channel, struct claim_state state, uint32_t most,
		 struct channel_delivery *delivery)
{
	const struct ring *ring = &channel->segment.ring;
	struct cursor end = state.begin;
	const unsigned char *payload = ring_payload(ring, state.begin.record);
	struct claimed claimed;
	struct record record;
	uint32_t body_size, limit, last_index;

	if (!ring_get(ring, state.begin.record, tail_now(channel), &record))
		return -CHANNEL_EDAMAGED;
	body_size = record_body_size(&record);
	last_index = state.end.record == state.begin.record ? state.end.index : record.messages;
	if (state.begin.index > last_index || state.begin.offset > body_size)
		return -CHANNEL_EDAMAGED;
	delivery->messages = last_index - state.begin.index;
	if (most < delivery->messages) {
		delivery->messages = most;
		if (!ring_skip(ring, &record, most, &end))
			return -CHANNEL_EDAMAGED;
	} else if (state.end.record == state.begin.record) {
		end = state.end;
	} else {
		end = cursor_after(state.begin.record, &record);
		if (cursor_before(state.end, end))
			return -CHANNEL_EDAMAGED;
	}
	limit = end.record == state.begin.record ? end.offset : body_size;
	if (limit < state.begin.offset || limit > body_size || cursor_before(state.end, end))
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

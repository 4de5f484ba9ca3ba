#include "receive/claim_next.h"

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/orphan.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "receive/batch.h"
#include "receive/call.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "receive/together.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

/*
 * True if the caller wants messages together (options.gather_ns) and it is better to wait for more
 * of them. The wait ends after gather_ns, and not later than the deadline of the call.
 */
static bool gathering(struct receive_call *call, struct cursor begin)
{
	struct channel *channel = call->channel;
	uint64_t now;

	if ((call->flags & CHANNEL_TOGETHER) == 0 || channel->options.gather_ns == 0 ||
	    channel->options.nonblock ||
	    !together_expects(channel, begin, call->most, (call->flags & CHANNEL_FOLLOW) != 0))
		return false;
	now = clock_now_ns();
	if (call->gather_until_ns == 0) {
		uint64_t deadline = receive_deadline(call)->at_ns;

		call->gather_until_ns = now + channel->options.gather_ns;
		if (call->gather_until_ns > deadline)
			call->gather_until_ns = deadline;
	}
	return now < call->gather_until_ns;
}

/*
 * Returns how many messages a new claim may have. With CHANNEL_SHARE, the rest of a block is left
 * to the other consumers of the group, if any are attached.
 */
static uint32_t claim_most(const struct receive_call *call)
{
	uint32_t share = call->channel->options.share;

	if ((call->flags & CHANNEL_SHARE) == 0 || share >= call->most || group_alone(call->channel))
		return call->most;
	return share;
}

int claim_next(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);
	const struct ring *ring = &channel->segment.ring;
	struct claim_state state = { 0 };
	struct record record;
	uint64_t tail = tail_now(channel), sequence;
	uint32_t messages;
	int rc;

	channel->batch.valid = false;
	for (;;) {
		state.begin = next_read(group);
		if (cursor_equal(state.begin, cursor_at(tail))) {
			call->gather_until_ns = 0; /* what there was, others have taken */
			return RECEIVE_NOTHING;
		}
		if (!ring_get(ring, state.begin.record, tail, &record))
			return -CHANNEL_EDAMAGED;
		if ((record.flags & RECORD_CONTINUED) != 0) {
			if (others_hold(channel)) /* a claim is inside this message */
				return RECEIVE_NOTHING;
			/* Our group began after this message's first piece. */
			channel->receiving.skipping = (record.flags & RECORD_MORE) != 0;
			next_write(group, cursor_after(state.begin.record, &record));
			call->head_may_move = true;
			continue;
		}
		channel->receiving.skipping = false;
		if ((record.flags & RECORD_MORE) == 0)
			break;
		rc = aborted_ahead(channel, state.begin.record, tail, &state.end);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		channel->receiving.missed +=
			next_expect(group, record.sequence, record.sequence + 1);
		next_write(group, state.end);
		call->head_may_move = true;
	}
	if (gathering(call, state.begin)) {
		call->more = true; /* pass on the wake-up, which we do not use yet */
		return RECEIVE_GATHERING;
	}
	state.end = state.begin;
	if (!ring_skip(ring, &record, claim_most(call), &state.end))
		return -CHANNEL_EDAMAGED;
	state.sequence = record.sequence;
	state.producer = record.producer;
	if ((record.flags & RECORD_MORE) != 0)
		state.flags = CLAIM_MID;
	messages = (state.end.record == state.begin.record ? state.end.index : record.messages) -
		   state.begin.index;
	if ((call->flags & CHANNEL_TOGETHER) == 0)
		messages = claim_batch(call, &record, &state, messages);
	else if (record_whole(&record))
		messages = together_extend(channel, &state, messages, claim_most(call));
	sequence = state.sequence + state.begin.index;
	channel->receiving.missed += next_expect(group, sequence, sequence + messages);
	channel->receiving.claim = claim_begin(group, channel->slot, &state);
	if (channel->receiving.claim == CLAIM_NONE)
		return -CHANNEL_EDAMAGED; /* no orphan, 63 others at most: one is free */
	next_write(group, state.end);
	call->fits = true;
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_CLAIM, state.end, messages);
	if ((call->flags & CHANNEL_TOGETHER) == 0 && record_whole(&record) &&
	    state.begin.offset == 0 && state.end.record != state.begin.record) {
		channel->receiving.together = 0;
		deliver_claimed(channel, call->delivery);
		call->delivered = true;
	}
	return CHANNEL_DELIVERED;
}

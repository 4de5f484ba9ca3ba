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

/*
 * Finds the first message from the group's `next` on that is for the group: *begin is where it is,
 * *record the header of its record. Moves `next` over what is for nobody. Returns
 * RECEIVE_DELIVERED, RECEIVE_NOTHING or RECEIVE_FAILED.
 */
static enum receive_result first_find(struct receive_call *call, struct group *group,
				      struct cursor *begin, struct record *record)
{
	struct channel *channel = call->channel;
	uint64_t tail = tail_now(channel);
	struct cursor after;
	int rc;

	for (;;) {
		*begin = next_read(group);
		if (cursor_equal(*begin, cursor_at(tail))) {
			call->gather_until_ns = 0; /* what there was, others have taken */
			return RECEIVE_NOTHING;
		}
		if (!ring_get(&channel->segment.ring, begin->record, tail, record))
			return receive_failed(call, -CHANNEL_EDAMAGED);
		if ((record->flags & RECORD_CONTINUED) != 0) {
			if (others_hold(channel)) /* a claim is inside this message */
				return RECEIVE_NOTHING;
			/* Our group began after this message's first piece. */
			channel->receiving.skipping = (record->flags & RECORD_MORE) != 0;
			after = cursor_after(begin->record, record);
		} else {
			channel->receiving.skipping = false;
			if ((record->flags & RECORD_MORE) == 0)
				return RECEIVE_DELIVERED;
			rc = aborted_ahead(channel, begin->record, tail, &after);
			if (rc < 0)
				return receive_failed(call, rc);
			if (rc == 0)
				return RECEIVE_DELIVERED;
			channel->receiving.missed +=
				next_expect(group, record->sequence, record->sequence + 1);
		}
		next_write(group, after);
		call->head_may_move = true;
	}
}

/*
 * Decides how much a claim takes that begins at state->begin, in the record with this header: fills
 * in the rest of *state, and *messages. False: the record does not hold the messages that it says.
 */
static bool claim_measure(struct receive_call *call, const struct record *record,
			  struct claim_state *state, uint32_t *messages)
{
	struct channel *channel = call->channel;

	state->end = state->begin;
	if (!ring_skip(&channel->segment.ring, record, claim_most(call), &state->end))
		return false;
	state->sequence = record->sequence;
	state->producer = record->producer;
	if ((record->flags & RECORD_MORE) != 0)
		state->flags = CLAIM_MID;
	if (state->end.record == state->begin.record)
		*messages = state->end.index - state->begin.index;
	else
		*messages = record->messages - state->begin.index;
	if ((call->flags & CHANNEL_TOGETHER) == 0)
		*messages = claim_batch(call, record, state, *messages);
	else if (record_whole(record))
		*messages = together_extend(channel, state, *messages, claim_most(call));
	return true;
}

/* Makes the claim, and moves `next` to its end. False: the table of claims is full. */
static bool claim_commit(struct receive_call *call, struct group *group,
			 const struct claim_state *state, uint32_t messages)
{
	struct channel *channel = call->channel;
	uint64_t sequence = state->sequence + state->begin.index;

	channel->receiving.missed += next_expect(group, sequence, sequence + messages);
	channel->receiving.claim = claim_begin(group, channel->slot, state);
	if (channel->receiving.claim == CLAIM_NONE)
		return false;
	next_write(group, state->end);
	call->fits = true;
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_CLAIM, state->end, messages);
	return true;
}

enum receive_result claim_next(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);
	struct claim_state state = { 0 };
	struct record record;
	enum receive_result result;
	uint32_t messages;

	channel->batch.valid = false;
	result = first_find(call, group, &state.begin, &record);
	if (result != RECEIVE_DELIVERED)
		return result;
	if (gathering(call, state.begin)) {
		call->more = true; /* pass on the wake-up, which we do not use yet */
		return RECEIVE_GATHERING;
	}
	if (!claim_measure(call, &record, &state, &messages))
		return receive_failed(call, -CHANNEL_EDAMAGED);
	/* There is no orphan, and 63 other consumers at most: an entry must be free. */
	if (!claim_commit(call, group, &state, messages))
		return receive_failed(call, -CHANNEL_EDAMAGED);
	if ((call->flags & CHANNEL_TOGETHER) == 0 && record_whole(&record) &&
	    state.begin.offset == 0 && state.end.record != state.begin.record) {
		channel->receiving.together = 0;
		deliver_claimed(channel, call->delivery);
		call->delivered = true;
	}
	return RECEIVE_DELIVERED;
}

#include "receive/acknowledge.h"

#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "receive/batch.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "shared_buffer.h"

static inline void acknowledge_trace(struct channel *channel)
{
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ACKNOWLEDGE, channel->receiving.delivered_end,
			    channel->receiving.delivered_messages);
}

/* All of our claim is acknowledged: ends it. */
static inline void claim_used_up(struct channel *channel)
{
	claim_drop(group_of(channel), channel->receiving.claim);
	channel->receiving.claim = CLAIM_NONE;
	batch_learn(channel);
}

/* Acknowledges what is in hand of a claim that may hold more, or more pieces of its message. */
static inline void claim_used(struct channel *channel)
{
	struct claim *claim = claim_held(channel);
	struct claim_state state = claim_read(claim);

	if (cursor_equal(channel->receiving.delivered_end, state.begin))
		return;
	acknowledge_trace(channel);
	if ((state.flags & CLAIM_MID) != 0) {
		state.begin = state.end;
		state.flags |= CLAIM_PART;
		claim_write(claim, &state);
		channel->receiving.piece_acknowledged = true;
	} else if (cursor_equal(channel->receiving.delivered_end, state.end)) {
		claim_used_up(channel);
	} else {
		state.begin = channel->receiving.delivered_end;
		claim_write(claim, &state);
		batch_share(channel, &state);
	}
}

void delivery_done(struct channel *channel)
{
	if (channel->receiving.claim == CLAIM_NONE || channel->receiving.piece_acknowledged)
		return;
	/* Most often a batch is used up; then the shared claim need not be read. */
	if (channel->batch.valid &&
	    cursor_equal(channel->receiving.delivered_end, cursor_at(channel->batch.end))) {
		acknowledge_trace(channel);
		claim_used_up(channel);
	} else {
		claim_used(channel);
	}
}

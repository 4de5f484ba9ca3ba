#include "receive/acknowledge.h"

#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "receive/batch.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "shared_buffer.h"

void delivery_done(struct channel *channel)
{
	struct group *group = group_of(channel);
	struct claim_state state;
	bool used_up;

	if (channel->receiving.claim == CLAIM_NONE || channel->receiving.piece_acknowledged)
		return;
	/* Most often a batch is used up; then the shared claim need not be read. */
	used_up = channel->batch.valid &&
		  cursor_equal(channel->receiving.delivered_end, cursor_at(channel->batch.end));
	if (!used_up) {
		state = claim_read(claim_held(channel));
		if (cursor_equal(channel->receiving.delivered_end, state.begin))
			return;
	}
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ACKNOWLEDGE, channel->receiving.delivered_end,
			    channel->receiving.delivered_messages);
	if (!used_up && (state.flags & CLAIM_MID) != 0) {
		state.begin = state.end;
		state.flags |= CLAIM_PART;
		claim_write(claim_held(channel), &state);
		channel->receiving.piece_acknowledged = true;
	} else if (used_up || cursor_equal(channel->receiving.delivered_end, state.end)) {
		claim_drop(group, channel->receiving.claim);
		channel->receiving.claim = CLAIM_NONE;
		batch_learn(channel);
	} else {
		state.begin = channel->receiving.delivered_end;
		claim_write(claim_held(channel), &state);
		batch_share(channel, &state);
	}
}

/*
 * channel_acknowledge() and channel_give_back(): a consumer acknowledges the messages in hand
 * without taking others, or gives them back for the next consumer of the group.
 */

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/orphan.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "channel/trace.h"
#include "receive/acknowledge.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

#define ALL_DONE UINT32_MAX /* acknowledge all of the delivery in hand */

/*
 * Acknowledges the first `done` messages in hand and gives the rest back. With ALL_DONE, a message
 * longer than the ring remains claimed, as its other pieces are still to come. The consumers' mutex
 * is held.
 */
static void hand_over(struct channel *channel, uint32_t done)
{
	struct cursor begin = claim_read(claim_held(channel)).begin;
	struct cursor delivered = channel->receiving.delivered_end;
	uint32_t left = channel->receiving.delivered_messages;
	struct record record;

	channel->batch.valid =
		false; /* batch_share() must not give back what was delivered already */
	if (done > 0 && done >= channel->receiving.delivered_messages) {
		delivery_done(channel);
	} else if (done > 0 &&
		   ring_get(&channel->segment.ring, begin.record, tail_now(channel), &record) &&
		   ring_skip(&channel->segment.ring, &record, done, &begin)) {
		channel->receiving.delivered_end = begin;
		left = channel->receiving.delivered_messages - done;
		channel->receiving.delivered_messages = done;
		delivery_done(channel);
	}
	if (channel->receiving.claim == CLAIM_NONE ||
	    (channel->receiving.piece_acknowledged && done == ALL_DONE))
		return;
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_GIVE_BACK, claim_read(claim_held(channel)).end, left);
	claim_abandon(channel, group_of(channel), channel->receiving.claim, delivered,
		      CLAIM_RETURNED);
	channel->receiving.claim = CLAIM_NONE;
	channel->receiving.piece_acknowledged = false;
}

/* Calls hand_over(), moves head, unlocks the consumers' mutex, which is held, and wakes waiters. */
static int hand_over_locked(struct channel *channel, uint32_t done)
{
	bool head_moved;

	hand_over(channel, done);
	head_moved = head_advance(consumers_of(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	receive_wake(channel, head_moved, true);
	/* The channel was found removed, and what is acknowledged now was counted as left in it. */
	if (channel->report.messages > 0)
		channel_count_left(channel);
	return 0;
}

int channel_acknowledge(struct channel *channel)
{
	int rc;

	if (channel->receiving.claim == CLAIM_NONE)
		return 0;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	return rc < 0 ? rc : hand_over_locked(channel, ALL_DONE);
}

int channel_give_back(struct channel *channel, uint32_t done)
{
	struct deadline deadline = endpoint_leave_deadline(channel);
	int rc;

	if (channel->receiving.claim == CLAIM_NONE)
		return 0;
	rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	return rc < 0 ? rc : hand_over_locked(channel, done);
}

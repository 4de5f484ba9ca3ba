#include "receive/under_lock.h"

#include <errno.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"
#include "channel/head.h"
#include "channel/orphan.h"
#include "channel/ring.h"
#include "channel/sequence.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "receive/acknowledge.h"
#include "receive/call.h"
#include "receive/claim_next.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "shared_buffer.h"

/* ---- everything below is called with the consumers' mutex held ---- */

/* Where what will be handed out of a claim ends: `most` messages of one record, or of several. */
static int handed_out_end(struct receive_call *call, const struct claim_state *state,
			  struct cursor *end)
{
	struct channel *channel = call->channel;
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = tail_now(channel);
	uint32_t left = call->most;
	struct record record;

	*end = state->begin;
	do {
		uint32_t before = end->index;

		if (!ring_get(ring, end->record, tail, &record) ||
		    !ring_skip(ring, &record, left, end))
			return -CHANNEL_EDAMAGED;
		left -= record.messages - before < left ? record.messages - before : left;
	} while (channel->receiving.together > 0 && left > 0 && cursor_before(*end, state->end));
	return 0;
}

/*
 * All messages of one record that its claim holds are handed out, or all of the claim if it is
 * handed out together: what we were not asked for is cut off, so that it is not taken for handed
 * out if we die.
 */
static int claim_fit(struct receive_call *call, struct claim_state *state)
{
	struct channel *channel = call->channel;
	struct cursor end;
	int rc;

	if (call->fits || (state->flags & CLAIM_MID) != 0)
		return 0;
	rc = handed_out_end(call, state, &end);
	if (rc < 0 || !cursor_before(end, state->end) ||
	    (channel->receiving.together == 0 && end.record != state->begin.record))
		return rc;
	claim_split(group_of(channel), channel->receiving.claim, end);
	*state = claim_read(claim_held(channel));
	return 0;
}

static int deliver(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct claim_state state = claim_read(claim_held(channel));
	int rc;

	channel->receiving.piece_acknowledged = false;
	channel->receiving.together = 0;
	if ((call->flags & CHANNEL_TOGETHER) != 0 && (state.flags & CLAIM_MID) == 0) {
		channel->receiving.together = call->most;
		channel->batch.valid = false;
	}
	if (channel->batch.valid && state.begin.record == channel->batch.position &&
	    state.begin.record != channel->batch.end && state.begin.offset == 0 &&
	    channel->claimed[channel->batch.index].messages <= call->most) {
		deliver_claimed(channel, call->delivery);
		return CHANNEL_DELIVERED;
	}
	rc = claim_fit(call, &state);
	if (rc < 0)
		return rc;
	if (channel->receiving.together > 0) {
		/* If we die with it, whoever buries us must keep all of it. */
		state.flags |= CLAIM_TOGETHER;
		claim_write(claim_held(channel), &state);
	}
	return deliver_part(channel, state, call->most, call->delivery);
}

/* We are inside a message: its next piece, if it is there. */
static int receive_piece(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);
	uint64_t tail = tail_now(channel);
	struct record record;

	if (next_read(group).record == tail)
		return RECEIVE_NOTHING;
	if (!piece_get(channel, claim_read(claim_held(channel)).sequence, tail, &record))
		return -CHANNEL_EDAMAGED;
	claim_extend(channel, channel->receiving.claim, &record);
	if ((record.flags & RECORD_ABORTED) == 0)
		return CHANNEL_DELIVERED;
	claim_drop(group, channel->receiving.claim);
	channel->receiving.claim = CLAIM_NONE;
	channel->receiving.piece_acknowledged = false;
	return -CHANNEL_EABORTED;
}

static int receive_any(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (channel->receiving.piece_acknowledged)
		return receive_piece(call);
	if (channel->receiving.claim != CLAIM_NONE)
		return CHANNEL_DELIVERED; /* what is left of a claim that held more than we wanted
					   */
	for (;;) {
		int rc;

		channel->receiving.claim = orphan_find(group);
		if (channel->receiving.claim == CLAIM_NONE)
			return claim_next(call);
		rc = orphan_aborted(channel, channel->receiving.claim);
		if (rc < 0) {
			channel->receiving.claim = CLAIM_NONE; /* it is not ours */
			return rc;
		}
		if (rc == 0)
			break;
	}
	claim_adopt(group, channel->receiving.claim, channel->slot);
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ADOPT, claim_read(claim_held(channel)).end, 0);
	channel->batch.valid = false; /* the attempts are counted with each claim */
	return CHANNEL_DELIVERED;
}

/* What was dropped behind the last message: no other will come and show the gap. */
static void end_dropped(struct channel *channel)
{
	struct group *group = group_of(channel);
	uint64_t sequence = sequence_at(channel, next_read(group));

	if (sequence != 0)
		channel->receiving.missed += next_expect(group, sequence, sequence);
}

/*
 * There is nothing to claim. `events` was read when no producer was attached, before the
 * mutex was locked: was that the end of a stream that we have seen? It is told when we leave and
 * have reported it, see end_tell(): whoever goes on through it may be killed and never do so.
 */
static int stream_end(struct receive_call *call, uint64_t events)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (!channel->receiving.seen_then &&
	    !events_differ(events, channel->receiving.events_then,
			   EVENTS_ATTACHED | EVENTS_DEATHS | EVENTS_ENDS))
		return RECEIVE_NOTHING;
	if (others_hold(channel))
		return RECEIVE_NOTHING; /* its holder may die, and who would do its work? */
	end_dropped(channel);
	channel->receiving.end_events = events;
	channel->receiving.incomplete =
		events_differ(events, channel->receiving.told_then, EVENTS_DEATHS);
	channel->receiving.ended = (call->flags & CHANNEL_FOLLOW) == 0 ||
				   events_differ(events, channel->receiving.told_then, EVENTS_ENDS);
	if (channel->receiving.ended)
		return CHANNEL_ENDED;
	channel->receiving.end_passed = true;
	atomic_store(&group->empty_end, 0); /* an empty stream was ours as one with messages is */
	return (call->flags & CHANNEL_PASSING) != 0 ? CHANNEL_PASSED : RECEIVE_NOTHING;
}

/* Is there work for another consumer of our group? */
static bool work_left(const struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (orphan_find(group) != CLAIM_NONE)
		return true;
	if (!call->delivered && channel->receiving.claim != CLAIM_NONE &&
	    (claim_read(claim_held(channel)).flags & CLAIM_MID) != 0)
		return false; /* what follows are pieces of the message in our hands */
	return !cursor_equal(next_read(group), cursor_at(tail_now(channel)));
}

static int receive_locked(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct producers *producers = producers_of(channel);
	bool held = channel->receiving.claim != CLAIM_NONE;
	uint64_t events, events_after;
	bool no_producers;
	int rc;

	/*
	 * Before we look at tail: is nobody there who could still send? An attaching producer
	 * sets its bit, then counts; a leaving one counts, then clears it. So if the count is the
	 * same on both sides of "nobody", it is the count of all who have been and gone.
	 */
	events = atomic_load(&producers->events);
	no_producers = atomic_load(&producers->side.attached) == 0;
	events_after = atomic_load(&producers->events);
	no_producers = no_producers && events == events_after;

	call->head_may_move = claims_in_use(group_of(channel)) != 0;
	delivery_done(channel);
	rc = claims_recover(channel);
	if (rc == 0)
		rc = receive_any(call);
	if (rc == RECEIVE_NOTHING && channel->receiving.claim == CLAIM_NONE && no_producers &&
	    others_hold(channel)) {
		/* Only its claim keeps the stream from its end; nobody wakes us when it dies. */
		rc = side_probe(channel, CHANNEL_CONSUMER);
		if (rc == 0)
			rc = receive_any(call);
	}
	if (rc == RECEIVE_NOTHING && channel->receiving.claim == CLAIM_NONE && no_producers) {
		rc = stream_end(call, events);
		call->more = held; /* our claim may have been all that another one waited for */
	}
	if (rc == CHANNEL_DELIVERED && !call->delivered) {
		rc = deliver(call);
		if (rc < 0) { /* nothing was handed out, so nothing will be acknowledged */
			channel->receiving.delivered_end = claim_read(claim_held(channel)).begin;
			channel->receiving.delivered_messages = 0;
		}
	}
	if (rc == CHANNEL_DELIVERED || rc == -CHANNEL_EABORTED)
		call->more = work_left(call);
	if (rc != -CHANNEL_EDAMAGED && (call->head_may_move || !call->delivered))
		call->head_moved = head_advance(consumers_of(channel));
	return rc;
}

void receive_wake(struct channel *channel, bool head_moved, bool more)
{
	if (head_moved)
		producers_wake_for_head(channel);
	if (more)
		condition_signal(condition_data(channel, group_of(channel)));
}

static int receive_lock(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct deadline deadline;
	int rc = side_try_lock(channel, CHANNEL_CONSUMER);

	if (rc != -EBUSY)
		return rc;
	deadline = *receive_deadline(call);
	if (channel->options.nonblock)
		deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	if (rc == -ETIMEDOUT) {
		/* The wait is over; for the last look, a busy mutex is not a taken one. */
		deadline = deadline_after(NS_PER_SEC, -ETIMEDOUT, &channel->interrupted);
		rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	}
	return rc;
}

int receive_under_lock(struct receive_call *call)
{
	struct channel *channel = call->channel;

	call->delivered = false;
	call->fits = false;
	call->more = false;
	call->head_moved = false;
	if (channel->options.observe)
		return -EINVAL; /* it is in no group: see tap.h */
	call->result = receive_lock(call);
	if (call->result == 0) {
		channel->report.lock_taken = false;
		call->result = receive_locked(call);
		side_unlock(channel, CHANNEL_CONSUMER);
		receive_wake(channel, call->head_moved, call->more);
	}
	return call->result;
}

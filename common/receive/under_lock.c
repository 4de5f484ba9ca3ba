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
#include "receive/stream_over.h"
#include "shared_buffer.h"

/* ---- up to receive_locked(), every function needs the consumers' mutex ---- */

/*
 * Sets *end to where a delivery of call->most messages from the claim will end: within its first
 * record, or, for a combined delivery, within the claim.
 */
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
 * Splits off the claim's messages that the caller has not asked for, before anything is handed out.
 * A process that buries us takes it that all messages of the claim's first record were handed out,
 * or all of the claim if it is a combined delivery; what was not handed out must not count as such.
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

/*
 * Hands out the first part of our claim. Within a batch, the next record. Returns RECEIVE_DELIVERED
 * or RECEIVE_FAILED.
 */
static enum receive_result deliver(struct receive_call *call)
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
		return RECEIVE_DELIVERED;
	}
	rc = claim_fit(call, &state);
	if (rc < 0)
		return receive_failed(call, rc);
	if (channel->receiving.together > 0) {
		/* If we die with it, the process that buries us must keep all of it together. */
		state.flags |= CLAIM_TOGETHER;
		claim_write(claim_held(channel), &state);
	}
	rc = deliver_part(channel, state, call->most, call->delivery);
	return rc < 0 ? receive_failed(call, rc) : RECEIVE_DELIVERED;
}

/*
 * Inside a message longer than the ring: extends our claim by the next piece, if it has come.
 * Returns RECEIVE_DELIVERED, RECEIVE_NOTHING, or RECEIVE_FAILED: with -CHANNEL_EABORTED the claim
 * has ended.
 */
static enum receive_result receive_piece(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);
	uint64_t tail = tail_now(channel);
	struct record record;

	if (next_read(group).record == tail)
		return RECEIVE_NOTHING;
	if (!piece_get(channel, claim_read(claim_held(channel)).sequence, tail, &record))
		return receive_failed(call, -CHANNEL_EDAMAGED);
	claim_extend(channel, channel->receiving.claim, &record);
	if ((record.flags & RECORD_ABORTED) == 0)
		return RECEIVE_DELIVERED;
	claim_drop(group, channel->receiving.claim);
	channel->receiving.claim = CLAIM_NONE;
	channel->receiving.piece_acknowledged = false;
	return receive_failed(call, -CHANNEL_EABORTED);
}

/*
 * Makes channel->receiving.claim a claim that has something to hand out: the one that we have, or
 * an orphan, or a new one. Returns RECEIVE_DELIVERED, or what receive_piece() and claim_next()
 * return.
 */
static enum receive_result receive_any(struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (channel->receiving.piece_acknowledged)
		return receive_piece(call);
	if (channel->receiving.claim != CLAIM_NONE)
		return RECEIVE_DELIVERED; /* the rest of a claim that held more than was wanted */
	for (;;) {
		int rc;

		channel->receiving.claim = orphan_find(group);
		if (channel->receiving.claim == CLAIM_NONE)
			return claim_next(call);
		rc = orphan_aborted(channel, channel->receiving.claim);
		if (rc < 0) {
			channel->receiving.claim = CLAIM_NONE; /* we have not adopted it */
			return receive_failed(call, rc);
		}
		if (rc == 0)
			break;
	}
	claim_adopt(group, channel->receiving.claim, channel->slot);
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ADOPT, claim_read(claim_held(channel)).end, 0);
	channel->batch.valid = false; /* it is not new: attempts are read from the claim */
	return RECEIVE_DELIVERED;
}

/*
 * At an end of the stream: counts the messages that were dropped after the last one. No message
 * will come that shows this gap.
 */
static void end_dropped(struct channel *channel)
{
	struct group *group = group_of(channel);
	uint64_t sequence = sequence_at(channel, next_read(group));

	if (sequence != 0)
		channel->receiving.missed += next_expect(group, sequence, sequence);
}

/*
 * There is nothing to claim, and no producer is attached: decides whether this is the end of a
 * stream that we have seen. `events` is the value that was read when no producer was attached,
 * before tail was read. Returns RECEIVE_ENDED, RECEIVE_PASSED or RECEIVE_NOTHING.
 *
 * The group is told of the end (`told`) only when this consumer detaches after it has reported the
 * end, see end_tell(). A consumer that follows and goes on may be killed and never report it.
 */
static enum receive_result stream_end(struct receive_call *call, uint64_t events)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (!stream_seen(channel, events))
		return RECEIVE_NOTHING;
	if (others_hold(channel))
		return RECEIVE_NOTHING; /* if its owner dies, its messages are for us */
	end_dropped(channel);
	channel->receiving.end_events = events;
	channel->receiving.incomplete =
		events_differ(events, channel->receiving.told_then, EVENTS_DEATHS);
	channel->receiving.ended = (call->flags & CHANNEL_FOLLOW) == 0 ||
				   events_differ(events, channel->receiving.told_then, EVENTS_ENDS);
	if (channel->receiving.ended)
		return RECEIVE_ENDED;
	channel->receiving.end_passed = true;
	atomic_store(&group->empty_end, 0); /* an empty stream is ours, like any other */
	return (call->flags & CHANNEL_PASSING) != 0 ? RECEIVE_PASSED : RECEIVE_NOTHING;
}

/* True if there are messages for another consumer of our group: then one is woken. */
static bool work_left(const struct receive_call *call)
{
	struct channel *channel = call->channel;
	struct group *group = group_of(channel);

	if (orphan_find(group) != CLAIM_NONE)
		return true;
	if (!call->delivered && channel->receiving.claim != CLAIM_NONE &&
	    (claim_read(claim_held(channel)).flags & CLAIM_MID) != 0)
		return false; /* what follows are pieces of the message that we have */
	return !cursor_equal(next_read(group), cursor_at(tail_now(channel)));
}

/* Gets a claim that has something to hand out, if there is one. `gone`: see producers_gone(). */
static enum receive_result claim_get(struct receive_call *call, bool gone)
{
	struct channel *channel = call->channel;
	enum receive_result result;
	int rc = claims_recover(channel);

	if (rc < 0)
		return receive_failed(call, rc);
	result = receive_any(call);
	if (result != RECEIVE_NOTHING || channel->receiving.claim != CLAIM_NONE || !gone ||
	    !others_hold(channel))
		return result;
	/*
	 * Only another consumer's claim keeps the stream from ending, and nobody wakes us if that
	 * consumer dies: look whether it has.
	 */
	rc = side_probe(channel, CHANNEL_CONSUMER);
	return rc < 0 ? receive_failed(call, rc) : receive_any(call);
}

/* Hands out what the claim has. After an error nothing is in hand, so nothing is acknowledged. */
static enum receive_result hand_out(struct receive_call *call)
{
	struct channel *channel = call->channel;
	enum receive_result result = deliver(call);

	if (result == RECEIVE_FAILED) {
		channel->receiving.delivered_end = claim_read(claim_held(channel)).begin;
		channel->receiving.delivered_messages = 0;
	}
	return result;
}

/* Moves head, and notes which endpoints have to be woken after unlocking. */
static void others_note(struct receive_call *call, enum receive_result result)
{
	int error = result == RECEIVE_FAILED ? call->error : 0;

	if (result == RECEIVE_DELIVERED || error == -CHANNEL_EABORTED)
		call->more = work_left(call);
	if (error != -CHANNEL_EDAMAGED && (call->head_may_move || !call->delivered))
		call->head_moved = head_advance(consumers_of(call->channel));
}

/* Does the work of receive_under_lock() between locking and unlocking, and returns its result. */
static enum receive_result receive_locked(struct receive_call *call)
{
	struct channel *channel = call->channel;
	bool held = channel->receiving.claim != CLAIM_NONE;
	uint64_t events;
	bool gone = producers_gone(channel, &events);
	enum receive_result result;

	call->head_may_move = claims_in_use(group_of(channel)) != 0;
	delivery_done(channel);
	result = claim_get(call, gone);
	if (result == RECEIVE_NOTHING && channel->receiving.claim == CLAIM_NONE && gone) {
		result = stream_end(call, events);
		call->more = held; /* another consumer may have waited for our claim to end */
	}
	if (result == RECEIVE_DELIVERED && !call->delivered)
		result = hand_out(call);
	others_note(call, result);
	return result;
}

void receive_wake(struct channel *channel, bool head_moved, bool more)
{
	if (head_moved)
		producers_wake_for_head(channel);
	if (more)
		condition_signal(condition_data(channel, group_of(channel)));
}

/*
 * Locks the consumers' mutex. Waits for it until the deadline of the call, a nonblocking consumer
 * as endpoint_deadline() says. Returns 0 or an error of side_lock().
 */
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
		/*
		 * The time is over, but there is one last look: another second for a mutex that is
		 * only busy, and not held by a process that is stopped.
		 */
		deadline = deadline_after(NS_PER_SEC, -ETIMEDOUT, &channel->interrupted);
		rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	}
	return rc;
}

enum receive_result receive_under_lock(struct receive_call *call)
{
	struct channel *channel = call->channel;
	int rc;

	call->delivered = false;
	call->fits = false;
	call->more = false;
	call->head_moved = false;
	if (channel->options.observe)
		rc = -EINVAL; /* an observer is in no group: see tap.h */
	else
		rc = receive_lock(call);
	if (rc < 0)
		return call->result = receive_failed(call, rc);
	channel->report.lock_taken = false;
	call->result = receive_locked(call);
	side_unlock(channel, CHANNEL_CONSUMER);
	receive_wake(channel, call->head_moved, call->more);
	return call->result;
}

#include <errno.h>

#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/orphan.h"
#include "receive/visit.h"

#define ALL_DONE UINT32_MAX /* of the delivery in hand */

int channel_receive_more(struct channel *channel, struct channel_delivery *delivery)
{
	uint32_t before = channel->delivered_messages;
	struct claim_state state;
	int rc;

	if (channel->claim == NO_CLAIM || before >= channel->together)
		return CHANNEL_ENDED;
	state = claim_read(claim_held(channel)); /* nobody but us changes it */
	if (cursor_equal(channel->delivered_end, state.end))
		return CHANNEL_ENDED;
	state.begin = channel->delivered_end;
	rc = deliver_part(channel, state, channel->together - before, delivery);
	if (rc == CHANNEL_DELIVERED)
		channel->delivered_messages += before;
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

/* Is head, or an acknowledgement, waited for? Our claim may be all that holds it back. */
static bool head_wanted(struct channel *channel, uint64_t position)
{
	struct producers *producers = producers_of(channel);
	uint64_t wanted = atomic_load(&producers->room_wanted);

	return atomic_load(&producers->waiting_ack) != 0 ||
	       ((wanted & 1) != 0 && !position_before(position, wanted & ~UINT64_C(1)));
}

/*
 * Without the mutex: acknowledges what is in hand and delivers the next record, if our claim
 * holds one. False: pay a visit to the mutex, that knows all cases.
 */
static bool receive_on(struct channel *channel, uint32_t most, struct channel_delivery *delivery)
{
	uint64_t position = channel->delivered_end.record;

	if (channel->claim == NO_CLAIM || !channel->batching || position == channel->batch_end ||
	    position != channel->batch_position || channel->delivered_end.offset != 0 ||
	    channel->claimed[channel->batch_index].messages > most || !group_alone(channel))
		return false;
	if (__builtin_expect(channel->trace != NULL, 0))
		claim_trace(channel, TRACE_ACKNOWLEDGE, channel->delivered_end,
			    channel->delivered_messages);
	claim_acknowledge(claim_held(channel), position);
	channel->delivered_messages = 0; /* nothing is in hand until we have the next */
	/* Pairs with the fences in room_wait() and condition_wait(): we see the wish, or who has
	 * it sees in head_catch_up() what we have done. */
	barrier_light(channel->segment.asymmetric);
	if (head_wanted(channel, position))
		return false;
	deliver_claimed(channel, delivery);
	return true;
}

int head_catch_up(struct channel *channel, const struct deadline *deadline)
{
	bool moved;
	int rc;

	if (!groups_hold_claims(consumers_of(channel)))
		return 0;
	rc = side_lock(channel, CHANNEL_CONSUMER, deadline);
	if (rc < 0)
		return rc;
	moved = head_advance(consumers_of(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	/* Another producer may have waited for it, and no consumer will see it move. */
	if (moved)
		producers_wake_for_head(channel);
	return 0;
}

static bool visit_again(void *context)
{
	return visit(context) != VISIT_NOTHING;
}

/*
 * A lone consumer spins on tail itself: a producer that is at work then has nobody to wake. Of
 * several only the one that is woken shall act.
 */
static bool tail_moves(struct channel *channel)
{
	/* What will be read when tail has moved: its payload lies behind its header. */
	const void *next = ring_payload(&channel->segment.ring, channel->known_tail);
	return spin_on_position(&channel->spin, &producers_of(channel)->tail, channel->known_tail,
				next, &channel->interrupted);
}

/* The same, with a trace, unless it does not spin at all. */
static bool tail_moves_soon(struct channel *channel)
{
	struct trace *trace = channel->spin.limit_ns > 0 ? channel->trace : NULL;
	bool moves;

	trace_begin(trace, TRACE_WAIT, TRACE_DATA_AWAKE);
	moves = tail_moves(channel);
	trace_end(trace, TRACE_WAIT, TRACE_DATA_AWAKE);
	return moves;
}

static void gather_sleep(struct channel *channel, uint64_t ns)
{
	struct slot *slot = &consumers_of(channel)->side.slots[channel->slot];

	trace_begin(channel->trace, TRACE_WAIT, TRACE_MORE);
	trace_sleep(channel->trace);
	if (semaphore_wait(&slot->wakeup, NULL, ns) && channel->trace != NULL)
		trace_woken(channel->trace, slot, TRACE_MORE);
	trace_end(channel->trace, TRACE_WAIT, TRACE_MORE);
}

/*
 * Between two looks whether enough has come together. Nobody could wake us for that: producers
 * do not count, and our bit in waiting_data would take wakes away from consumers that act. It is
 * about sixteen looks, and only while there is something to be taken.
 */
static int gather_pause(struct visit *visit)
{
	struct channel *channel = visit->channel;
	uint64_t pause = channel->options.gather_ns / 16;
	uint64_t now = clock_now_ns();

	if (pause < NS_PER_MS)
		pause = NS_PER_MS;
	if (pause > NS_PER_SEC)
		pause = NS_PER_SEC;
	if (now < visit->gather_until_ns) {
		uint64_t left = visit->gather_until_ns - now;

		gather_sleep(channel, pause < left ? pause : left);
	}
	return atomic_load(&channel->interrupted) ? -EINTR : channel_look_after(channel);
}

/* With visits to the mutex, and waiting for something to come. `rc`: what stands in the way. */
static __attribute__((noinline)) int receive_visiting(struct channel *channel, uint32_t most,
						      unsigned flags, uint64_t timeout_ns,
						      struct channel_delivery *delivery, int rc)
{
	struct visit look = { .channel = channel,
			      .most = most,
			      .flags = flags,
			      .timeout_ns =
				      timeout_ns == 0 ? channel->options.timeout_ns : timeout_ns,
			      .delivery = delivery };

	if (rc == 0)
		rc = visit(&look);
	if (rc == VISIT_NOTHING)
		endpoint_wait_begins(channel);
	while (rc == VISIT_NOTHING || rc == VISIT_GATHERING) {
		bool inside = channel->claim != NO_CLAIM;
		bool spun, found;

		if (rc == VISIT_GATHERING) {
			rc = gather_pause(&look);
			if (rc == 0)
				rc = visit(&look);
			continue;
		}
		if ((flags & CHANNEL_DONTWAIT) != 0 && !inside) {
			rc = -EAGAIN;
			break;
		}
		rc = deadline_passed(visit_deadline(&look));
		if (rc < 0)
			break;
		/* Only the one consumer that is woken shall act; a lone one need not be woken. */
		spun = group_alone(channel);
		if (spun && tail_moves_soon(channel)) {
			rc = visit(&look);
			continue;
		}
		found = condition_wait(
			inside || channel->skipping ? condition_piece(channel)
						    : condition_data(channel, group_of(channel)),
			channel->slot, visit_again, &look, spun ? NULL : &channel->spin,
			deadline_slice_ns(&look.deadline, NS_PER_SEC));
		if (spun)
			spin_learn(&channel->spin);
		if (found) {
			rc = look.result;
			continue;
		}
		rc = channel_look_after(channel);
		if (rc == 0)
			rc = visit(&look);
		if (rc == VISIT_NOTHING)
			endpoint_waits(channel, inside ? CHANNEL_WAITS_PIECE : CHANNEL_WAITS_DATA,
				       0);
	}
	if (rc != CHANNEL_DELIVERED) /* a signal that chose us was for somebody who acts */
		condition_signal(condition_data(channel, group_of(channel)));
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

int channel_receive(struct channel *channel, uint32_t most, unsigned flags, uint64_t timeout_ns,
		    struct channel_delivery *delivery)
{
	int rc;

	channel->report.lock_taken = false;
	rc = atomic_load(&channel->interrupted) ? -EINTR : look_after_often(channel);
	if (rc == 0 && receive_on(channel, most, delivery))
		return CHANNEL_DELIVERED;
	return receive_visiting(channel, most, flags, timeout_ns, delivery, rc);
}

/*
 * Ends the first `done` messages in hand and gives the rest back, with the mutex held. If
 * all is done, a message longer than the ring stays claimed: its other pieces are to come.
 */
static void hand_over(struct channel *channel, uint32_t done)
{
	struct cursor begin = claim_read(claim_held(channel)).begin;
	struct cursor delivered = channel->delivered_end;
	uint32_t left = channel->delivered_messages;
	struct record record;

	channel->batching = false; /* what is left of a part was delivered: not for batch_share() */
	if (done > 0 && done >= channel->delivered_messages) {
		delivery_done(channel);
	} else if (done > 0 &&
		   ring_get(&channel->segment.ring, begin.record, tail_now(channel), &record) &&
		   ring_skip(&channel->segment.ring, &record, done, &begin)) {
		channel->delivered_end = begin;
		left = channel->delivered_messages - done;
		channel->delivered_messages = done;
		delivery_done(channel);
	}
	if (channel->claim == NO_CLAIM || (channel->piece_acknowledged && done == ALL_DONE))
		return;
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_GIVE_BACK, claim_read(claim_held(channel)).end, left);
	claim_forsake(channel, group_of(channel), channel->claim, delivered, CLAIM_RETURNED);
	channel->claim = NO_CLAIM;
	channel->piece_acknowledged = false;
}

static int hand_over_locked(struct channel *channel, uint32_t done)
{
	bool head_moved;

	hand_over(channel, done);
	head_moved = head_advance(consumers_of(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	visit_wake(channel, head_moved, true);
	if (channel->report.messages > 0) /* it was found removed with what is acknowledged now */
		channel_count_left(channel);
	return 0;
}

/*
 * What is done with the messages in hand is to be noted in their claim: what else is in it must
 * go. The consumers' mutex is held. False: there is no free entry for the rest.
 */
static bool claim_narrow(struct channel *channel, bool *cut)
{
	struct claim_state state = claim_read(claim_held(channel));

	channel->batching = false; /* receive_on() takes it that nothing is noted */
	*cut = false;
	if ((state.flags & CLAIM_MID) != 0 || !cursor_before(channel->delivered_end, state.end))
		return true;
	*cut = claim_split(group_of(channel), channel->claim, channel->delivered_end);
	return *cut;
}

/* Is there a message in hand, or a part of one? */
static bool in_hand(const struct channel *channel)
{
	return channel->claim != NO_CLAIM && !channel->piece_acknowledged;
}

int channel_retry(struct channel *channel, uint32_t *attempts)
{
	bool cut;
	int rc;

	if (!in_hand(channel))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	if (rc < 0)
		return rc;
	claim_narrow(channel, &cut);
	*attempts = claim_retry(group_of(channel), channel->claim);
	side_unlock(channel, CHANNEL_CONSUMER);
	visit_wake(channel, false, cut);
	return 0;
}

int channel_try(struct channel *channel)
{
	bool cut;
	int rc;

	if (!in_hand(channel))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	if (rc < 0)
		return rc;
	if (claim_narrow(channel, &cut)) /* or the rest would count as tried, too, if we die */
		claim_try(claim_held(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	visit_wake(channel, false, cut);
	return 0;
}

int channel_tried(struct channel *channel, bool failed)
{
	if (!in_hand(channel))
		return -EINVAL;
	if (claim_trying(claim_held(channel)))
		claim_tried(claim_held(channel), failed);
	return 0;
}

int channel_acknowledge(struct channel *channel)
{
	int rc;

	if (channel->claim == NO_CLAIM)
		return 0;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	return rc < 0 ? rc : hand_over_locked(channel, ALL_DONE);
}

int channel_give_back(struct channel *channel, uint32_t done)
{
	struct deadline deadline = endpoint_leave_deadline(channel);
	int rc;

	if (channel->claim == NO_CLAIM)
		return 0;
	rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	return rc < 0 ? rc : hand_over_locked(channel, done);
}

bool channel_alone(struct channel *channel)
{
	return channel->options.observe || !channel->attached || group_alone(channel);
}

bool channel_at_last(struct channel *channel)
{
	if (channel->options.observe || !channel->attached)
		return true;
	return group_alone(channel) && !others_hold(channel) &&
	       cursor_equal(channel->delivered_end,
			    cursor_at(atomic_load(&producers_of(channel)->tail)));
}

uint64_t channel_part_gone(struct channel *channel)
{
	struct claim_state state;

	if (!channel->attached || channel->claim == NO_CLAIM)
		return 0;
	state = claim_read(claim_held(channel)); /* nobody but us changes it */
	return (state.flags & CLAIM_PART) != 0 ? state.sequence : 0;
}

bool channel_end_passed(struct channel *channel)
{
	if (channel->end_passed)
		channel->ended = true;
	return channel->end_passed;
}

bool channel_incomplete(const struct channel *channel)
{
	return channel->incomplete;
}

uint64_t channel_lost(const struct channel *channel)
{
	return channel->lost;
}

uint64_t channel_missed(const struct channel *channel)
{
	return channel->missed;
}

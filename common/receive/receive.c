/*
 * channel_receive(): delivers the next messages. Within a batch this needs no mutex (receive_on()).
 * Otherwise it calls receive_under_lock(), and waits as long as there is nothing.
 */
#include <errno.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/look_after.h"
#include "channel/orphan.h"
#include "channel/ring.h"
#include "channel/spin.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "receive/batch.h"
#include "receive/call.h"
#include "receive/claim_trace.h"
#include "receive/deliver.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

int channel_receive_more(struct channel *channel, struct channel_delivery *delivery)
{
	uint32_t before = channel->receiving.delivered_messages;
	struct claim_state state;
	int rc;

	if (channel->receiving.claim == CLAIM_NONE || before >= channel->receiving.together)
		return CHANNEL_ENDED;
	state = claim_read(claim_held(channel)); /* only its owner changes it */
	if (cursor_equal(channel->receiving.delivered_end, state.end))
		return CHANNEL_ENDED;
	state.begin = channel->receiving.delivered_end;
	rc = deliver_part(channel, state, channel->receiving.together - before, delivery);
	if (rc == CHANNEL_DELIVERED)
		channel->receiving.delivered_messages += before;
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

/*
 * True if a producer waits for head to come to `position` or to something before it, or for an
 * acknowledgement. Our claim may be all that keeps head where it is.
 */
static bool head_wanted(struct channel *channel, uint64_t position)
{
	struct producers *producers = producers_of(channel);
	uint64_t wanted = atomic_load(&producers->room_wanted);

	return atomic_load(&producers->waiting_ack) != 0 ||
	       ((wanted & 1) != 0 && !position_before(position, wanted & ~UINT64_C(1)));
}

/*
 * Acknowledges what is in hand and delivers the next record, without the mutex, if that record
 * belongs to our batch. If false, the caller has to call receive_under_lock(), which handles all
 * cases; what is in hand may have been acknowledged already, which does no harm.
 */
static bool receive_on(struct channel *channel, uint32_t most, struct channel_delivery *delivery)
{
	uint64_t position = channel->receiving.delivered_end.record;

	if (channel->receiving.claim == CLAIM_NONE || !channel->batch.valid ||
	    position == channel->batch.end || position != channel->batch.position ||
	    channel->receiving.delivered_end.offset != 0 ||
	    channel->claimed[channel->batch.index].messages > most || !group_alone(channel))
		return false;
	if (__builtin_expect(channel->trace != NULL, 0))
		claim_trace(channel, TRACE_ACKNOWLEDGE, channel->receiving.delivered_end,
			    channel->receiving.delivered_messages);
	claim_acknowledge(claim_held(channel), position);
	channel->receiving.delivered_messages = 0; /* nothing is in hand until we have the next */
	/*
	 * Between the store of `done` and looking for producers that wait. Pairs with the fences in
	 * room_wait() and condition_wait(): we see the producer's request, or the producer sees in
	 * head_catch_up() what we have acknowledged.
	 */
	barrier_light(channel->segment.asymmetric);
	if (head_wanted(channel, position))
		return false;
	deliver_claimed(channel, delivery);
	return true;
}

/* The look of condition_wait(): one more critical section. True if it found something. */
static bool receive_again(void *context)
{
	return receive_under_lock(context) != RECEIVE_NOTHING;
}

/*
 * Spins for a moment until tail moves; true if it has. A lone consumer does this, so that a
 * producer that keeps sending has nobody to wake. With several consumers only the one that is woken
 * must act, so they do not spin on tail.
 */
static bool tail_moves(struct channel *channel)
{
	/* What will be read when tail has moved: the payload after the next header. */
	const void *next = ring_payload(&channel->segment.ring, channel->receiving.known_tail);
	return spin_on_position(&channel->spin, &producers_of(channel)->tail,
				channel->receiving.known_tail, next, &channel->interrupted);
}

/* Like tail_moves(), and notes the wait in the trace, unless spinning is off. */
static bool wait_awake(struct channel *channel)
{
	struct trace *trace = channel->spin.limit_ns > 0 ? channel->trace : NULL;
	bool moves;

	trace_begin(trace, TRACE_WAIT, TRACE_DATA_AWAKE);
	moves = tail_moves(channel);
	trace_end(trace, TRACE_WAIT, TRACE_DATA_AWAKE);
	return moves;
}

/* Sleeps for `ns` nanoseconds, or until something wakes us. */
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
 * Sleeps between two looks whether enough messages have come together, for a sixteenth of
 * options.gather_ns, but at least 1 ms and at most 1 s. Nobody could wake us for that: producers do
 * not count the messages, and our bit in waiting_data would take wake-ups away from consumers that
 * act. So there are about sixteen looks, and only while there are messages to take. Returns 0 or an
 * error.
 */
static int gather_pause(struct receive_call *call)
{
	struct channel *channel = call->channel;
	uint64_t pause = channel->options.gather_ns / 16;
	uint64_t now = clock_now_ns();

	if (pause < NS_PER_MS)
		pause = NS_PER_MS;
	if (pause > NS_PER_SEC)
		pause = NS_PER_SEC;
	if (now < call->gather_until_ns) {
		uint64_t left = call->gather_until_ns - now;

		gather_sleep(channel, pause < left ? pause : left);
	}
	return atomic_load(&channel->interrupted) ? -EINTR : channel_look_after(channel);
}

/* Waits until more messages may have come together, and looks again. */
static enum receive_result wait_gather(struct receive_call *call)
{
	int rc = gather_pause(call);

	return rc < 0 ? receive_failed(call, rc) : receive_under_lock(call);
}

/*
 * Sleeps until there may be something, up to a second, and looks again. `spin` says how long to
 * spin on our semaphore first; NULL: we have spun already, in vain.
 */
static enum receive_result wait_asleep(struct receive_call *call, struct spin *spin)
{
	struct channel *channel = call->channel;
	bool inside = channel->receiving.claim != CLAIM_NONE;
	struct condition condition;
	enum receive_result result;
	bool found;
	int rc;

	if (inside || channel->receiving.skipping)
		condition = condition_piece(channel);
	else
		condition = condition_data(channel, group_of(channel));
	found = condition_wait(condition, channel->slot, receive_again, call, spin,
			       deadline_slice_ns(&call->deadline, NS_PER_SEC));
	if (spin == NULL)
		spin_learn(&channel->spin);
	if (found)
		return call->result;
	rc = channel_look_after(channel);
	if (rc < 0)
		return receive_failed(call, rc);
	result = receive_under_lock(call);
	if (result == RECEIVE_NOTHING)
		endpoint_waits(channel, inside ? CHANNEL_WAITS_PIECE : CHANNEL_WAITS_DATA, 0);
	return result;
}

/*
 * Waits for something to claim, and looks again. A lone consumer spins on tail before it sleeps,
 * see tail_moves(); one of several spins on its semaphore, because one is woken.
 */
static enum receive_result wait_for_more(struct receive_call *call)
{
	struct channel *channel = call->channel;
	int rc = deadline_passed(receive_deadline(call));

	if (rc < 0)
		return receive_failed(call, rc);
	if (!group_alone(channel))
		return wait_asleep(call, &channel->spin);
	return wait_awake(channel) ? receive_under_lock(call) : wait_asleep(call, NULL);
}

/*
 * Does what channel_receive() does when receive_on() has delivered nothing: calls
 * receive_under_lock() until there is a result, and waits in between. `error` is an error that the
 * caller has found already, or 0.
 */
static __attribute__((noinline)) int receive_waiting(struct channel *channel, uint32_t most,
						     unsigned flags, uint64_t timeout_ns,
						     struct channel_delivery *delivery, int error)
{
	struct receive_call call = { .channel = channel,
				     .most = most,
				     .flags = flags,
				     .timeout_ns = timeout_ns == 0 ? channel->options.timeout_ns
								   : timeout_ns,
				     .delivery = delivery };
	enum receive_result result;

	if (error == 0)
		result = receive_under_lock(&call);
	else
		result = receive_failed(&call, error);
	if (result == RECEIVE_NOTHING)
		endpoint_wait_begins(channel);
	while (result == RECEIVE_NOTHING || result == RECEIVE_GATHERING) {
		if (result == RECEIVE_GATHERING)
			result = wait_gather(&call);
		else if ((flags & CHANNEL_DONTWAIT) != 0 && channel->receiving.claim == CLAIM_NONE)
			result = receive_failed(&call, -EAGAIN);
		else
			result = wait_for_more(&call);
	}
	/* We may have used up a wake-up and take nothing: pass it on. */
	if (result != RECEIVE_DELIVERED)
		condition_signal(condition_data(channel, group_of(channel)));
	channel->report.error = result == RECEIVE_FAILED ? call.error : 0;
	return result == RECEIVE_FAILED ? call.error : (int)result;
}

int channel_receive(struct channel *channel, uint32_t most, unsigned flags, uint64_t timeout_ns,
		    struct channel_delivery *delivery)
{
	int rc;

	channel->report.lock_taken = false;
	rc = atomic_load(&channel->interrupted) ? -EINTR : look_after_often(channel);
	if (rc == 0 && receive_on(channel, most, delivery))
		return CHANNEL_DELIVERED;
	return receive_waiting(channel, most, flags, timeout_ns, delivery, rc);
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
	       cursor_equal(channel->receiving.delivered_end,
			    cursor_at(atomic_load(&producers_of(channel)->tail)));
}

uint64_t channel_part_gone(struct channel *channel)
{
	struct claim_state state;

	if (!channel->attached || channel->receiving.claim == CLAIM_NONE)
		return 0;
	state = claim_read(claim_held(channel)); /* only its owner changes it */
	return (state.flags & CLAIM_PART) != 0 ? state.sequence : 0;
}

bool channel_end_passed(struct channel *channel)
{
	if (channel->receiving.end_passed)
		channel->receiving.ended = true;
	return channel->receiving.end_passed;
}

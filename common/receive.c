#include <errno.h>

#include "claim.h"
#include "endpoint.h"
#include "stream.h"

/* What a visit to the consumers' mutex came back with, beside an error and public results. */
enum { VISIT_NOTHING = 2 };

#define ALL_DONE UINT32_MAX /* of the delivery in hand */

struct visit {
	struct channel *channel;
	uint32_t most;
	unsigned flags;
	struct channel_delivery *delivery;
	const struct deadline *deadline; /* of the whole wait: the lock is a part of it */
	int result;
	bool more; /* for others: wake one when unlocked */
	bool head_moved;
};

static struct claim *claim_held(struct channel *channel)
{
	return &consumers_of(channel)->claims[channel->claim];
}

/* ---- claims that lose their owner ---- */

/*
 * A message of which a part is gone cannot be delivered again: its producer, which waits
 * until head has passed it, learns it from `lost`. Wakes that one only.
 */
static void lost_report(struct channel *channel, const struct claim_state *state)
{
	struct slot *sender;

	if ((state->flags & CLAIM_PART) == 0 || state->producer >= SLOT_COUNT)
		return;
	sender = &producers_of(channel)->side.slots[state->producer];
	/* The slot may have a new owner, who lost a younger message: that one counts. */
	if (position_before(atomic_load(&sender->lost), state->sequence))
		atomic_store(&sender->lost, state->sequence);
	semaphore_post(&sender->wakeup);
}

static void claim_forsake(struct channel *channel, int index)
{
	struct consumers *consumers = consumers_of(channel);
	struct claim_state state = claim_read(&consumers->claims[index]);

	lost_report(channel, &state);
	claim_orphan(consumers, index);
}

int consumer_bury(struct channel *channel, unsigned slot)
{
	struct consumers *consumers = consumers_of(channel);

	for (uint64_t used = claims_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctzll(used);

		if (claim_owner(&consumers->claims[index]) == slot + 1)
			claim_forsake(channel, index);
	}
	return 0;
}

int consumers_repair(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	struct cursor next = next_read(consumers);

	claims_recount(consumers);
	for (uint64_t used = claims_in_use(consumers); used != 0; used &= used - 1) {
		struct claim_state state = claim_read(&consumers->claims[__builtin_ctzll(used)]);

		if (cursor_before(next, state.end)) /* it died between the claim and `next` */
			next = state.end;
	}
	if (!cursor_equal(next, next_read(consumers)))
		next_write(consumers, next);
	if (!ring_valid_consumers(&channel->segment.ring, channel->segment.shared))
		return -CHANNEL_EDAMAGED;
	head_advance(consumers);
	return 0;
}

/* ---- one visit: everything below is called with the consumers' mutex held ---- */

static uint64_t tail_now(struct channel *channel)
{
	/* The records before it are complete. Pairs with the release store in send.c. */
	return atomic_load_explicit(&producers_of(channel)->tail, memory_order_acquire);
}

/* The next piece of a message that goes on: it must be there and belong to it. */
static bool piece_get(struct channel *channel, uint64_t sequence, uint64_t tail,
		      struct record *record)
{
	struct cursor next = next_read(consumers_of(channel));

	return next.offset == 0 && next.index == 0 &&
	       ring_get(&channel->segment.ring, next.record, tail, record) &&
	       (record->flags & RECORD_CONTINUED) != 0 && record->sequence == sequence;
}

/* Moves the claim of a long message, and `next`, over the piece at `next`. */
static struct claim_state claim_extend(struct channel *channel, int index,
				       const struct record *record)
{
	struct consumers *consumers = consumers_of(channel);
	struct claim *claim = &consumers->claims[index];
	struct claim_state state = claim_read(claim);

	state.begin = next_read(consumers);
	state.end = cursor_after(state.begin.record, record);
	if ((record->flags & RECORD_MORE) == 0)
		state.flags &= ~(uint32_t)CLAIM_MID;
	claim_write(claim, &state);
	next_write(consumers, state.end);
	return state;
}

/*
 * Moves over what is left of a message that has lost a part, as its pieces come, and ends
 * its claim at the last one.
 */
static int lost_sweep(struct channel *channel, int index)
{
	struct consumers *consumers = consumers_of(channel);
	struct claim_state state = claim_read(&consumers->claims[index]);
	struct record record;

	lost_report(channel, &state);
	while ((state.flags & CLAIM_MID) != 0) {
		uint64_t tail = tail_now(channel);

		if (next_read(consumers).record == tail) {
			if (!cursor_equal(state.begin, state.end)) {
				state.begin = state.end; /* free what has come so far */
				claim_write(&consumers->claims[index], &state);
			}
			return 0;
		}
		if (!piece_get(channel, state.sequence, tail, &record))
			return -CHANNEL_EDAMAGED;
		state = claim_extend(channel, index, &record);
	}
	claim_drop(consumers, index);
	channel->lost++;
	return 0;
}

/* Looks through the claims: messages that have lost a part, and owners that cannot be. */
static int claims_sweep(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	uint64_t attached = atomic_load(&consumers->side.attached);

	for (uint64_t used = claims_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctzll(used);
		const struct claim *claim = &consumers->claims[index];
		unsigned owner = claim_owner(claim);
		int rc;

		if (owner == OWNER_FREE)
			continue;
		if (owner != OWNER_NONE && owner > SLOT_COUNT)
			return -CHANNEL_EDAMAGED;
		if (owner != OWNER_NONE && (attached >> (owner - 1) & 1) != 0)
			continue;
		if (owner != OWNER_NONE) /* no slot is given up with a claim: this is damage */
			claim_forsake(channel, index);
		if ((claim_read(claim).flags & CLAIM_PART) == 0)
			continue;
		rc = lost_sweep(channel, index);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* An orphan that can be delivered again, the oldest first; CLAIM_NONE. */
static int orphan_find(struct consumers *consumers)
{
	int oldest = CLAIM_NONE;
	struct cursor begin = { 0 };

	for (uint64_t used = claims_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctzll(used);
		struct claim_state state = claim_read(&consumers->claims[index]);

		if (claim_owner(&consumers->claims[index]) != OWNER_NONE ||
		    (state.flags & CLAIM_PART) != 0)
			continue;
		if (oldest == CLAIM_NONE || cursor_before(state.begin, begin)) {
			oldest = index;
			begin = state.begin;
		}
	}
	return oldest;
}

/* Is there a claim that is not ours? It may come back. */
static bool others_hold(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	for (uint64_t used = claims_in_use(consumers); used != 0; used &= used - 1) {
		unsigned owner = claim_owner(&consumers->claims[__builtin_ctzll(used)]);

		if (owner != OWNER_FREE && owner != channel->slot + 1)
			return true;
	}
	return false;
}

/* Ends the delivery in hand: its bytes have been used. */
static void delivery_done(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	struct claim_state state;

	if (channel->claim == NO_CLAIM || channel->piece_acknowledged ||
	    cursor_equal(channel->delivered_end, claim_read(claim_held(channel)).begin))
		return;
	state = claim_read(claim_held(channel));
	if ((state.flags & CLAIM_MID) != 0) {
		state.begin = state.end;
		state.flags |= CLAIM_PART;
		claim_write(claim_held(channel), &state);
		channel->piece_acknowledged = true;
	} else if (cursor_equal(channel->delivered_end, state.end)) {
		claim_drop(consumers, channel->claim);
		channel->claim = NO_CLAIM;
	} else {
		state.begin = channel->delivered_end;
		claim_write(claim_held(channel), &state);
	}
}

/*
 * At the first piece of a message that nobody has seen a part of: if its end is here
 * already and says that it was given up, there is nothing to deliver. *after is behind it.
 */
static int aborted_ahead(struct channel *channel, uint64_t position, uint64_t tail,
			 struct cursor *after)
{
	struct record record;

	do {
		if (!ring_get(&channel->segment.ring, position, tail, &record))
			return -CHANNEL_EDAMAGED;
		*after = cursor_after(position, &record);
		if ((record.flags & RECORD_ABORTED) != 0)
			return 1;
		position = after->record;
	} while ((record.flags & RECORD_MORE) != 0 && position != tail);
	return 0;
}

/*
 * The same for an orphan: drops it, and moves `next` over the message, if that was given up.
 * `next` first: whoever dies in between leaves an orphan of which the same is found.
 */
static int orphan_aborted(struct channel *channel, int index)
{
	struct consumers *consumers = consumers_of(channel);
	struct claim_state state = claim_read(&consumers->claims[index]);
	struct cursor after;
	int rc;

	if ((state.flags & CLAIM_MID) == 0)
		return 0;
	rc = aborted_ahead(channel, state.begin.record, tail_now(channel), &after);
	if (rc <= 0)
		return rc;
	if (cursor_before(next_read(consumers), after))
		next_write(consumers, after);
	claim_drop(consumers, index);
	return 1;
}

/* Claims from `next`: at most `most` messages of the record there. */
static int claim_next(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct consumers *consumers = consumers_of(channel);
	const struct ring *ring = &channel->segment.ring;
	struct claim_state state = { 0 };
	struct record record;
	uint64_t tail = tail_now(channel);
	int rc;

	for (;;) {
		state.begin = next_read(consumers);
		if (cursor_equal(state.begin, cursor_at(tail)))
			return VISIT_NOTHING;
		if (!ring_get(ring, state.begin.record, tail, &record))
			return -CHANNEL_EDAMAGED;
		if ((record.flags & RECORD_CONTINUED) != 0) /* somebody is inside this message */
			return others_hold(channel) ? VISIT_NOTHING : -CHANNEL_EDAMAGED;
		if ((record.flags & RECORD_MORE) == 0)
			break;
		rc = aborted_ahead(channel, state.begin.record, tail, &state.end);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		next_write(consumers, state.end);
	}
	state.end = state.begin;
	if (!ring_skip(ring, &record, visit->most, &state.end))
		return -CHANNEL_EDAMAGED;
	state.sequence = record.sequence;
	state.producer = record.producer;
	if ((record.flags & RECORD_MORE) != 0)
		state.flags = CLAIM_MID;
	channel->claim = claim_begin(consumers, channel->slot, &state);
	if (channel->claim == CLAIM_NONE)
		return -CHANNEL_EDAMAGED; /* one for each slot: there must be a free one */
	next_write(consumers, state.end);
	return CHANNEL_DELIVERED;
}

/* Fills in what the caller gets of the claim it holds: at most `most` messages. */
static int deliver(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct channel_delivery *delivery = visit->delivery;
	const struct ring *ring = &channel->segment.ring;
	struct claim_state state = claim_read(claim_held(channel));
	struct slot *slot = &consumers_of(channel)->side.slots[channel->slot];
	struct cursor end = state.begin;
	const unsigned char *payload = ring_payload(ring, state.begin.record);
	struct record record;
	uint32_t limit, last_index;

	channel->piece_acknowledged = false;
	if (!ring_get(ring, state.begin.record, tail_now(channel), &record))
		return -CHANNEL_EDAMAGED;
	last_index = state.end.record == state.begin.record ? state.end.index : record.messages;
	if (state.begin.index > last_index || state.begin.offset > record.size)
		return -CHANNEL_EDAMAGED;
	delivery->messages = last_index - state.begin.index;
	if (visit->most < delivery->messages) {
		delivery->messages = visit->most;
		if (!ring_skip(ring, &record, visit->most, &end))
			return -CHANNEL_EDAMAGED;
	} else {
		end = state.end;
	}
	limit = end.record == state.begin.record ? end.offset : record.size;
	if (limit < state.begin.offset || limit > record.size || cursor_before(state.end, end))
		return -CHANNEL_EDAMAGED;

	delivery->bytes = payload + state.begin.offset;
	delivery->size = limit - state.begin.offset;
	delivery->sequence = record.sequence + state.begin.index;
	delivery->delimiter = payload + record.size - record.delimiter_size;
	delivery->delimiter_size = record.delimiter_size;
	delivery->attempts = claim_attempts(claim_held(channel));
	delivery->first = (record.flags & RECORD_CONTINUED) == 0;
	delivery->last = (record.flags & RECORD_MORE) == 0;
	delivery->unterminated = (record.flags & RECORD_UNTERMINATED) != 0;
	channel->delivered_end = end;
	channel->delivered_messages = delivery->messages;

	atomic_fetch_add_explicit(&slot->messages, delivery->messages, memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->bytes, delivery->size, memory_order_relaxed);
	return CHANNEL_DELIVERED;
}

/* We are inside a message: its next piece, if it is there. */
static int receive_piece(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct consumers *consumers = consumers_of(channel);
	uint64_t tail = tail_now(channel);
	struct record record;

	if (next_read(consumers).record == tail)
		return VISIT_NOTHING;
	if (!piece_get(channel, claim_read(claim_held(channel)).sequence, tail, &record))
		return -CHANNEL_EDAMAGED;
	claim_extend(channel, channel->claim, &record);
	if ((record.flags & RECORD_ABORTED) == 0)
		return CHANNEL_DELIVERED;
	claim_drop(consumers, channel->claim);
	channel->claim = NO_CLAIM;
	channel->piece_acknowledged = false;
	return -CHANNEL_EABORTED;
}

static int receive_any(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct consumers *consumers = consumers_of(channel);

	if (channel->piece_acknowledged)
		return receive_piece(visit);
	if (channel->claim != NO_CLAIM)
		return CHANNEL_DELIVERED; /* what is left of a claim that held more than we wanted
					   */
	for (;;) {
		int rc;

		channel->claim = orphan_find(consumers);
		if (channel->claim == CLAIM_NONE)
			return claim_next(visit);
		rc = orphan_aborted(channel, channel->claim);
		if (rc < 0) {
			channel->claim = NO_CLAIM; /* it is not ours */
			return rc;
		}
		if (rc == 0)
			break;
	}
	claim_adopt(consumers, channel->claim, channel->slot);
	return CHANNEL_DELIVERED;
}

/*
 * There is nothing to claim. `events` was read when no producer was attached, before the
 * mutex was locked: if that was the end of a stream that we have seen, tell it.
 */
static int stream_end(struct visit *visit, uint64_t events)
{
	struct channel *channel = visit->channel;
	struct consumers *consumers = consumers_of(channel);

	if (!channel->seen_then && !events_differ(events, channel->events_then,
						  EVENTS_ATTACHED | EVENTS_DEATHS | EVENTS_ENDS))
		return VISIT_NOTHING;
	if (others_hold(channel))
		return VISIT_NOTHING; /* its holder may die, and who would do its work? */
	if (atomic_load(&consumers->told) != events)
		atomic_store(&consumers->told, events);
	atomic_store(&consumers->empty_end, 0);
	if ((visit->flags & CHANNEL_FOLLOW) != 0 &&
	    !events_differ(events, channel->told_then, EVENTS_ENDS))
		return VISIT_NOTHING;
	channel->incomplete = events_differ(events, channel->told_then, EVENTS_DEATHS);
	return CHANNEL_ENDED;
}

/* Is there work for another consumer? */
static bool work_left(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	if (orphan_find(consumers) != CLAIM_NONE)
		return true;
	if (channel->claim != NO_CLAIM && (claim_read(claim_held(channel)).flags & CLAIM_MID) != 0)
		return false; /* what follows are pieces of the message in our hands */
	return !cursor_equal(next_read(consumers), cursor_at(tail_now(channel)));
}

static int visit_locked(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct producers *producers = producers_of(channel);
	bool held = channel->claim != NO_CLAIM;
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

	delivery_done(channel);
	rc = claims_sweep(channel);
	if (rc == 0)
		rc = receive_any(visit);
	if (rc == VISIT_NOTHING && channel->claim == NO_CLAIM && no_producers &&
	    others_hold(channel)) {
		/* Only its claim keeps the stream from its end; nobody wakes us when it dies. */
		rc = side_probe(channel, CHANNEL_CONSUMER);
		if (rc == 0)
			rc = receive_any(visit);
	}
	if (rc == VISIT_NOTHING && channel->claim == NO_CLAIM && no_producers) {
		rc = stream_end(visit, events);
		visit->more = held; /* our claim may have been all that another one waited for */
	}
	if (rc == CHANNEL_DELIVERED) {
		rc = deliver(visit);
		if (rc < 0) { /* nothing was handed out, so nothing will be acknowledged */
			channel->delivered_end = claim_read(claim_held(channel)).begin;
			channel->delivered_messages = 0;
		}
	}
	if (rc == CHANNEL_DELIVERED || rc == -CHANNEL_EABORTED)
		visit->more = work_left(channel);
	if (rc != -CHANNEL_EDAMAGED)
		visit->head_moved = head_advance(consumers_of(channel));
	return rc;
}

/* Wakes whom the changes are for. No mutex is held. */
static void visit_wake(struct channel *channel, bool head_moved, bool more)
{
	if (head_moved)
		producers_wake_for_head(channel);
	if (more)
		condition_signal(condition_data(channel));
}

static int visit(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct deadline deadline = *visit->deadline;

	if (channel->options.nonblock)
		deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	visit->more = false;
	visit->head_moved = false;
	visit->result = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	if (visit->result == -ETIMEDOUT) {
		/* The wait is over; for the last look, a busy mutex is not a taken one. */
		deadline = deadline_after(NS_PER_SEC, -ETIMEDOUT, &channel->interrupted);
		visit->result = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	}
	if (visit->result == 0) {
		channel->report.lock_taken = false;
		visit->result = visit_locked(visit);
		side_unlock(channel, CHANNEL_CONSUMER);
		visit_wake(channel, visit->head_moved, visit->more);
	}
	return visit->result;
}

static bool visit_again(void *context)
{
	return visit(context) != VISIT_NOTHING;
}

int channel_receive(struct channel *channel, uint32_t most, unsigned flags, uint64_t timeout_ns,
		    struct channel_delivery *delivery)
{
	struct deadline deadline =
		deadline_after(timeout_ns == 0 ? channel->options.timeout_ns : timeout_ns,
			       -ETIMEDOUT, &channel->interrupted);
	struct visit look = { .channel = channel,
			      .most = most,
			      .flags = flags,
			      .delivery = delivery,
			      .deadline = &deadline };
	int rc;

	channel->report.lock_taken = false;
	rc = atomic_load(&channel->interrupted) ? -EINTR : channel_look_after(channel);
	if (rc == 0)
		rc = visit(&look);
	while (rc == VISIT_NOTHING) {
		bool inside = channel->claim != NO_CLAIM;

		if ((flags & CHANNEL_DONTWAIT) != 0 && !inside) {
			rc = -EAGAIN;
			break;
		}
		rc = deadline_passed(&deadline);
		if (rc < 0)
			break;
		if (condition_wait(inside ? condition_piece(channel) : condition_data(channel),
				   channel->slot, visit_again, &look,
				   deadline_slice_ns(&deadline, NS_PER_SEC))) {
			rc = look.result;
			break;
		}
		rc = channel_look_after(channel);
		if (rc == 0)
			rc = visit(&look);
	}
	if (rc != CHANNEL_DELIVERED) /* a signal that chose us was for somebody who acts */
		condition_signal(condition_data(channel));
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

/*
 * Ends the first `done` messages in hand and gives the rest back, with the mutex held. If
 * all is done, a message longer than the ring stays claimed: its other pieces are to come.
 */
static void hand_over(struct channel *channel, uint32_t done)
{
	struct cursor begin = claim_read(claim_held(channel)).begin;
	struct record record;

	if (done > 0 && done >= channel->delivered_messages) {
		delivery_done(channel);
	} else if (done > 0 &&
		   ring_get(&channel->segment.ring, begin.record, tail_now(channel), &record) &&
		   ring_skip(&channel->segment.ring, &record, done, &begin)) {
		channel->delivered_end = begin;
		delivery_done(channel);
	}
	if (channel->claim == NO_CLAIM || (channel->piece_acknowledged && done == ALL_DONE))
		return;
	claim_forsake(channel, channel->claim);
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

bool channel_incomplete(const struct channel *channel)
{
	return channel->incomplete;
}

uint64_t channel_lost(const struct channel *channel)
{
	return channel->lost;
}

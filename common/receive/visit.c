#include "receive/visit.h"

#include <errno.h>

#include "channel/claim.h"
#include "channel/events.h"
#include "channel/orphan.h"
#include "receive/together.h"

/*
 * A consumer that is alone claims as many records at once as it has lately used up within
 * BATCH_NS, so that a slow one leaves the most to others who come. A claim keeps its room until
 * it is acknowledged, so it takes no more than BATCH_BYTES and a quarter of the ring beyond its
 * first record: when that room is free, its lines are still in the caches.
 */
enum { BATCH_NS = 10000000, BATCH_BYTES = 65536 };

/* The lines of short records are asked for so many bytes before they are looked at. */
enum { READ_AHEAD = 1024 };

const struct deadline *visit_deadline(struct visit *visit)
{
	if (!visit->deadline_set)
		visit->deadline =
			deadline_after(visit->timeout_ns, -ETIMEDOUT, &visit->channel->interrupted);
	visit->deadline_set = true;
	return &visit->deadline;
}

void claim_trace(struct channel *channel, enum trace_kind kind, struct cursor end,
		 uint32_t messages)
{
	struct claim_state state = claim_read(claim_held(channel));
	/* Not tail_now(): what we have seen of it must not change here. */
	uint64_t tail = atomic_load(&producers_of(channel)->tail);
	uint64_t sequence = state.sequence;
	struct record record;

	if (ring_get(&channel->segment.ring, state.begin.record, tail, &record))
		sequence = record.sequence + state.begin.index;
	trace_event(channel->trace, .kind = (uint8_t)kind, .phase = TRACE_AT,
		    .numbers = { sequence, end.record }, .messages = messages);
}

/* ---- one visit: everything below is called with the consumers' mutex held ---- */

/* The claim is used up: was that soon enough to take more at once? */
static void batch_learn(struct channel *channel)
{
	bool quick = clock_coarse_ns() - channel->claimed_ns < BATCH_NS;

	if (!quick)
		channel->batch = (channel->batch + 1) / 2;
	else if (channel->batch < BATCH_RECORDS_MAX)
		channel->batch *= 2;
}

/* What is left of several records that we claimed when we were alone is for all who are here. */
static void batch_share(struct channel *channel, const struct claim_state *state)
{
	if (!channel->batching || group_alone(channel) ||
	    !cursor_equal(next_read(group_of(channel)), state->end))
		return;
	claim_forsake(channel, group_of(channel), channel->claim, state->begin, CLAIM_UNSEEN);
	channel->claim = NO_CLAIM;
	channel->batch = 1;
}

void delivery_done(struct channel *channel)
{
	struct group *group = group_of(channel);
	struct claim_state state;
	bool used_up;

	if (channel->claim == NO_CLAIM || channel->piece_acknowledged)
		return;
	/* Most often a claim of whole records is used up, which needs no look at it. */
	used_up = channel->batching &&
		  cursor_equal(channel->delivered_end, cursor_at(channel->batch_end));
	if (!used_up) {
		state = claim_read(claim_held(channel));
		if (cursor_equal(channel->delivered_end, state.begin))
			return;
	}
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ACKNOWLEDGE, channel->delivered_end,
			    channel->delivered_messages);
	if (!used_up && (state.flags & CLAIM_MID) != 0) {
		state.begin = state.end;
		state.flags |= CLAIM_PART;
		claim_write(claim_held(channel), &state);
		channel->piece_acknowledged = true;
	} else if (used_up || cursor_equal(channel->delivered_end, state.end)) {
		claim_drop(group, channel->claim);
		channel->claim = NO_CLAIM;
		batch_learn(channel);
	} else {
		state.begin = channel->delivered_end;
		claim_write(claim_held(channel), &state);
		batch_share(channel, &state);
	}
}

/*
 * Asks for the header that will be looked at some records from here, or, if they are long, behind
 * the one that is here: it will be as long as the last. Not beyond tail: there the producer writes.
 */
static inline void header_fetch(struct channel *channel, uint64_t position, uint64_t record_bytes)
{
	uint64_t ahead = record_bytes < READ_AHEAD ? READ_AHEAD : record_bytes;

	if (channel->known_tail - position > ahead)
		__builtin_prefetch(ring_payload(&channel->segment.ring, position + ahead) -
				   sizeof(struct record));
}

static uint64_t batch_bytes(uint64_t capacity)
{
	return capacity / 4 < BATCH_BYTES ? capacity / 4 : BATCH_BYTES;
}

/*
 * Extends a new claim of one record by those behind it, if nobody else is there to take them, but
 * not over a gap where messages were dropped, so that it is noticed when it is come to. Returns how
 * many messages the claim holds then.
 */
static uint32_t claim_batch(struct visit *visit, const struct record *first,
			    struct claim_state *state, uint32_t messages)
{
	struct channel *channel = visit->channel;
	const struct ring *ring = &channel->segment.ring;
	uint64_t most = batch_bytes(ring->capacity);
	struct cursor end = state->end;
	struct record record;

	channel->claimed_ns = clock_coarse_ns();
	channel->batching = record_whole(first) && end.offset == 0 && group_alone(channel);
	channel->batch_index = 0;
	channel->batch_position = state->begin.record;
	channel->batch_sequence = first->sequence;
	channel->claimed[0] = claimed_of(first);
	for (uint32_t records = 1; channel->batching && records < channel->batch; records++) {
		if (end.record == channel->known_tail || end.record - state->begin.record >= most ||
		    !ring_get(ring, end.record, channel->known_tail, &record) ||
		    !record_whole(&record) || record.messages > visit->most - messages ||
		    record.sequence != state->sequence + state->begin.index + messages)
			break;
		channel->claimed[records] = claimed_of(&record);
		messages += record.messages;
		end = cursor_after(end.record, &record);
		header_fetch(channel, end.record, ring_record_bytes(record.size));
	}
	state->end = end;
	channel->batch_end = end.record;
	return messages;
}

/* Is it better to wait until more messages have come together? No longer than for anything else. */
static bool gathering(struct visit *visit, struct cursor begin)
{
	struct channel *channel = visit->channel;
	uint64_t now;

	if ((visit->flags & CHANNEL_TOGETHER) == 0 || channel->options.gather_ns == 0 ||
	    channel->options.nonblock ||
	    !together_expects(channel, begin, visit->most, (visit->flags & CHANNEL_FOLLOW) != 0))
		return false;
	now = clock_now_ns();
	if (visit->gather_until_ns == 0) {
		uint64_t deadline = visit_deadline(visit)->at_ns;

		visit->gather_until_ns = now + channel->options.gather_ns;
		if (visit->gather_until_ns > deadline)
			visit->gather_until_ns = deadline;
	}
	return now < visit->gather_until_ns;
}

/* How many messages a new claim may hold. Who shares leaves the rest of a block to the others. */
static uint32_t claim_most(const struct visit *visit)
{
	uint32_t share = visit->channel->options.share;

	if ((visit->flags & CHANNEL_SHARE) == 0 || share >= visit->most ||
	    group_alone(visit->channel))
		return visit->most;
	return share;
}

/* Claims from `next`. */
static int claim_next(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct group *group = group_of(channel);
	const struct ring *ring = &channel->segment.ring;
	struct claim_state state = { 0 };
	struct record record;
	uint64_t tail = tail_now(channel), sequence;
	uint32_t messages;
	int rc;

	channel->batching = false;
	for (;;) {
		state.begin = next_read(group);
		if (cursor_equal(state.begin, cursor_at(tail))) {
			visit->gather_until_ns = 0; /* others took it, if there was something */
			return VISIT_NOTHING;
		}
		if (!ring_get(ring, state.begin.record, tail, &record))
			return -CHANNEL_EDAMAGED;
		if ((record.flags & RECORD_CONTINUED) != 0) {
			if (others_hold(channel)) /* somebody is inside this message */
				return VISIT_NOTHING;
			/* Our group began behind this message's first piece. */
			channel->skipping = (record.flags & RECORD_MORE) != 0;
			next_write(group, cursor_after(state.begin.record, &record));
			visit->head_may_move = true;
			continue;
		}
		channel->skipping = false;
		if ((record.flags & RECORD_MORE) == 0)
			break;
		rc = aborted_ahead(channel, state.begin.record, tail, &state.end);
		if (rc < 0)
			return rc;
		if (rc == 0)
			break;
		channel->missed += next_expect(group, record.sequence, record.sequence + 1);
		next_write(group, state.end);
		visit->head_may_move = true;
	}
	if (gathering(visit, state.begin)) {
		visit->more = true; /* the wake that we had may have been for one that acts */
		return VISIT_GATHERING;
	}
	state.end = state.begin;
	if (!ring_skip(ring, &record, claim_most(visit), &state.end))
		return -CHANNEL_EDAMAGED;
	state.sequence = record.sequence;
	state.producer = record.producer;
	if ((record.flags & RECORD_MORE) != 0)
		state.flags = CLAIM_MID;
	messages = (state.end.record == state.begin.record ? state.end.index : record.messages) -
		   state.begin.index;
	if ((visit->flags & CHANNEL_TOGETHER) == 0)
		messages = claim_batch(visit, &record, &state, messages);
	else if (record_whole(&record))
		messages = together_extend(channel, &state, messages, claim_most(visit));
	sequence = state.sequence + state.begin.index;
	channel->missed += next_expect(group, sequence, sequence + messages);
	channel->claim = claim_begin(group, channel->slot, &state);
	if (channel->claim == CLAIM_NONE)
		return -CHANNEL_EDAMAGED; /* one for each slot: there must be a free one */
	next_write(group, state.end);
	visit->fits = true;
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_CLAIM, state.end, messages);
	if ((visit->flags & CHANNEL_TOGETHER) == 0 && record_whole(&record) &&
	    state.begin.offset == 0 && state.end.record != state.begin.record) {
		channel->together = 0;
		deliver_claimed(channel, visit->delivery);
		visit->delivered = true;
	}
	return CHANNEL_DELIVERED;
}

/* Where what will be handed out of a claim ends: `most` messages of one record, or of several. */
static int handed_out_end(struct visit *visit, const struct claim_state *state, struct cursor *end)
{
	struct channel *channel = visit->channel;
	const struct ring *ring = &channel->segment.ring;
	uint64_t tail = tail_now(channel);
	uint32_t left = visit->most;
	struct record record;

	*end = state->begin;
	do {
		uint32_t before = end->index;

		if (!ring_get(ring, end->record, tail, &record) ||
		    !ring_skip(ring, &record, left, end))
			return -CHANNEL_EDAMAGED;
		left -= record.messages - before < left ? record.messages - before : left;
	} while (channel->together > 0 && left > 0 && cursor_before(*end, state->end));
	return 0;
}

/*
 * All messages of one record that its claim holds are handed out, or all of the claim if it is
 * handed out together: what we were not asked for is cut off, so that it is not taken for handed
 * out if we die.
 */
static int claim_fit(struct visit *visit, struct claim_state *state)
{
	struct channel *channel = visit->channel;
	struct cursor end;
	int rc;

	if (visit->fits || (state->flags & CLAIM_MID) != 0)
		return 0;
	rc = handed_out_end(visit, state, &end);
	if (rc < 0 || !cursor_before(end, state->end) ||
	    (channel->together == 0 && end.record != state->begin.record))
		return rc;
	claim_split(group_of(channel), channel->claim, end);
	*state = claim_read(claim_held(channel));
	return 0;
}

static int deliver(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct claim_state state = claim_read(claim_held(channel));
	int rc;

	channel->piece_acknowledged = false;
	channel->together = 0;
	if ((visit->flags & CHANNEL_TOGETHER) != 0 && (state.flags & CLAIM_MID) == 0) {
		channel->together = visit->most;
		channel->batching = false;
	}
	if (channel->batching && state.begin.record == channel->batch_position &&
	    state.begin.record != channel->batch_end && state.begin.offset == 0 &&
	    channel->claimed[channel->batch_index].messages <= visit->most) {
		deliver_claimed(channel, visit->delivery);
		return CHANNEL_DELIVERED;
	}
	rc = claim_fit(visit, &state);
	if (rc < 0)
		return rc;
	if (channel->together > 0) {
		/* If we die with it, whoever buries us must keep all of it. */
		state.flags |= CLAIM_TOGETHER;
		claim_write(claim_held(channel), &state);
	}
	return deliver_part(channel, state, visit->most, visit->delivery);
}

/* We are inside a message: its next piece, if it is there. */
static int receive_piece(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct group *group = group_of(channel);
	uint64_t tail = tail_now(channel);
	struct record record;

	if (next_read(group).record == tail)
		return VISIT_NOTHING;
	if (!piece_get(channel, claim_read(claim_held(channel)).sequence, tail, &record))
		return -CHANNEL_EDAMAGED;
	claim_extend(channel, channel->claim, &record);
	if ((record.flags & RECORD_ABORTED) == 0)
		return CHANNEL_DELIVERED;
	claim_drop(group, channel->claim);
	channel->claim = NO_CLAIM;
	channel->piece_acknowledged = false;
	return -CHANNEL_EABORTED;
}

static int receive_any(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct group *group = group_of(channel);

	if (channel->piece_acknowledged)
		return receive_piece(visit);
	if (channel->claim != NO_CLAIM)
		return CHANNEL_DELIVERED; /* what is left of a claim that held more than we wanted
					   */
	for (;;) {
		int rc;

		channel->claim = orphan_find(group);
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
	claim_adopt(group, channel->claim, channel->slot);
	if (channel->trace != NULL)
		claim_trace(channel, TRACE_ADOPT, claim_read(claim_held(channel)).end, 0);
	channel->batching = false; /* the attempts are counted with each claim */
	return CHANNEL_DELIVERED;
}

/* What was dropped behind the last message: no other will come and show the gap. */
static void end_dropped(struct channel *channel)
{
	struct group *group = group_of(channel);
	uint64_t sequence = sequence_at(channel, next_read(group));

	if (sequence != 0)
		channel->missed += next_expect(group, sequence, sequence);
}

/*
 * There is nothing to claim. `events` was read when no producer was attached, before the
 * mutex was locked: was that the end of a stream that we have seen? It is told when we leave and
 * have reported it, see end_tell(): whoever goes on through it may be killed and never do so.
 */
static int stream_end(struct visit *visit, uint64_t events)
{
	struct channel *channel = visit->channel;
	struct group *group = group_of(channel);

	if (!channel->seen_then && !events_differ(events, channel->events_then,
						  EVENTS_ATTACHED | EVENTS_DEATHS | EVENTS_ENDS))
		return VISIT_NOTHING;
	if (others_hold(channel))
		return VISIT_NOTHING; /* its holder may die, and who would do its work? */
	end_dropped(channel);
	channel->end_events = events;
	channel->incomplete = events_differ(events, channel->told_then, EVENTS_DEATHS);
	channel->ended = (visit->flags & CHANNEL_FOLLOW) == 0 ||
			 events_differ(events, channel->told_then, EVENTS_ENDS);
	if (channel->ended)
		return CHANNEL_ENDED;
	channel->end_passed = true;
	atomic_store(&group->empty_end, 0); /* an empty stream was ours as one with messages is */
	return (visit->flags & CHANNEL_PASSING) != 0 ? CHANNEL_PASSED : VISIT_NOTHING;
}

/* Is there work for another consumer of our group? */
static bool work_left(const struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct group *group = group_of(channel);

	if (orphan_find(group) != CLAIM_NONE)
		return true;
	if (!visit->delivered && channel->claim != NO_CLAIM &&
	    (claim_read(claim_held(channel)).flags & CLAIM_MID) != 0)
		return false; /* what follows are pieces of the message in our hands */
	return !cursor_equal(next_read(group), cursor_at(tail_now(channel)));
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

	visit->head_may_move = claims_in_use(group_of(channel)) != 0;
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
	if (rc == CHANNEL_DELIVERED && !visit->delivered) {
		rc = deliver(visit);
		if (rc < 0) { /* nothing was handed out, so nothing will be acknowledged */
			channel->delivered_end = claim_read(claim_held(channel)).begin;
			channel->delivered_messages = 0;
		}
	}
	if (rc == CHANNEL_DELIVERED || rc == -CHANNEL_EABORTED)
		visit->more = work_left(visit);
	if (rc != -CHANNEL_EDAMAGED && (visit->head_may_move || !visit->delivered))
		visit->head_moved = head_advance(consumers_of(channel));
	return rc;
}

void visit_wake(struct channel *channel, bool head_moved, bool more)
{
	if (head_moved)
		producers_wake_for_head(channel);
	if (more)
		condition_signal(condition_data(channel, group_of(channel)));
}

static int visit_lock(struct visit *visit)
{
	struct channel *channel = visit->channel;
	struct deadline deadline;
	int rc = side_try_lock(channel, CHANNEL_CONSUMER);

	if (rc != -EBUSY)
		return rc;
	deadline = *visit_deadline(visit);
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

int visit(struct visit *visit)
{
	struct channel *channel = visit->channel;

	visit->delivered = false;
	visit->fits = false;
	visit->more = false;
	visit->head_moved = false;
	if (channel->options.observe)
		return -EINVAL; /* it is in no group: see tap.h */
	visit->result = visit_lock(visit);
	if (visit->result == 0) {
		channel->report.lock_taken = false;
		visit->result = visit_locked(visit);
		side_unlock(channel, CHANNEL_CONSUMER);
		visit_wake(channel, visit->head_moved, visit->more);
	}
	return visit->result;
}

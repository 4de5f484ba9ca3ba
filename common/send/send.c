#include <errno.h>
#include <string.h>

#include "channel/append.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"

/* Up to this size a message is copied under the mutex; a longer one under the turn alone. */
enum { COPY_UNDER_MUTEX_MAX = 16384 };

/* ---- the parts: the producers' mutex is held ---- */

void commit_trace(struct channel *channel)
{
	uint64_t tail = tail_own(channel);
	struct record record;

	/* Another one could write its header anew, were it hostile; then what we say is wrong. */
	memcpy(&record, ring_payload(&channel->segment.ring, tail) - sizeof(record),
	       sizeof(record));
	trace_event(channel->trace, .kind = TRACE_COMMIT, .phase = TRACE_AT,
		    .numbers = { record.sequence, tail + ring_record_bytes(record.size) },
		    .messages = record.messages, .size = record.size);
}

/* Closes the message that `slot` left open, if it did. There is always room for that mark. */
static int message_abort(struct channel *channel, unsigned slot)
{
	struct mark *current = mark_current(channel);
	uint64_t ignored;
	struct record aborted = { .flags = RECORD_ABORTED | RECORD_CONTINUED,
				  .producer = (uint8_t)slot };

	if (current == NULL)
		return -CHANNEL_EDAMAGED;
	if (mark_open(current) != slot + 1)
		return 0;
	frontier_publish(); /* as in record_begin_locked() */
	frontier_move(channel, tail_own(channel) + sizeof(struct record));
	return record_commit(channel, tail_own(channel), aborted, &ignored);
}

/* The turn's holder writes it; not for nothing, as consumers look at it for each message. */
static void room_wish(struct channel *channel, uint64_t wanted)
{
	_Atomic uint64_t *wish = &producers_of(channel)->room_wanted;

	if (atomic_load(wish) != wanted)
		atomic_store(wish, wanted);
}

/*
 * Frees the turn (turn_wake() then signals it) or hands it over: who was woken once and found the
 * turn taken again gets it next, so that nobody is passed over for ever.
 */
static void turn_release(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint32_t heir = producers->turn_next;
	uint64_t bit = heir >= 1 && heir <= SLOT_COUNT ? UINT64_C(1) << (heir - 1) : 0;

	producers->turn_next = 0;
	room_wish(channel, 0); /* who had it may have died, or failed, while it waited */
	if ((atomic_load(&producers->waiting_turn) & bit) != 0) {
		atomic_store(&producers->turn, heir);
		slot_wake(producers->side.slots, heir - 1, channel->trace, TRACE_TURN);
	} else {
		atomic_store(&producers->turn, 0);
	}
}

/*
 * After a release and a fence, without the mutex: wakes one who waits for the turn if it is free.
 */
static void turn_wake(struct channel *channel)
{
	if (atomic_load(&producers_of(channel)->turn) == 0)
		condition_signal_fenced(condition_turn(channel));
}

int producer_bury(struct channel *channel, unsigned slot)
{
	struct producers *producers = producers_of(channel);
	int rc = message_abort(channel, slot);

	if (rc == 0 && atomic_load(&producers->turn) == slot + 1)
		turn_release(channel);
	return rc;
}

/* ---- waiting ---- */

static bool turn_is_mine(struct channel *channel)
{
	return atomic_load(&producers_of(channel)->turn) == channel->slot + 1;
}

static bool turn_ready(void *context)
{
	struct channel *channel = context;
	uint32_t turn = atomic_load(&producers_of(channel)->turn);

	return (turn == 0 || turn == channel->slot + 1) && producers_settled(channel);
}

bool producer_message_lost(struct channel *channel)
{
	uint64_t lost = atomic_load(&producers_of(channel)->side.slots[channel->slot].lost);

	return lost != 0 && lost == channel->open_sequence;
}

/*
 * Which of several groups keeps the room that we wait for? For the message only: read without the
 * consumers' mutex, so it may be the one that did a moment ago.
 */
static void group_note(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	uint32_t used = groups_in_use(consumers);
	int slowest = group_slowest(consumers);
	struct channel_report *report = &channel->report;

	report->held_by_group = slowest != GROUP_NONE && (used & (used - 1)) != 0;
	if (slowest == GROUP_NONE)
		return;
	group_name(&consumers->groups[slowest], report->group);
	report->held_by_group |= report->group[0] != '\0';
	report->members = (unsigned)__builtin_popcountll(
		group_members(consumers, &consumers->groups[slowest]));
}

/* A second has gone by: whoever wants to know why is told. */
static void room_explain(struct channel *channel)
{
	group_note(channel);
	endpoint_waits_on(channel, CHANNEL_WAITS_ROOM, 0);
}

/* Sleeps up to a second, or until the deadline. */
static void room_sleep(struct channel *channel, const struct deadline *deadline)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	bool woken;

	trace_begin(channel->trace, TRACE_WAIT, TRACE_ROOM);
	trace_sleep(channel->trace); /* with the turn: a slow file holds other producers up */
	woken = semaphore_wait(&slot->wakeup, &channel->spin,
			       deadline_slice_ns(deadline, NS_PER_SEC));
	if (woken && channel->trace != NULL)
		trace_woken(channel->trace, slot, TRACE_ROOM);
	trace_end(channel->trace, TRACE_WAIT, TRACE_ROOM);
	if (!woken)
		room_explain(channel);
}

/*
 * While consumers are at work head moves by itself, whenever one of their claims ends: who spins on
 * it asks nobody, and spares them the wake and itself the heavy fence.
 */
static bool room_comes_soon(struct channel *channel)
{
	struct spin *spin = &channel->room_spin;
	struct trace *trace = spin->limit_ns > 0 ? channel->trace : NULL;
	bool comes;

	trace_begin(trace, TRACE_WAIT, TRACE_ROOM_AWAKE);
	comes = spin_until_position(spin, &consumers_of(channel)->head, channel->waited_head,
				    &channel->interrupted);
	if (!comes)
		spin_in_vain(spin); /* consumers are slow, and acknowledge inside their claims */
	trace_end(trace, TRACE_WAIT, TRACE_ROOM_AWAKE);
	return comes;
}

/* Without the mutex, holding the turn: sleeps until head has come to channel->waited_head. */
static int room_wait(struct channel *channel, const struct deadline *deadline)
{
	struct producers *producers = producers_of(channel);
	bool comes = room_comes_soon(channel);
	int rc = 0;

	while (!comes) {
		/* Positions are multiples of 8: bit 0 says that somebody waits. */
		atomic_store(&producers->room_wanted, channel->waited_head | 1);
		/* Pairs with the fences in producers_wake_for_head() and receive_on(). */
		barrier_heavy(channel->segment.membarrier);
		rc = head_catch_up(channel, deadline);
		if (rc < 0 || !position_before(head_now(channel), channel->waited_head))
			break;
		if (channel->inside && producer_message_lost(channel)) {
			rc = -CHANNEL_ELOST;
			break;
		}
		rc = deadline_passed(deadline);
		if (rc == 0)
			rc = channel_look_after(channel);
		if (rc < 0)
			break;
		room_sleep(channel, deadline);
	}
	room_wish(channel, 0);
	return rc;
}

void producers_wake_for_head(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint64_t wanted;

	/* Pairs with the fence in room_wait(): we see the wish, or it sees the head. */
	atomic_thread_fence(memory_order_seq_cst);
	wanted = atomic_load(&producers->room_wanted);
	while ((wanted & 1) != 0 && !position_before(head_now(channel), wanted & ~UINT64_C(1))) {
		/*
		 * The wish first, then whose it is: if the turn passes on in between, the new
		 * holder has stored its own wish, or will look at head.
		 */
		if (atomic_compare_exchange_strong(&producers->room_wanted, &wanted, 0)) {
			uint32_t turn = atomic_load(&producers->turn);

			if (turn >= 1 && turn <= SLOT_COUNT)
				slot_wake(producers->side.slots, turn - 1, channel->trace,
					  TRACE_ROOM);
			break;
		}
	}
	condition_broadcast_fenced(condition_ack(channel));
}

/* What room_look() found. A producer that still writes alone counts as having the turn. */
enum room { ROOM_FREE, ROOM_NONE, ROOM_TURN_TAKEN };

/* Does it wait, if there is no room? */
static bool waits_for_room(const struct channel *channel)
{
	return full_policy(channel) == CHANNEL_FULL_BLOCK || channel->inside;
}

/*
 * Is there room for `bytes` of ring at tail, and the turn free or ours? Reads tail and head
 * once, checks them, and leaves them in channel->room_*. Who needs room that is not there
 * takes the turn. The mutex is held.
 */
static int room_look(struct channel *channel, uint64_t bytes)
{
	struct producers *producers = producers_of(channel);
	uint64_t capacity = channel->segment.ring.capacity;
	uint32_t turn = atomic_load(&producers->turn);
	uint64_t tail, used;
	int rc;

	if (turn > SLOT_COUNT)
		return -CHANNEL_EDAMAGED;
	if (turn != 0 && turn != channel->slot + 1) {
		rc = side_probe(channel, CHANNEL_PRODUCER); /* its holder may be dead */
		if (rc < 0)
			return rc;
		if ((atomic_load(&producers->side.attached) >> (turn - 1) & 1) == 0 &&
		    atomic_load(&producers->turn) == turn)
			turn_release(channel); /* no slot is given up with it: this is damage */
		turn = atomic_load(&producers->turn);
		if (turn != 0 && turn != channel->slot + 1)
			return ROOM_TURN_TAKEN;
	}
	if (!producers_settled(channel))
		return ROOM_TURN_TAKEN;
	if (producers->turn_next == channel->slot + 1)
		producers->turn_next = 0; /* not passed over any more */
	tail = tail_own(channel);	  /* after the probe, which may have closed a message */
	used = tail - channel->known_head;
	if (used + bytes > capacity) {
		known_head_renew(channel);
		used = tail - channel->known_head;
	}
	if (used > capacity)
		return -CHANNEL_EDAMAGED;
	channel->room_tail = tail;
	channel->room_bytes = capacity - used;
	if (channel->room_bytes >= bytes) {
		if (turn != 0)
			room_wish(channel, 0);
		return ROOM_FREE;
	}
	atomic_store(&producers->turn, channel->slot + 1);
	channel->waited_head = tail + bytes - capacity;
	/* As yet without bit 0: for producers that would not wait. */
	if (waits_for_room(channel))
		room_wish(channel, channel->waited_head);
	return ROOM_NONE;
}

/*
 * For one that does not wait for room: there is none, or whoever comes first waits for some. Not
 * while somebody writes as if we were not here.
 */
static bool ring_full(struct channel *channel, int room)
{
	uint64_t missing = room_missing(channel->segment.shared);

	if (waits_for_room(channel))
		return false;
	if (room == ROOM_NONE)
		return true;
	if (room != ROOM_TURN_TAKEN || !producers_settled(channel) || missing == 0)
		return false;
	channel->waited_head = missing; /* first there has to be room for that one */
	return true;
}

/*
 * For one that never waits: would it take more than a moment, as the turn's holder is inside a
 * message longer than the ring? A neighbour that just writes a block does not count.
 */
static bool would_block(struct channel *channel)
{
	struct mark *mark;

	if (!channel->options.nonblock || channel->inside)
		return false;
	mark = mark_current(channel);
	/* Who writes alone is in no message. */
	return mark == NULL ? producers_settled(channel) : mark_open(mark) != 0;
}

/* Without the mutex: sleeps until the turn may be ours. */
static int turn_wait(struct channel *channel, const struct deadline *deadline)
{
	struct producers *producers = producers_of(channel);
	uint32_t turn = atomic_load(&producers->turn);
	int rc;

	condition_wait(condition_turn(channel), channel->slot, turn_ready, channel, &channel->spin,
		       deadline_slice_ns(deadline, NS_PER_SEC));
	rc = deadline_passed(deadline);
	if (rc == deadline->expired && turn >= 1 && turn <= SLOT_COUNT) {
		channel->report.turn_taken = true;
		channel->report.holder = (pid_t)atomic_load(&producers->side.slots[turn - 1].pid);
	} else if (rc == deadline->expired && !producers_settled(channel)) {
		channel->report.turn_taken = true;
	}
	if (rc == 0) {
		turn = atomic_load(&producers->turn);
		endpoint_waits(channel, CHANNEL_WAITS_TURN,
			       turn >= 1 && turn <= SLOT_COUNT
				       ? (pid_t)atomic_load(&producers->side.slots[turn - 1].pid)
				       : channel->report.holder);
	}
	return rc < 0 ? rc : channel_look_after(channel);
}

/* After an error: leaves without the turn, which we may have, or have been given meanwhile. */
static void turn_leave(struct channel *channel)
{
	struct deadline deadline = endpoint_leave_deadline(channel);

	if (!channel->inside && side_lock(channel, CHANNEL_PRODUCER, &deadline) == 0) {
		if (turn_is_mine(channel))
			turn_release(channel);
		side_unlock(channel, CHANNEL_PRODUCER);
	}
	atomic_thread_fence(memory_order_seq_cst);
	turn_wake(channel); /* a signal that woke us was for somebody who sends */
}

/*
 * Locks the producers' mutex when the turn is free or ours and there is room for `bytes` of
 * ring at tail, and returns 0. On an error, and if `messages` were dropped instead
 * (CHANNEL_DROPPED), nothing is held, and the turn only if we are inside a message.
 */
static int room_lock(struct channel *channel, uint64_t bytes, uint32_t messages)
{
	struct producers *producers = producers_of(channel);
	struct deadline deadline;
	uint64_t hopeless = 0; /* the head that could not be reached */
	bool passed_over = false;
	int rc;

	channel->report.turn_taken = channel->report.lock_taken = false;
	channel->report.held_by_group = false;
	rc = channel_interrupted(channel) ? -EINTR : look_after_often(channel);
	if (rc == 0 && side_try_lock(channel, CHANNEL_PRODUCER) == 0) {
		if (room_look(channel, bytes) == ROOM_FREE)
			return 0;
		side_unlock(channel, CHANNEL_PRODUCER);
	}
	deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	endpoint_wait_begins(channel);
	while (rc == 0) {
		bool full;
		int room;

		rc = side_lock(channel, CHANNEL_PRODUCER, &deadline);
		if (rc < 0)
			break;
		room = room_look(channel, bytes);
		if (room == ROOM_FREE)
			return 0;
		full = ring_full(channel, room);
		if (room < 0)
			rc = room;
		else if (full && hopeless == channel->waited_head)
			rc = full_answer(channel, messages);
		else if (!full && would_block(channel))
			rc = -EAGAIN;
		else if (room == ROOM_TURN_TAKEN && passed_over && producers->turn_next == 0)
			producers->turn_next = channel->slot + 1;
		side_unlock(channel, CHANNEL_PRODUCER);
		if (rc == -EAGAIN && full)
			group_note(channel);
		if (rc != 0)
			break;
		if (full) {
			/*
			 * There may be room now, for us, or for who comes first and then goes on.
			 */
			rc = full_make_room(channel, &deadline);
			hopeless = rc == 0 ? channel->waited_head : 0;
			rc = rc < 0 ? rc : deadline_passed(&deadline);
			continue;
		}
		hopeless = 0;
		passed_over = room == ROOM_TURN_TAKEN;
		rc = passed_over ? turn_wait(channel, &deadline) : room_wait(channel, &deadline);
	}
	/* Without the mutex, what we may have been given meanwhile is for detach to give back. */
	if (turn_is_mine(channel) || !channel->report.lock_taken)
		turn_leave(channel);
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

/* Commits under the mutex, unlocks, wakes a consumer. */
static int commit_unlock(struct channel *channel, const struct channel_block *block)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	bool was_inside = channel->inside;
	uint64_t sequence;
	struct record record = {
		.size = (uint32_t)block->size + key_size_now(channel),
		.messages = block->messages,
		.delimiter_size = block->delimiter_size,
		.key_size = key_size_now(channel),
		.producer = (uint8_t)channel->slot,
		.flags = (uint8_t)((was_inside ? RECORD_CONTINUED : 0) |
				   ((block->flags & CHANNEL_MORE) != 0 ? RECORD_MORE : 0) |
				   ((block->flags & CHANNEL_UNTERMINATED) != 0 ? RECORD_UNTERMINATED
									       : 0)),
	};
	int rc;

	if (was_inside)
		record.messages = 0;
	if ((block->flags & CHANNEL_MORE) != 0) /* taken before the message can be open */
		atomic_store(&producers_of(channel)->turn, channel->slot + 1);
	rc = record_commit(channel, tail_own(channel), record, &sequence);
	if (rc == 0) {
		channel->open_sequence = sequence;
		channel->sent_end = tail_own(channel);
		channel->inside = (block->flags & CHANNEL_MORE) != 0;
		channel->sent = true;
	}
	channel->reserved = false;
	channel->was_alone = false;
	if (!channel->inside && turn_is_mine(channel))
		turn_release(channel);
	side_unlock(channel, CHANNEL_PRODUCER);

	/* One fence for both: tail and turn are published. Pairs with those in condition_wait(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (rc == 0 && was_inside)
		condition_broadcast(condition_piece(channel)); /* one in each group, at most */
	else if (rc == 0)
		groups_signal(channel);
	turn_wake(channel);
	slot_count(slot, record.messages,
		   block->size - (uint64_t)record.messages * block->delimiter_size);
	return rc;
}

/* ---- the public calls ---- */

int channel_key_set(struct channel *channel, const void *key, size_t size)
{
	if (size > CHANNEL_KEY_MAX)
		return -EINVAL;
	if (channel->inside || channel->reserved)
		return -EBUSY;
	if (size > 0)
		memcpy(channel->key, key, size);
	channel->key_size = (uint8_t)size;
	return 0;
}

size_t channel_message_max(const struct channel *channel)
{
	return (size_t)ring_message_max(channel->segment.ring.capacity) - channel->key_size;
}

size_t channel_block_max(const struct channel *channel)
{
	return (size_t)ring_block_max(channel->segment.ring.capacity) - channel->key_size;
}

/* Ring bytes for a record; any piece but the last leaves room for the aborted mark. */
static uint64_t bytes_needed(struct channel *channel, size_t body, bool more)
{
	return ring_record_bytes(key_size_now(channel) + body) + (more ? sizeof(struct record) : 0);
}

/* channel_reserve() for `messages`, if it is known how many it will be. */
static int reserve(struct channel *channel, size_t least, size_t most, uint32_t messages,
		   unsigned char **at, size_t *room)
{
	uint64_t capacity = channel->segment.ring.capacity;
	uint64_t spare = sizeof(struct record); /* until the commit says that it is the last */
	uint64_t bytes = bytes_needed(channel, least, false);
	size_t body;
	int rc;

	if (least > channel_message_max(channel))
		return -EMSGSIZE;
	if (bytes + spare > capacity)
		spare = 0; /* a whole message that just fits */
	if (least < most)
		known_head_renew(channel); /* the caller takes all the room there is */
	rc = room_lock(channel, bytes + spare, messages);
	if (rc != 0)
		return rc;
	atomic_store(&producers_of(channel)->turn, channel->slot + 1);
	side_unlock(channel, CHANNEL_PRODUCER);
	/* room_lock() found at least what we asked for */
	body = (size_t)(channel->room_bytes - spare - sizeof(struct record)) -
	       key_size_now(channel);
	*room = body < most ? body : most;
	*at = record_begin_locked(channel, channel->room_tail, bytes_needed(channel, *room, false));
	channel->reserved = true;
	channel->reserved_whole = spare == 0;
	channel->reserved_room = *room;
	return 0;
}

int channel_reserve(struct channel *channel, size_t least, size_t most, unsigned char **at,
		    size_t *room)
{
	return reserve(channel, least, most, 0, at, room);
}

int channel_commit(struct channel *channel, const struct channel_block *block)
{
	int rc;

	if (!channel->reserved || block->size > channel->reserved_room ||
	    (channel->reserved_whole && (block->flags & CHANNEL_MORE) != 0))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_PRODUCER);
	if (rc < 0)
		return rc;
	if (!turn_is_mine(channel)) { /* nobody takes it from the living */
		side_unlock(channel, CHANNEL_PRODUCER);
		return -CHANNEL_EDAMAGED;
	}
	return commit_unlock(channel, block);
}

int channel_cancel(struct channel *channel)
{
	int rc;

	if (!channel->reserved)
		return 0;
	channel->reserved = false;
	if (channel->inside)
		return 0;
	rc = side_lock_finish(channel, CHANNEL_PRODUCER);
	if (rc < 0)
		return rc;
	if (turn_is_mine(channel))
		turn_release(channel);
	side_unlock(channel, CHANNEL_PRODUCER);
	atomic_thread_fence(memory_order_seq_cst);
	turn_wake(channel);
	return 0;
}

/* With the mutex, and waiting for room. */
static __attribute__((noinline)) int send_waiting(struct channel *channel, const void *bytes,
						  const struct channel_block *block)
{
	bool more = (block->flags & CHANNEL_MORE) != 0;
	unsigned char *at;
	size_t room;
	int rc;

	if (block->size > COPY_UNDER_MUTEX_MAX) {
		rc = reserve(channel, block->size, block->size, block->messages, &at, &room);
		if (rc != 0)
			return rc;
		memcpy(at, bytes, block->size);
		return channel_commit(channel, block);
	}
	rc = room_lock(channel, bytes_needed(channel, block->size, more), block->messages);
	if (rc != 0)
		return rc;
	at = record_begin_locked(channel, channel->room_tail,
				 bytes_needed(channel, block->size, false));
	if (block->size > 0)
		memcpy(at, bytes, block->size);
	return commit_unlock(channel, block);
}

static inline int send_block(struct channel *channel, const void *bytes,
			     const struct channel_block *block)
{
	bool more = (block->flags & CHANNEL_MORE) != 0;
	int rc;

	if (bytes_needed(channel, block->size, more) > channel->segment.ring.capacity)
		return -EMSGSIZE;
	if (!more) {
		rc = atomic_load(&channel->interrupted) ? -EINTR : look_after_often(channel);
		if (rc == 0)
			rc = send_alone(channel, bytes, block);
		if (rc < 0)
			channel->report.error = rc;
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return send_waiting(channel, bytes, block);
}

int channel_send_block(struct channel *channel, const void *bytes,
		       const struct channel_block *block)
{
	return send_block(channel, bytes, block);
}

/* A message that is longer than the ring streams through it. */
static int send_in_pieces(struct channel *channel, const unsigned char *message, size_t size,
			  unsigned flags)
{
	size_t most = channel_block_max(channel);
	struct channel_block piece = { .messages = 1 };

	if (channel->options.nonblock)
		return -CHANNEL_ETOOBIG;
	do {
		int rc;

		piece.size = size < most ? size : most;
		piece.flags = size > most ? CHANNEL_MORE : flags;
		rc = channel_send_block(channel, message, &piece);
		if (rc != 0)
			return rc;
		message += piece.size;
		size -= piece.size;
	} while (size > 0);
	return channel_wait_acknowledged(channel);
}

int channel_send(struct channel *channel, const void *message, size_t size, unsigned flags)
{
	struct channel_block block = { .size = size, .messages = 1, .flags = flags };

	if (size > channel_message_max(channel))
		return send_in_pieces(channel, message, size, flags);
	return send_block(channel, message, &block);
}

static bool acknowledged(struct channel *channel)
{
	return !position_before(head_now(channel), channel->sent_end) ||
	       producer_message_lost(channel);
}

/* A wait for acknowledgements, and its result. */
struct ack_wait {
	struct channel *channel;
	struct deadline deadline;
	int result;
};

static bool ack_ready(void *context)
{
	struct ack_wait *wait = context;

	if (acknowledged(wait->channel))
		return true;
	wait->result = head_catch_up(wait->channel, &wait->deadline);
	return wait->result < 0 || acknowledged(wait->channel);
}

int channel_wait_acknowledged(struct channel *channel)
{
	struct ack_wait wait = {
		channel,
		deadline_after(channel->options.timeout_ns, -ETIMEDOUT, &channel->interrupted), 0
	};
	int rc = 0;

	endpoint_wait_begins(channel);
	while (channel->sent && !acknowledged(channel)) {
		rc = deadline_passed(&wait.deadline);
		if (rc == 0)
			rc = channel_look_after(channel);
		if (rc < 0)
			break;
		condition_wait(condition_ack(channel), channel->slot, ack_ready, &wait,
			       &channel->spin, deadline_slice_ns(&wait.deadline, NS_PER_SEC));
		rc = wait.result;
		if (rc < 0)
			break;
		if (!acknowledged(channel))
			endpoint_waits(channel, CHANNEL_WAITS_ACKNOWLEDGED, 0);
	}
	if (rc == 0 && producer_message_lost(channel))
		rc = -CHANNEL_ELOST;
	channel->report.error = rc;
	return rc;
}

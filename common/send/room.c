#include "send/room.h"

#include <errno.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "channel/append.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/head.h"
#include "channel/look_after.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/spin.h"
#include "channel/trace.h"
#include "channel/turn.h"
#include "channel/waits.h"
#include "send/alone.h"
#include "send/free_room.h"
#include "send/full.h"
#include "shared_buffer.h"

/* The look of condition_wait(): true if we may take the turn. */
static bool turn_ready(void *context)
{
	struct channel *channel = context;
	uint32_t turn = atomic_load(&producers_of(channel)->turn);

	return (turn == 0 || turn == channel->slot + 1) && producers_settled(channel);
}

/*
 * Notes in the report which of several groups keeps the room that we wait for. This is only for the
 * message to the user: it is read without the consumers' mutex, so it may be out of date.
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

/* After a second of waiting: says why, through options.waiting if it is set. */
static void room_explain(struct channel *channel)
{
	group_note(channel);
	endpoint_waits_on(channel, CHANNEL_WAITS_ROOM, 0);
}

/* Sleeps until woken, but no longer than a second or until the deadline. */
static void room_sleep(struct channel *channel, const struct deadline *deadline)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	bool woken;

	trace_begin(channel->trace, TRACE_WAIT, TRACE_ROOM);
	trace_sleep(channel->trace); /* has the turn: a slow trace file delays others */
	woken = semaphore_wait(&slot->wakeup, &channel->spin,
			       deadline_slice_ns(deadline, NS_PER_SEC));
	if (woken && channel->trace != NULL)
		trace_woken(channel->trace, slot, TRACE_ROOM);
	trace_end(channel->trace, TRACE_WAIT, TRACE_ROOM);
	if (!woken)
		room_explain(channel);
}

/*
 * Spins for a moment until head has come to channel->sending.waited_head; true if it has. While
 * consumers work, head moves whenever one of their claims ends. So a producer that spins on it need
 * not ask for room: consumers are spared the wake-up call, and the producer the heavy fence.
 */
static bool room_comes_soon(struct channel *channel)
{
	struct spin *spin = &channel->room_spin;
	struct trace *trace = spin->limit_ns > 0 ? channel->trace : NULL;
	bool comes;

	trace_begin(trace, TRACE_WAIT, TRACE_ROOM_AWAKE);
	comes = spin_until_position(spin, &consumers_of(channel)->head,
				    channel->sending.waited_head, &channel->interrupted);
	if (!comes)
		spin_in_vain(spin); /* consumers are slow, and acknowledge without ending claims */
	trace_end(trace, TRACE_WAIT, TRACE_ROOM_AWAKE);
	return comes;
}

/*
 * Waits until head has come to channel->sending.waited_head. We have the turn, and no mutex.
 * Returns 0, or a negative error. In either case our request for room is withdrawn.
 */
static int room_wait(struct channel *channel, const struct deadline *deadline)
{
	struct producers *producers = producers_of(channel);
	bool comes = room_comes_soon(channel);
	int rc = 0;

	while (!comes) {
		/* Positions are multiples of 8: bit 0 says that we are to be woken. */
		atomic_store(&producers->room_wanted, channel->sending.waited_head | 1);
		/*
		 * Between the store of our request and the look at what consumers have done. Pairs
		 * with the fences in producers_wake_for_head() and receive_on(): a consumer sees
		 * the request, or we see what it has acknowledged.
		 */
		barrier_heavy(channel->segment.membarrier);
		rc = head_catch_up(channel, deadline);
		if (rc < 0 || !position_before(head_now(channel), channel->sending.waited_head))
			break;
		if (channel->sending.inside && producer_message_lost(channel)) {
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
	room_request(channel, 0);
	return rc;
}

/*
 * What room_look() found. A producer that still writes without the mutex (producers_settled() is
 * false) counts as one that has the turn.
 */
enum room { ROOM_FREE, ROOM_NONE, ROOM_TURN_TAKEN };

/* True if this producer waits when there is no room. Inside a message every producer does. */
static bool waits_for_room(const struct channel *channel)
{
	return full_policy(channel) == CHANNEL_FULL_BLOCK || channel->sending.inside;
}

/*
 * Looks whether we may have the turn: ROOM_FREE if it is free or ours, ROOM_TURN_TAKEN, or a
 * negative error. If another producer has it that has died, this first cleans up after it. *turn is
 * what producers.turn says afterwards. The producers' mutex is held.
 */
static int turn_look(struct channel *channel, uint32_t *turn)
{
	struct producers *producers = producers_of(channel);
	int rc;

	*turn = atomic_load(&producers->turn);
	if (*turn > SLOT_COUNT)
		return -CHANNEL_EDAMAGED;
	if (*turn != 0 && *turn != channel->slot + 1) {
		rc = side_probe(channel, CHANNEL_PRODUCER);
		if (rc < 0)
			return rc;
		/* Whoever frees a slot first releases its turn: a turn without a slot is damage. */
		if ((atomic_load(&producers->side.attached) >> (*turn - 1) & 1) == 0 &&
		    atomic_load(&producers->turn) == *turn)
			turn_release(channel);
		*turn = atomic_load(&producers->turn);
		if (*turn != 0 && *turn != channel->slot + 1)
			return ROOM_TURN_TAKEN;
	}
	return producers_settled(channel) ? ROOM_FREE : ROOM_TURN_TAKEN;
}

/*
 * Looks whether the turn is free or ours and `bytes` bytes of ring are free at tail. Reads tail and
 * head once, checks them, and leaves tail and the free bytes in channel->sending.room_tail and
 * room_bytes. If only the room is missing, takes the turn, and leaves the head that is needed in
 * channel->sending.waited_head. The producers' mutex is held. Returns an enum room, or a negative
 * error.
 */
static int room_look(struct channel *channel, uint64_t bytes)
{
	struct producers *producers = producers_of(channel);
	uint64_t capacity = channel->segment.ring.capacity;
	uint64_t tail, used;
	uint32_t turn;
	bool enough;
	int rc = turn_look(channel, &turn);

	if (rc != ROOM_FREE)
		return rc;
	if (producers->turn_next == channel->slot + 1)
		producers->turn_next = 0; /* we need not be put first any more */
	tail = tail_own(channel);	  /* after the probe, which may have closed a message */
	enough = room_for(channel, tail, bytes);
	used = tail - channel->sending.known_head;
	if (!enough && used > capacity)
		return -CHANNEL_EDAMAGED;
	channel->sending.room_tail = tail;
	channel->sending.room_bytes = capacity - used;
	if (enough) {
		if (turn != 0)
			room_request(channel, 0);
		return ROOM_FREE;
	}
	atomic_store(&producers->turn, channel->slot + 1);
	channel->sending.waited_head = tail + bytes - capacity;
	/*
	 * Without bit 0, as we do not sleep yet: for producers that do not wait, which have to see
	 * that the ring is full (room_missing()).
	 */
	if (waits_for_room(channel))
		room_request(channel, channel->sending.waited_head);
	return ROOM_NONE;
}

/*
 * For a producer that does not wait for room: true if there is none, or if another producer has the
 * turn and waits for room. In the second case channel->sending.waited_head becomes what that
 * producer needs. False while a producer writes without the mutex. The producers' mutex is held.
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
	channel->sending.waited_head = missing; /* the producer that has the turn comes first */
	return true;
}

/*
 * For a nonblocking producer, when another one has the turn: true if the turn will not be free
 * within a moment, because its holder is inside a message longer than the ring. A holder that just
 * writes a block does not count. The producers' mutex is held.
 */
static bool would_block(struct channel *channel)
{
	struct mark *mark;

	if (!channel->options.nonblock || channel->sending.inside)
		return false;
	mark = mark_current(channel);
	/*
	 * A producer that still writes without the mutex may be changing the marks, and is inside
	 * no message. If there is none, the missing mark is damage, which is found later.
	 */
	return mark == NULL ? producers_settled(channel) : mark_open(mark) != 0;
}

/*
 * Sleeps until the turn may be ours, up to a second. No mutex is held. Returns 0 if the caller has
 * to look again, or a negative error; if the time is over, the report names the turn's holder.
 */
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

/*
 * After an error: releases the turn, which we may have taken, or been handed by another producer
 * while we waited. Wakes the next producer.
 */
static void turn_leave(struct channel *channel)
{
	struct deadline deadline = endpoint_leave_deadline(channel);

	if (!channel->sending.inside && side_lock(channel, CHANNEL_PRODUCER, &deadline) == 0) {
		if (turn_is_mine(channel))
			turn_release(channel);
		side_unlock(channel, CHANNEL_PRODUCER);
	}
	atomic_thread_fence(memory_order_seq_cst);
	turn_wake(channel); /* pass on a wake-up that we do not use */
}

/* What room_lock() has to do after one try. */
enum room_step {
	ROOM_GO_ON,  /* there is room, and the producers' mutex is locked */
	ROOM_ANSWER, /* it returns room_memory.answer */
	ROOM_MAKE,   /* the ring is full, and this producer does not wait for consumers */
	ROOM_AWAIT_TURN,
	ROOM_AWAIT_HEAD /* we have the turn, and wait for consumers */
};

/* What room_lock() remembers from one try to the next. */
struct room_memory {
	int answer;	       /* an error, or CHANNEL_DROPPED */
	uint64_t head_in_vain; /* full_make_room() could not move head here; 0: not tried */
	bool waited_for_turn;  /* the last try found the turn taken, and we have waited */
};

/*
 * Locks the producers' mutex and looks for the turn and for room. Unlocks it, except for
 * ROOM_GO_ON. Of the producers that have waited for the turn and find it taken again, the first
 * becomes the successor of its holder.
 */
static enum room_step room_try(struct channel *channel, uint64_t bytes, uint32_t messages,
			       const struct deadline *deadline, struct room_memory *memory)
{
	struct producers *producers = producers_of(channel);
	bool full;
	int room;

	memory->answer = side_lock(channel, CHANNEL_PRODUCER, deadline);
	if (memory->answer < 0)
		return ROOM_ANSWER;
	room = room_look(channel, bytes);
	if (room == ROOM_FREE)
		return ROOM_GO_ON;
	full = ring_full(channel, room);
	if (room < 0)
		memory->answer = room;
	else if (full && memory->head_in_vain == channel->sending.waited_head)
		memory->answer = full_answer(channel, messages);
	else if (!full && would_block(channel))
		memory->answer = -EAGAIN;
	else if (room == ROOM_TURN_TAKEN && memory->waited_for_turn && producers->turn_next == 0)
		producers->turn_next = channel->slot + 1;
	side_unlock(channel, CHANNEL_PRODUCER);
	if (memory->answer == -EAGAIN && full)
		group_note(channel);
	if (memory->answer != 0)
		return ROOM_ANSWER;
	if (full)
		return ROOM_MAKE;
	memory->head_in_vain = 0;
	memory->waited_for_turn = room == ROOM_TURN_TAKEN;
	return room == ROOM_TURN_TAKEN ? ROOM_AWAIT_TURN : ROOM_AWAIT_HEAD;
}

/*
 * Makes room without waiting for consumers: for us, or for the producer that has the turn, which
 * then goes on. Returns 0, or an error.
 */
static int room_make(struct channel *channel, const struct deadline *deadline,
		     struct room_memory *memory)
{
	int rc = full_make_room(channel, deadline);

	memory->head_in_vain = rc == 0 ? channel->sending.waited_head : 0;
	return rc < 0 ? rc : deadline_passed(deadline);
}

/* Tries and waits until there is room, with the mutex locked then (0), or there is an answer. */
static int room_wait_for(struct channel *channel, uint64_t bytes, uint32_t messages)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	struct room_memory memory = { 0 };
	int rc = 0;

	endpoint_wait_begins(channel);
	while (rc == 0) {
		switch (room_try(channel, bytes, messages, &deadline, &memory)) {
		case ROOM_GO_ON:
			return 0;
		case ROOM_ANSWER:
			return memory.answer;
		case ROOM_MAKE:
			rc = room_make(channel, &deadline, &memory);
			break;
		case ROOM_AWAIT_TURN:
			rc = turn_wait(channel, &deadline);
			break;
		case ROOM_AWAIT_HEAD:
			rc = room_wait(channel, &deadline);
			break;
		}
	}
	return rc;
}

int room_lock(struct channel *channel, uint64_t bytes, uint32_t messages)
{
	int rc;

	channel->report.turn_taken = channel->report.lock_taken = false;
	channel->report.held_by_group = false;
	rc = channel_interrupted(channel) ? -EINTR : look_after_often(channel);
	if (rc == 0 && side_try_lock(channel, CHANNEL_PRODUCER) == 0) {
		if (room_look(channel, bytes) == ROOM_FREE)
			return 0;
		side_unlock(channel, CHANNEL_PRODUCER);
	}
	if (rc == 0)
		rc = room_wait_for(channel, bytes, messages);
	if (rc == 0)
		return 0;
	/*
	 * If the mutex could not be had, it cannot be had now either: a turn that we were handed
	 * meanwhile is released when we detach.
	 */
	if (turn_is_mine(channel) || !channel->report.lock_taken)
		turn_leave(channel);
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

#include "channel/endpoint.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/processor.h"
#include "channel/events.h"
#include "channel/group.h"

/*
 * Contention lasts as long as a record header takes to write, a sleep and a wake a hundred
 * times longer: try again a little before sleeping. Not at once: each try takes the mutex's line
 * away from its holder, who is at work beside it.
 */
enum { LOCK_TRIES = 4, LOCK_RESTS = 64 /* one to three microseconds */ };

void endpoint_wake_all(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint32_t turn;

	condition_broadcast(condition_turn(channel));
	/*
	 * After that fence, as head may have been moved before it. Pairs with the fence in
	 * room_wait(): we see whose turn it is, or that one sees the head.
	 */
	turn = atomic_load(&producers->turn);
	condition_broadcast(condition_ack(channel));
	condition_broadcast(condition_data(channel, NULL));
	condition_broadcast(condition_piece(channel));
	if (turn >= 1 && turn <= SLOT_COUNT)
		slot_wake(producers->side.slots, turn - 1, channel->trace, TRACE_TURN);
}

struct side *side_of(struct channel *channel, enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? &producers_of(channel)->side
					: &consumers_of(channel)->side;
}

static struct locks *locks_of(struct channel *channel, enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? &producers_of(channel)->locks
					: &consumers_of(channel)->locks;
}

/* ---- the mutex ---- */

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 30)
#define LOCK_CLOCK		 CLOCK_MONOTONIC
#define lock_until(mutex, until) pthread_mutex_clocklock(mutex, LOCK_CLOCK, until)
#endif
#endif
#ifndef LOCK_CLOCK
/* musl has nothing else; it sleeps for the difference, so only a step just now counts. */
#define LOCK_CLOCK		 CLOCK_REALTIME
#define lock_until(mutex, until) pthread_mutex_timedlock(mutex, until)
#endif

static enum trace_what lock_of(enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? TRACE_PRODUCERS_LOCK : TRACE_CONSUMERS_LOCK;
}

/* Waits for the mutex until `ns` from now, at most. Returns what pthread returns. */
static int mutex_lock_for(pthread_mutex_t *mutex, uint64_t ns)
{
	struct timespec until;

	clock_gettime(LOCK_CLOCK, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / NS_PER_SEC);
	until.tv_nsec = (long)(ns % NS_PER_SEC);
	return lock_until(mutex, &until);
}

/* A lone endpoint of its side finds its name there. */
static void holder_name(struct side *side, uint32_t pid)
{
	if (atomic_load_explicit(&side->holder, memory_order_relaxed) != pid)
		atomic_store_explicit(&side->holder, pid, memory_order_relaxed);
}

/*
 * The one place that learns of a holder's death. Repair first, then declare the mutex
 * consistent: whoever dies in between leaves EOWNERDEAD for the next one.
 */
static int side_locked(struct channel *channel, enum channel_role role, int error)
{
	pthread_mutex_t *mutex = &locks_of(channel, role)->side.mutex;
	int rc = 0;

	if (error == ENOTRECOVERABLE || error == EINVAL)
		return -CHANNEL_EDAMAGED;
	if (error != 0 && error != EOWNERDEAD)
		return -error;
	trace_begin(channel->trace, TRACE_LOCK, lock_of(role));
	holder_name(side_of(channel, role), (uint32_t)channel->pid);
	if (error == 0)
		return 0;

	trace_begin(channel->trace, TRACE_REPAIR, lock_of(role));
	if (role == CHANNEL_CONSUMER)
		rc = consumers_repair(channel);
	else if (!ring_valid_producers(&channel->segment.ring, channel->segment.shared))
		rc = -CHANNEL_EDAMAGED;
	/*
	 * The dead one's `alive` may still say EBUSY: the kernel lets go of its mutexes one by
	 * one, newest first. Then a later probe buries it.
	 */
	if (rc == 0)
		rc = side_probe(channel, role);
	channel->broadcast_due = true;
	pthread_mutex_consistent(mutex);
	trace_end(channel->trace, TRACE_REPAIR, lock_of(role));
	if (rc < 0)
		side_unlock(channel, role);
	return rc;
}

int side_try_lock(struct channel *channel, enum channel_role role)
{
	int error = pthread_mutex_trylock(&locks_of(channel, role)->side.mutex);

	return error == EBUSY ? -EBUSY : side_locked(channel, role, error);
}

int side_lock(struct channel *channel, enum channel_role role, const struct deadline *deadline)
{
	pthread_mutex_t *mutex = &locks_of(channel, role)->side.mutex;
	int error;

	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		error = pthread_mutex_trylock(mutex);
		if (error != EBUSY)
			return side_locked(channel, role, error);
		for (int rests = 0; tries < LOCK_TRIES - 1 && rests < LOCK_RESTS; rests++)
			processor_relax();
	}
	trace_begin(channel->trace, TRACE_WAIT, lock_of(role));
	for (;;) {
		int rc = deadline_passed(deadline);

		if (rc < 0) {
			trace_end(channel->trace, TRACE_WAIT, lock_of(role));
			channel->report.lock_taken = rc != -EINTR;
			channel->report.holder =
				(pid_t)atomic_load(&side_of(channel, role)->holder);
			return rc;
		}
		error = mutex_lock_for(mutex, deadline_slice_ns(deadline, NS_PER_SEC));
		if (error != ETIMEDOUT) {
			trace_end(channel->trace, TRACE_WAIT, lock_of(role));
			return side_locked(channel, role, error);
		}
		trace_sleep(channel->trace); /* its holder is stopped: this may take long */
		endpoint_waits_on(channel, CHANNEL_WAITS_LOCK,
				  (pid_t)atomic_load(&side_of(channel, role)->holder));
	}
}

int side_lock_finish(struct channel *channel, enum channel_role role)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc = side_lock(channel, role, &deadline);

	if (rc == -EINTR) {
		deadline = endpoint_leave_deadline(channel);
		rc = side_lock(channel, role, &deadline);
	}
	return rc;
}

void side_unlock(struct channel *channel, enum channel_role role)
{
	trace_end(channel->trace, TRACE_LOCK, lock_of(role));
	pthread_mutex_unlock(&locks_of(channel, role)->side.mutex);
	if (channel->broadcast_due) {
		channel->broadcast_due = false;
		endpoint_wake_all(channel);
	}
}

/* ---- the slots ---- */

/* Idempotent at every step: whoever dies in it is followed by somebody who does it again. */
static int slot_bury(struct channel *channel, enum channel_role role, unsigned slot)
{
	struct producers *producers = producers_of(channel);
	struct side *side = side_of(channel, role);
	uint64_t bit = UINT64_C(1) << slot;
	int rc;

	channel->broadcast_due = true;
	trace_event(channel->trace, .kind = TRACE_BURY, .phase = TRACE_AT,
		    .what = (uint8_t)lock_of(role), .slot = (uint8_t)slot);
	if (role == CHANNEL_PRODUCER) {
		rc = producer_bury(channel, slot);
		if (rc < 0)
			return rc;
		atomic_store(&side->slots[slot].writing, 0);
		atomic_fetch_and(&producers->waiting_turn, ~bit);
		atomic_fetch_and(&producers->waiting_ack, ~bit);
		atomic_fetch_and(&producers->waiting_consumers, ~bit);
		/* May count twice if we die before the slot is free; "differs" is what matters. */
		atomic_store(&producers->events,
			     events_add(atomic_load(&producers->events), EVENT_DEATH));
	} else {
		rc = consumer_bury(channel, slot);
		if (rc < 0)
			return rc;
		atomic_fetch_and(&consumers_of(channel)->waiting_data, ~bit);
		atomic_fetch_and(&consumers_of(channel)->waiting_piece, ~bit);
	}
	/* The same. */
	atomic_store(&side->recovered, atomic_load(&side->recovered) + 1);
	atomic_fetch_and(&side->attached, ~bit);
	if (role == CHANNEL_CONSUMER)
		groups_settle(consumers_of(channel)); /* its group may have been over but for it */
	return 0;
}

int side_probe(struct channel *channel, enum channel_role role)
{
	struct locks *locks = locks_of(channel, role);
	uint64_t attached = atomic_load(&side_of(channel, role)->attached);

	if (channel->attached && role == channel->role)
		attached &= ~channel->slot_bit;
	for (; attached != 0; attached &= attached - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(attached);
		pthread_mutex_t *alive = &locks->alive[slot].mutex;
		int error = pthread_mutex_trylock(alive);
		int rc;

		if (error == EBUSY)
			continue; /* it lives */
		if (error != 0 && error != EOWNERDEAD)
			return -CHANNEL_EDAMAGED;
		rc = slot_bury(channel, role, slot);
		if (error == EOWNERDEAD)
			pthread_mutex_consistent(alive);
		pthread_mutex_unlock(alive);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int side_enter(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	struct locks *locks = locks_of(channel, channel->role);
	struct side *side = side_of(channel, channel->role);
	uint64_t attached = atomic_load(&side->attached);

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		struct slot *place = &side->slots[slot];
		uint64_t bit = UINT64_C(1) << slot;
		int error;

		if ((attached & bit) != 0)
			continue;
		error = pthread_mutex_trylock(&locks->alive[slot].mutex);
		if (error == EBUSY)
			continue; /* its last owner is still on the way out */
		if (error == EOWNERDEAD)
			pthread_mutex_consistent(&locks->alive[slot].mutex);
		else if (error != 0)
			return -CHANNEL_EDAMAGED;

		atomic_store(&place->tid, (uint32_t)syscall(SYS_gettid));
		atomic_store(&place->pid, (uint32_t)channel->pid);
		atomic_store(&place->lost, 0);
		atomic_store(&place->writing, 0);
		atomic_store(&place->fences, channel->segment.asymmetric ? 0 : 1);
		atomic_store(&place->messages, 0);
		atomic_store(&place->bytes, 0);
		atomic_store(&place->dropped, 0);
		atomic_store(&place->since, channel->since);
		atomic_store(&place->namespaces, channel->namespaces);
		semaphore_drain(&place->wakeup);
		atomic_store(&place->waker, 0);
		channel->slot = slot;
		channel->slot_bit = bit;
		if (channel->options.observe)
			groups_forget(channel);
		else if (channel->role == CHANNEL_CONSUMER)
			group_join(channel);
		/*
		 * In use first, counted second: a consumer that sees the count and nobody here
		 * knows that we have been and gone (see visit_locked()), and if we die in between
		 * we are buried like anybody else.
		 */
		atomic_fetch_or(&side->attached, bit);
		if (channel->role == CHANNEL_PRODUCER)
			atomic_store(&producers->events,
				     events_add(atomic_load(&producers->events), EVENT_ATTACHED));
		else if (!channel->options.observe)
			group_joined(channel);
		channel->attached = true;
		atomic_store(&channel->wakeup, &place->wakeup);
		return 0;
	}
	return -EBUSY;
}

void side_leave(struct channel *channel)
{
	struct side *side = side_of(channel, channel->role);
	uint64_t bit = channel->slot_bit;

	atomic_store(&channel->wakeup, NULL);
	if (channel->role == CHANNEL_PRODUCER) {
		atomic_fetch_and(&producers_of(channel)->waiting_turn, ~bit);
		atomic_fetch_and(&producers_of(channel)->waiting_ack, ~bit);
		atomic_fetch_and(&producers_of(channel)->waiting_consumers, ~bit);
	} else {
		atomic_fetch_and(&consumers_of(channel)->waiting_data, ~bit);
		atomic_fetch_and(&consumers_of(channel)->waiting_piece, ~bit);
		if (!channel->options.observe)
			group_leaving(channel);
	}
	atomic_store(&side->slots[channel->slot].tid, 0);
	atomic_fetch_and(&side->attached, ~bit);
	if (channel->role == CHANNEL_CONSUMER && !channel->options.observe)
		groups_settle(consumers_of(channel));
	pthread_mutex_unlock(&locks_of(channel, channel->role)->alive[channel->slot].mutex);
	channel->attached = false;
}

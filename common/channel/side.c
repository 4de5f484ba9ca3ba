#include "channel/side.h"

#include <errno.h>
#include <time.h>

#include "base/deadline.h"
#include "base/processor.h"
#include "channel/bury.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/slot.h"
#include "channel/trace.h"
#include "channel/validate.h"
#include "channel/waits.h"
#include "shared_buffer.h"

/*
 * How often and how long to try before sleeping. Contention lasts as long as writing a record's
 * header; a sleep and a wake take a hundred times longer. The tries are not made at once: each
 * takes the mutex's cache line away from the holder, which is working next to it.
 */
enum { LOCK_TRIES = 4, LOCK_RESTS = 64 /* one to three microseconds between two tries */ };

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 30)
#define LOCK_CLOCK		 CLOCK_MONOTONIC
#define lock_until(mutex, until) pthread_mutex_clocklock(mutex, LOCK_CLOCK, until)
#endif
#endif
#ifndef LOCK_CLOCK
/*
 * musl has nothing else. It sleeps for the difference to now, so only a clock set at this very
 * moment matters.
 */
#define LOCK_CLOCK		 CLOCK_REALTIME
#define lock_until(mutex, until) pthread_mutex_timedlock(mutex, until)
#endif

/* Waits for the mutex for at most `ns`. Returns what pthread returns. */
static int mutex_lock_for(pthread_mutex_t *mutex, uint64_t ns)
{
	struct timespec until;

	clock_gettime(LOCK_CLOCK, &until);
	ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(ns / NS_PER_SEC);
	until.tv_nsec = (long)(ns % NS_PER_SEC);
	return lock_until(mutex, &until);
}

/*
 * Notes who holds the mutex. An endpoint that is alone on its side finds its own pid there already.
 */
static void holder_note(struct side *side, uint32_t pid)
{
	if (atomic_load_explicit(&side->holder, memory_order_relaxed) != pid)
		atomic_store_explicit(&side->holder, pid, memory_order_relaxed);
}

/*
 * Called after each attempt to lock, with what pthread has returned: the one place that learns of a
 * holder's death. It repairs first and then declares the mutex consistent: if we die in between,
 * the next endpoint gets EOWNERDEAD again.
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
	holder_note(side_of(channel, role), (uint32_t)channel->pid);
	if (error == 0)
		return 0;

	trace_begin(channel->trace, TRACE_REPAIR, lock_of(role));
	if (role == CHANNEL_CONSUMER)
		rc = consumers_repair(channel);
	else if (!ring_valid_producers(&channel->segment.ring, channel->segment.shared))
		rc = -CHANNEL_EDAMAGED;
	/*
	 * The dead holder's `alive` mutex may still be taken (EBUSY): the kernel releases the
	 * mutexes of a dead thread one by one, newest first. Then a later probe buries it.
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
		trace_sleep(channel->trace); /* the holder is stopped: this may take long */
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

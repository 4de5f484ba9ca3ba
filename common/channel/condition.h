/*
 * A condition variable that survives the death of any process that uses it: one binary semaphore
 * for each waiter, and one bitmap for each condition (Birrell, Implementing Condition Variables
 * with Semaphores, 2003). pthread_cond_t will not do between processes that may be killed at any
 * time: one that dies inside it, sleeping or signalling, leaves its internal lock taken or its
 * count of waiters wrong, and the next process that signals hangs (tests/crash/cond_wedge.c shows
 * it).
 *
 * A semaphore here is one word that is changed by one atomic instruction, so no process can die
 * half-way through a change. An unneeded token only makes the waiter check once more.
 *
 * The waiter's thread waits; any endpoint may signal. No mutex is needed, and condition_wait() must
 * not be called with one.
 */
#ifndef CONDITION_H
#define CONDITION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/spin.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/* Puts one token in, and calls the kernel only if the owner sleeps. Async-signal-safe. */
void semaphore_post(_Atomic uint32_t *semaphore);

/*
 * Takes the token; if there is none, sleeps until one comes, for up to timeout_ns; before that it
 * spins, unless `spin` is NULL. True if there was a token. A signal handler, or the last part of an
 * earlier post, may end the sleep early. Only the owner of a slot waits on its semaphore.
 */
bool semaphore_wait(_Atomic uint32_t *semaphore, struct spin *spin, uint64_t timeout_ns);

/*
 * Wakes the owner of slots[slot], which waits for `what` as far as is known. `trace` is the
 * caller's trace, or NULL.
 */
void slot_wake(struct slot *slots, unsigned slot, struct trace *trace, enum trace_what what);

/* Removes a token that was meant for an earlier owner of the slot. */
void semaphore_drain(_Atomic uint32_t *semaphore);

/*
 * A condition: which slots' owners wait for it, and where their semaphores are. A value that points
 * into the shared memory.
 */
struct condition {
	_Atomic uint64_t *waiting; /* bit i: the owner of slots[i] waits */
	struct slot *slots;
	const _Atomic uint64_t *among; /* a signal wakes one of these only; NULL: any waiter */
	/*
	 * A process that publishes may pass barrier_light() only; then the waiter passes
	 * barrier_heavy() with membarrier. See barrier.h.
	 */
	bool heavy;
	struct trace *trace; /* the caller's trace, or NULL */
	/* what is waited for, for the trace */
	enum trace_what what;
};

/*
 * Waits as the owner of slots[slot]: sets its bit in `waiting`, calls ready(context), sleeps for up
 * to timeout_ns, clears the bit. `ready` checks once more for what the caller waits for: without
 * it, a signal that came between the caller's own check and the bit would be lost. `spin` may be
 * NULL.
 *
 * Returns true if `ready` returned true; it did not sleep then. Returns false after a sleep: the
 * caller has to check again, as there may have been a signal, a time-out or no cause at all. A
 * caller that after a sleep leaves without acting must signal the condition itself: the one signal
 * there was may have been consumed by it.
 */
bool condition_wait(struct condition condition, unsigned slot, bool (*ready)(void *context),
		    void *context, struct spin *spin, uint64_t timeout_ns);

/* Wake one waiter, or all. The caller has published before what the waiters check. */
void condition_signal(struct condition condition);    /* wakes one, if any waits */
void condition_broadcast(struct condition condition); /* wakes all */

/*
 * Like condition_signal() and condition_broadcast(), for a caller that has passed the fence itself,
 * after what it published: one fence may serve several conditions. If `heavy` is set, a light fence
 * is enough.
 */
void condition_signal_fenced(struct condition condition);
void condition_broadcast_fenced(struct condition condition);

#endif

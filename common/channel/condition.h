/*
 * A condition variable that a death cannot wedge: one binary semaphore per waiter and one
 * bitmap per condition (Birrell, Implementing Condition Variables with Semaphores, 2003).
 * pthread_cond_t will not do across processes that can be killed: a sleeper or signaller
 * that dies inside it leaves its internal lock or its waiter count behind, and the next
 * signaller hangs (tests/crash/cond_wedge.c shows it).
 *
 * A semaphore is one word changed by one atomic instruction, so there is no half-done
 * state to die in. A token too many is one spurious turn of the waiter's loop.
 */
#ifndef CONDITION_H
#define CONDITION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/spin.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/* Puts one token in; calls the kernel only if the owner sleeps. Async-signal-safe. */
void semaphore_post(_Atomic uint32_t *semaphore);

/*
 * Takes the token, sleeping for one up to timeout_ns; spins before that, unless `spin` is NULL.
 * True if there was one. A signal, or the tail of an earlier post, may end the sleep early. Only
 * the owner of the slot waits on its semaphore.
 */
bool semaphore_wait(_Atomic uint32_t *semaphore, struct spin *spin, uint64_t timeout_ns);

/*
 * Posts the semaphore of slots[slot], whose owner waits for `what`, as far as is known. `trace`
 * is the caller's, or NULL.
 */
void slot_wake(struct slot *slots, unsigned slot, struct trace *trace, enum trace_what what);

/* Takes away a token that was meant for an earlier owner. */
void semaphore_drain(_Atomic uint32_t *semaphore);

/* A condition: who waits for it, and where their semaphores are. */
struct condition {
	_Atomic uint64_t *waiting; /* bit i: the owner of slots[i] */
	struct slot *slots;
	const _Atomic uint64_t *among; /* a signal chooses one of these only; NULL: of all */
	bool heavy; /* who publishes may do without a fence, so who waits does more (barrier.h) */
	struct trace *trace; /* of who calls; NULL: none */
	enum trace_what what;
};

/*
 * Waits as the owner of slots[slot]: announce, look once more, sleep up to timeout_ns,
 * withdraw. `ready` is that second look; without it a signal between the caller's first
 * look and the announcement would be lost. True if it found what the caller waits for,
 * and nobody slept; false after a sleep: look again, there may have been a signal, a
 * time-out or no cause at all. Who leaves without acting after that signals the condition
 * itself: the one signal there was may have been for it.
 */
bool condition_wait(struct condition condition, unsigned slot, bool (*ready)(void *context),
		    void *context, struct spin *spin, uint64_t timeout_ns);

/* Call these after publishing what the waiters look at. */
void condition_signal(struct condition condition);    /* wakes one, if any */
void condition_broadcast(struct condition condition); /* wakes all */

/*
 * The same, if the caller has put the fence behind what it published: one for several. With
 * `heavy` that may be a light one.
 */
void condition_signal_fenced(struct condition condition);
void condition_broadcast_fenced(struct condition condition);

#endif

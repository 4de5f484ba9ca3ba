/*
 * Asymmetric memory fences. When two threads each store one word and then read the other's word,
 * each of them needs a full fence between its store and its load; then at least one of the two sees
 * the other's store.
 *
 * Here the two halves are not paid for alike. A thread that sends or acknowledges passes its half
 * for every message; a thread that goes to sleep or attaches passes its half seldom. So the seldom
 * half, barrier_heavy(), has the kernel run a fence on every processor that runs a registered
 * process (the system call membarrier; the idea: Desnoyers and others, User-Level Implementations
 * of Read-Copy Update, 2012). The frequent half, barrier_light(), then only has to keep its
 * compiler from reordering.
 *
 * All processes of a channel must agree on the way: the channel's header says which way it is, and
 * a process that cannot use membarrier can have it changed (see channel/fences.c).
 *
 * Called by the thread of an endpoint, on either side. No lock is needed. Private to common/.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Registers this process with the kernel: from now on its threads run the fences that other
 * processes ask for. Returns false if the kernel does not support membarrier, or refuses it.
 */
bool barrier_register(void);

/*
 * The seldom half, for an endpoint that is about to sleep or has just attached: a full fence of its
 * own and, if `membarrier`, one on every processor that runs a registered process; this process
 * must have registered. Takes about a microsecond while others run fences, too.
 */
void barrier_heavy(bool membarrier);

/*
 * The frequent half, for an endpoint that sends or acknowledges: a full fence, or, if `asymmetric`,
 * an order for the compiler only, which costs nothing. `asymmetric` is right only if every endpoint
 * that relies on this half calls barrier_heavy(true).
 */
static inline void barrier_light(bool asymmetric)
{
	if (asymmetric)
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

#endif

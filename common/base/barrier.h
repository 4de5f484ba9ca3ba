/*
 * Fences of which one side pays. Two who store one word each and then look at the other's need a
 * fence between: one of them sees the other. Who sends does that for every message, who sleeps or
 * attaches seldom. So the latter has the kernel run a fence on every processor that runs one of us
 * (membarrier; the idea: Desnoyers and others, User-Level Implementations of Read-Copy Update,
 * 2012), and the former needs to keep its compiler in order only. Private to common/.
 *
 * All who use a channel must agree on it: its header says which way it is, and a process that has
 * no membarrier can have it changed (fences.c).
 */
#ifndef BARRIER_H
#define BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/* Has this process's threads take part from now on. False: the kernel cannot, or may not. */
bool barrier_register(void);

/*
 * The half of an endpoint that sleeps or attaches: about a microsecond if others run fences, too.
 */
void barrier_heavy(bool membarrier);

/* The half of who sends or acknowledges: nothing if `asymmetric`, else a fence. */
static inline void barrier_light(bool asymmetric)
{
	if (asymmetric)
		atomic_signal_fence(memory_order_seq_cst);
	else
		atomic_thread_fence(memory_order_seq_cst);
}

#endif

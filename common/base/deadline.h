/*
 * How long a wait may last and what may end it early. All times are CLOCK_MONOTONIC, in
 * nanoseconds, so setting the wall clock does not matter.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdatomic.h>
#include <stdint.h>

#define NS_PER_SEC     UINT64_C(1000000000)
#define NS_PER_MS      UINT64_C(1000000)
#define DEADLINE_NEVER UINT64_MAX

struct deadline {
	uint64_t at_ns;		       /* DEADLINE_NEVER: wait for ever */
	int expired;		       /* what its passing means: -ETIMEDOUT or -EAGAIN */
	const atomic_int *interrupted; /* a signal handler sets it; NULL: not interruptible */
};

uint64_t clock_now_ns(void);

/* A few milliseconds coarse, and several times cheaper. */
uint64_t clock_coarse_ns(void);

/* A deadline `ns` from now (DEADLINE_NEVER: none); its passing means `expired`. */
struct deadline deadline_after(uint64_t ns, int expired, const atomic_int *interrupted);

/* 0, or -EINTR if interrupted, or `expired` if the time has come. */
int deadline_passed(const struct deadline *deadline);

/* How long to sleep now: until the deadline, but not longer than most_ns. */
uint64_t deadline_slice_ns(const struct deadline *deadline, uint64_t most_ns);

/* Sleeps that long, or until a signal. Only for waits that nobody can wake. */
void deadline_sleep(const struct deadline *deadline, uint64_t most_ns);

#endif

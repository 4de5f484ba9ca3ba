/*
 * Deadlines: how long a wait may last, and what may end it early. All times are CLOCK_MONOTONIC, in
 * nanoseconds, so setting the wall clock does not matter.
 *
 * A struct deadline is a value of the thread that waits; no lock is needed.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include <stdatomic.h>
#include <stdint.h>

#define NS_PER_SEC     UINT64_C(1000000000)
#define NS_PER_MS      UINT64_C(1000000)
#define DEADLINE_NEVER UINT64_MAX

struct deadline {
	uint64_t at_ns; /* when it passes; DEADLINE_NEVER: wait for ever */
	int expired;	/* the error when it has passed: -ETIMEDOUT or -EAGAIN */
	/*
	 * Set to nonzero, by a signal handler say, it interrupts the wait. NULL: the wait cannot be
	 * interrupted. It must live as long as the deadline is used.
	 */
	const atomic_int *interrupted;
};

/* Returns the time now, in ns (CLOCK_MONOTONIC). */
uint64_t clock_now_ns(void);

/* Like clock_now_ns(), but only exact to a few milliseconds, and several times cheaper. */
uint64_t clock_coarse_ns(void);

/*
 * Returns a deadline `ns` from now (DEADLINE_NEVER: it never passes). `expired` is the error that
 * deadline_passed() returns once it has passed; the pointer `interrupted` is kept.
 */
struct deadline deadline_after(uint64_t ns, int expired, const atomic_int *interrupted);

/*
 * Returns 0 while the wait may go on, -EINTR if it is interrupted, `expired` if the deadline has
 * passed.
 */
int deadline_passed(const struct deadline *deadline);

/* Returns how long to sleep now: until the deadline, but at most most_ns. 0 if it has passed. */
uint64_t deadline_slice_ns(const struct deadline *deadline, uint64_t most_ns);

/*
 * Sleeps for deadline_slice_ns(), or until a signal arrives. Only for waits that no other process
 * can end by waking us.
 */
void deadline_sleep(const struct deadline *deadline, uint64_t most_ns);

#endif

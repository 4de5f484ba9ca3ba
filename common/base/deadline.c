#include "base/deadline.h"

#include <errno.h>
#include <time.h>

static uint64_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

struct deadline deadline_after(uint64_t ns, int expired, const atomic_int *interrupted)
{
	/* A wait without end does not need to read the clock. */
	uint64_t now = ns == DEADLINE_NEVER ? 0 : clock_now_ns();

	return (struct deadline){ .at_ns = ns > DEADLINE_NEVER - now ? DEADLINE_NEVER : now + ns,
				  .expired = expired,
				  .interrupted = interrupted };
}

int deadline_passed(const struct deadline *deadline)
{
	if (deadline->interrupted != NULL && atomic_load(deadline->interrupted))
		return -EINTR;
	if (deadline->at_ns != DEADLINE_NEVER && clock_now_ns() >= deadline->at_ns)
		return deadline->expired;
	return 0;
}

uint64_t deadline_slice_ns(const struct deadline *deadline, uint64_t most_ns)
{
	uint64_t now;

	if (deadline->at_ns == DEADLINE_NEVER)
		return most_ns;
	now = clock_now_ns();
	if (now >= deadline->at_ns)
		return 0;
	return deadline->at_ns - now < most_ns ? deadline->at_ns - now : most_ns;
}

void deadline_sleep(const struct deadline *deadline, uint64_t most_ns)
{
	uint64_t ns = deadline_slice_ns(deadline, most_ns);
	struct timespec slice = { .tv_sec = (time_t)(ns / NS_PER_SEC),
				  .tv_nsec = (long)(ns % NS_PER_SEC) };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &slice, NULL);
}

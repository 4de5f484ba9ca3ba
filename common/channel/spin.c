#include "channel/spin.h"

#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/processor.h"
#include "channel/channel.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The longest spin is twice the cost of a sleep. So if two endpoints that answer each other have
 * both fallen asleep, they find back: one of them spins while the other is woken. LOOKS: how often
 * the word is read between two looks at the clock.
 */
enum {
	SPIN_LEAST_NS = 2000,
	SPIN_FIRST_NS = 20000,
	SPIN_WORTH_NS = 50000,
	SPIN_MOST_NS = 100000,
	SPIN_FIXED_MAX_NS = 100000000, /* while spinning, deadlines and the dead are not checked */
	FAILURES_MAX = 6,
	LOOKS = 64,
	ROUNDS = 512, /* of LOOKS: about two milliseconds, less than a scheduler's time slice */
	REST_LEAST = 64,
	REST_MOST = 4096
};

void spin_init(struct spin *spin, uint64_t ns)
{
	*spin = (struct spin){ .fixed = ns != 0, .limit_ns = ns == 0 ? SPIN_FIRST_NS : ns };
	if (spin->limit_ns > SPIN_FIXED_MAX_NS)
		spin->limit_ns = SPIN_FIXED_MAX_NS;
	if (ns == CHANNEL_SPIN_OFF)
		spin->limit_ns = 0;
}

/*
 * True unless the machine has one processor only, on which the waker cannot run while we spin. How
 * many processors we may run on says nothing: a pinned process may have a partner elsewhere.
 * Threads that ask at the same time find the same answer.
 */
static bool several_processors(void)
{
	static atomic_int processors;
	int count = atomic_load_explicit(&processors, memory_order_relaxed);

	if (count == 0) {
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
		atomic_store_explicit(&processors, count, memory_order_relaxed);
	}
	return count != 1;
}

/*
 * Rests if another process wants our processor: a thread that is preempted while it spins takes
 * time from a neighbour that has work to do, such as the program before us in a pipeline. A thread
 * that is never preempted pays one system call for each two milliseconds of spinning.
 */
static void preemption_check(struct spin *spin)
{
	struct rusage usage;
	long before = spin->preempted;

	spin->rounds = 0;
	if (getrusage(RUSAGE_THREAD, &usage) != 0)
		return;
	spin->preempted = usage.ru_nivcsw + 1;
	if (before == 0 || spin->preempted == before) {
		spin->rest_longer = REST_LEAST;
		return;
	}
	spin->resting = spin->rest_longer;
	if (spin->rest_longer < REST_MOST)
		spin->rest_longer *= 2;
}

/* True if spinning may go on. The first call only notes the time. */
static bool spin_goes_on(struct spin *spin, uint64_t limit_ns)
{
	uint64_t now = clock_now_ns();

	spin->rounds++;
	if (spin->began_ns == 0)
		spin->began_ns = now;
	return now - spin->began_ns < limit_ns;
}

/* Begins a wait. Returns how long it may spin, in ns. */
static uint64_t spin_limit(struct spin *spin)
{
	spin->began_ns = 0;
	spin->least = false;
	if (spin->fixed || spin->limit_ns == 0)
		return spin->limit_ns;
	if (spin->rounds >= ROUNDS)
		preemption_check(spin);
	if (spin->resting > 0) {
		spin->resting--;
		spin->least = true;
		return SPIN_LEAST_NS;
	}
	return spin->limit_ns;
}

/*
 * What we waited for came while we spun. If a sleep would have cost less, spin less the next time.
 */
static bool spin_paid(struct spin *spin)
{
	spin->failures = 0;
	if (!spin->fixed && spin->began_ns != 0 && spin->limit_ns > SPIN_WORTH_NS &&
	    clock_now_ns() - spin->began_ns > SPIN_WORTH_NS)
		spin->limit_ns /= 2;
	spin->began_ns = 0;
	return true;
}

bool spin_on_position(struct spin *spin, const _Atomic uint64_t *word, uint64_t value,
		      const void *next, const atomic_int *interrupted)
{
	uint64_t limit = spin_limit(spin);

	if (limit == 0)
		return false;
	do {
		for (int i = 0; i < LOOKS; i++) {
			if (atomic_load_explicit(word, memory_order_relaxed) != value) {
				processor_fetch(next);
				return spin_paid(spin);
			}
			processor_relax();
		}
	} while (spin_goes_on(spin, limit) && !atomic_load(interrupted));
	return false;
}

bool spin_until_position(struct spin *spin, const _Atomic uint64_t *position, uint64_t wanted,
			 const atomic_int *interrupted)
{
	uint64_t limit = spin_limit(spin);

	if (limit == 0)
		return false;
	do {
		for (int i = 0; i < LOOKS; i++) {
			uint64_t now = atomic_load_explicit(position, memory_order_relaxed);

			if (!position_before(now, wanted))
				return spin_paid(spin);
			processor_relax();
		}
	} while (spin_goes_on(spin, limit) && !atomic_load(interrupted));
	return false;
}

bool spin_on_token(struct spin *spin, const _Atomic uint32_t *semaphore)
{
	uint64_t limit = spin_limit(spin);

	if (limit == 0)
		return false;
	do {
		for (int i = 0; i < LOOKS; i++) {
			if (atomic_load_explicit(semaphore, memory_order_relaxed) == WAKEUP_TOKEN)
				return spin_paid(spin);
			processor_relax();
		}
	} while (spin_goes_on(spin, limit));
	return false;
}

/*
 * True if spinning never succeeds, as there is one processor: then it stops for good. Checked only
 * now, as the check costs more than the first spin.
 */
static bool spin_never_pays(struct spin *spin)
{
	if (spin->fixed || several_processors())
		return false;
	spin->limit_ns = 0;
	return true;
}

/*
 * Spinning failed although it was expected to succeed: the next 2^n - 1 waits spin the least only,
 * where n counts such failures in a row.
 */
static void spin_rest(struct spin *spin)
{
	if (spin->limit_ns == SPIN_MOST_NS && spin->failures < FAILURES_MAX)
		spin->failures++;
	spin->limit_ns = SPIN_MOST_NS;
	if (spin->resting < (1U << spin->failures) - 1)
		spin->resting = (1U << spin->failures) - 1;
}

void spin_learn(struct spin *spin)
{
	uint64_t took;

	if (spin->fixed || spin->began_ns == 0 || spin_never_pays(spin))
		return;
	took = clock_now_ns() - spin->began_ns;
	spin->began_ns = 0;
	if (took > SPIN_MOST_NS) {
		spin->limit_ns =
			spin->limit_ns / 2 > SPIN_LEAST_NS ? spin->limit_ns / 2 : SPIN_LEAST_NS;
		return;
	}
	/*
	 * It came soon, but not while we spun. Next time spin for the full time; but if that fails
	 * again and again, the process that wakes us seems to need the processor that we spin on.
	 */
	spin_rest(spin);
}

void spin_in_vain(struct spin *spin)
{
	if (spin->fixed || spin->began_ns == 0 || spin_never_pays(spin))
		return;
	spin->began_ns = 0;
	if (!spin->least)
		spin_rest(spin);
}

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/spin.h"
#include "tests/support/support.h"

/* Lets the spinner learn from a sleep of this length. */
static void sleep_of(struct spin *spin, uint64_t ns)
{
	spin->began_ns = clock_now_ns() - ns;
	spin_learn(spin);
}

static bool in_vain(struct spin *spin)
{
	static _Atomic uint32_t no_token;

	return !spin_on_token(spin, &no_token);
}

static void skip_on_one_processor(void)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		test_skip("one processor: nothing is learned, spinning never pays");
}

Test(spin, off_never_spins, .timeout = 10)
{
	struct spin spin;
	_Atomic uint32_t token = 1;

	spin_init(&spin, CHANNEL_SPIN_OFF);
	cr_assert_eq(spin.limit_ns, 0);
	cr_assert_not(spin_on_token(&spin, &token)); /* then it does not even look */
	sleep_of(&spin, 1000);
	cr_assert_eq(spin.limit_ns, 0);
}

Test(spin, finds_what_is_there, .timeout = 10)
{
	struct spin spin;
	_Atomic uint32_t token = 1;
	_Atomic uint64_t word = 7;
	atomic_int interrupted = 0;

	spin_init(&spin, 0);
	cr_assert(spin_on_token(&spin, &token));
	cr_assert(spin_on_position(&spin, &word, 8, &word, &interrupted));
	cr_assert_not(spin_on_position(&spin, &word, 7, &word, &interrupted));
	cr_assert(in_vain(&spin));
}

static atomic_bool creeping_may_end;

static void *creep(void *position)
{
	while (!atomic_load(&creeping_may_end))
		atomic_fetch_add((_Atomic uint64_t *)position, 1);
	return NULL;
}

/*
 * A position that moves all the time, and does not come to where it is wanted, makes no process
 * spin for longer.
 */
Test(spin, a_creeping_position_is_not_waited_for_without_end, .timeout = 60)
{
	struct spin spin;
	_Atomic uint64_t position = 0;
	atomic_int interrupted = 0;
	uint64_t before;
	pthread_t thread;

	spin_init(&spin, 0);
	cr_assert_eq(pthread_create(&thread, NULL, creep, (void *)&position), 0);
	do { /* until the position has moved meanwhile */
		while ((before = position) == 0)
			sched_yield();
		cr_assert_not(
			spin_until_position(&spin, &position, UINT64_C(1) << 60, &interrupted));
	} while (position == before);
	atomic_store(&creeping_may_end, true);
	pthread_join(thread, NULL);
	position = 8;
	cr_assert(spin_until_position(&spin, &position, 8, &interrupted));
	cr_assert(spin_until_position(&spin, &position, 0, &interrupted));
	cr_assert_not(spin_until_position(&spin, &position, 16, &interrupted));
}

Test(spin, ends_when_interrupted, .timeout = 10)
{
	struct spin spin;
	_Atomic uint64_t word = 7;
	atomic_int interrupted = 1;
	uint64_t began = clock_now_ns();

	spin_init(&spin, CHANNEL_SPIN_OFF - 1); /* as long as can be */
	cr_assert_not(spin_on_position(&spin, &word, 7, &word, &interrupted));
	cr_assert_lt(clock_now_ns() - began, spin.limit_ns);
}

Test(spin, a_fixed_one_does_not_learn_and_is_bounded, .timeout = 10)
{
	struct spin spin;

	spin_init(&spin, 5000);
	sleep_of(&spin, NS_PER_SEC);
	sleep_of(&spin, 1000);
	cr_assert_eq(spin.limit_ns, 5000);
	spin_init(&spin, 3600 * NS_PER_SEC);
	cr_assert_leq(spin.limit_ns, NS_PER_SEC / 10);
}

Test(spin, long_sleeps_teach_to_spin_less, .timeout = 10)
{
	struct spin spin;
	uint64_t least;

	skip_on_one_processor();
	spin_init(&spin, 0);
	for (int i = 0; i < 20; i++)
		sleep_of(&spin, NS_PER_SEC);
	least = spin.limit_ns;
	cr_assert_gt(least, 0);
	cr_assert_leq(least, 5000);
	/* a wait that would have ended soon: the next one is spun through */
	sleep_of(&spin, 10000);
	cr_assert_gt(spin.limit_ns, 10 * least);
	cr_assert_eq(spin.resting, 0);
}

static void sleep_short(struct spin *spin)
{
	sleep_of(spin, 10000);
}

/* Returns how many of a thousand waits, all of them in vain, are spun through. */
static int tries_in_vain(struct spin *spin, void (*learn)(struct spin *spin))
{
	int tries = 0;

	for (int i = 0; i < 1000; i++) {
		tries += spin->resting == 0;
		spin->rounds = 0; /* the rule about neighbours is tested elsewhere */
		cr_assert(in_vain(spin));
		learn(spin);
	}
	return tries;
}

/*
 * The process that wakes us needs the processor that we spin on: the more often spinning fails, the
 * rarer it becomes.
 */
Test(spin, spinning_in_vain_again_and_again_becomes_rare, .timeout = 60)
{
	struct spin spin;

	skip_on_one_processor();
	spin_init(&spin, 0);
	cr_assert_lt(tries_in_vain(&spin, sleep_short), 40);
	spin.resting = 0;
	{
		_Atomic uint32_t token = 1;

		cr_assert(spin_on_token(&spin, &token)); /* one success, and it tries again */
	}
	cr_assert_eq(spin.failures, 0);
}

/* What is got only by asking for it, time and again, is not worth spinning for. */
Test(spin, asking_without_a_sleep_makes_it_rare_too, .timeout = 60)
{
	struct spin spin;
	int tries;

	skip_on_one_processor();
	spin_init(&spin, 0);
	tries = tries_in_vain(&spin, spin_in_vain);
	cr_assert_lt(tries, 40);
	cr_assert_gt(tries, 10); /* but now and then it does try */
	spin_init(&spin, 5000);
	cr_assert(in_vain(&spin));
	spin_in_vain(&spin);
	cr_assert_eq(spin.resting, 0); /* a fixed limit does not learn */
}

static atomic_bool neighbour_may_go;

static void *neighbour(void *unused)
{
	(void)unused;
	while (!atomic_load(&neighbour_may_go)) {
	}
	return NULL;
}

/* A process with work to do on our processor gets it: we are taken off it, and spin no more. */
Test(spin, makes_room_for_a_neighbour, .timeout = 60)
{
	struct spin spin;
	pthread_t thread;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_assert_eq(pthread_create(&thread, NULL, neighbour, NULL), 0); /* it is there, too */
	spin_init(&spin, 0);
	while (spin.resting == 0) {
		spin.limit_ns = 100000;
		cr_assert(in_vain(&spin));
	}
	cr_assert_gt(spin.resting, 10);
	atomic_store(&neighbour_may_go, true);
	pthread_join(thread, NULL);
	/* A sleep that ends soon does not shorten the rest. */
	sleep_of(&spin, 10000);
	cr_assert_gt(spin.resting, 10);
}

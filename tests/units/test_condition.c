/*
 * Semaphore and condition between threads. Every sleep here could last a minute and a test may last
 * half of one: a lost wake-up fails the test, a slow machine does not.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/condition.h"
#include "tests/support/support.h"

#define MINUTE_NS (60 * NS_PER_SEC)

static struct slot slots[SLOT_COUNT];
static _Atomic uint64_t waiting, waiting_other;

static const struct condition condition = { .waiting = &waiting, .slots = slots };
static const struct condition other = { .waiting = &waiting_other, .slots = slots };

/* ---- waiters: threads that only record, the test asserts ---- */

struct waiter {
	struct condition condition;
	unsigned slot;
	bool passes_on; /* leaves without acting: signals the condition itself */
	bool found;	/* what condition_wait() returned */
	atomic_uint returned;
	pthread_t thread;
};

static bool never(void *context)
{
	(void)context;
	return false;
}

static void *waiter_run(void *context)
{
	struct waiter *waiter = context;

	waiter->found =
		condition_wait(waiter->condition, waiter->slot, never, NULL, NULL, MINUTE_NS);
	if (waiter->passes_on)
		condition_signal(waiter->condition);
	atomic_store(&waiter->returned, 1);
	return NULL;
}

static void waiter_start(struct waiter *waiter, struct condition of, unsigned slot)
{
	waiter->condition = of;
	waiter->slot = slot;
	atomic_store(&waiter->returned, 0);
	cr_assert_eq(pthread_create(&waiter->thread, NULL, waiter_run, waiter), 0);
	WAIT_FOR((atomic_load(of.waiting) >> slot & 1) != 0);
}

static void waiter_end(struct waiter *waiter)
{
	WAIT_FOR(atomic_load(&waiter->returned) != 0);
	cr_assert_eq(pthread_join(waiter->thread, NULL), 0);
}

/*
 * True if the waiter waits, no signal has taken its bit, and there is no token that could end its
 * sleep.
 */
static bool still_waits(const struct waiter *waiter)
{
	return (atomic_load(waiter->condition.waiting) >> waiter->slot & 1) != 0 &&
	       atomic_load(&slots[waiter->slot].wakeup) != WAKEUP_TOKEN &&
	       atomic_load(&waiter->returned) == 0;
}

static unsigned tokens(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		count += atomic_load(&slots[i].wakeup) == WAKEUP_TOKEN;
	return count;
}

/* ---- the semaphore ---- */

Test(condition, a_post_before_the_wait_is_not_lost, .timeout = 30)
{
	_Atomic uint32_t semaphore = 0;

	semaphore_post(&semaphore);
	cr_assert(semaphore_wait(&semaphore, NULL, MINUTE_NS));
}

Test(condition, a_semaphore_holds_one_token_only, .timeout = 30)
{
	_Atomic uint32_t semaphore = 0;

	for (int i = 0; i < 3; i++)
		semaphore_post(&semaphore);
	cr_assert_eq(semaphore, 1);
	cr_assert(semaphore_wait(&semaphore, NULL, MINUTE_NS));
	cr_assert_not(semaphore_wait(&semaphore, NULL, 0));
	cr_assert_eq(semaphore, 0);
}

Test(condition, a_wait_without_a_post_times_out, .timeout = 30)
{
	_Atomic uint32_t semaphore = 0;

	cr_assert_not(semaphore_wait(&semaphore, NULL, 0));
	cr_assert_not(semaphore_wait(&semaphore, NULL, 1));
	cr_assert_not(semaphore_wait(&semaphore, NULL, 5 * NS_PER_MS));
	cr_assert_eq(semaphore, 0);
	/* and the time-out breaks nothing */
	semaphore_post(&semaphore);
	cr_assert(semaphore_wait(&semaphore, NULL, MINUTE_NS));
}

Test(condition, draining_takes_the_token_of_an_earlier_owner, .timeout = 30)
{
	_Atomic uint32_t semaphore = 0;

	semaphore_post(&semaphore);
	semaphore_drain(&semaphore);
	cr_assert_not(semaphore_wait(&semaphore, NULL, NS_PER_MS));
	semaphore_drain(&semaphore);
	cr_assert_eq(semaphore, 0);
	semaphore_post(&semaphore);
	cr_assert(semaphore_wait(&semaphore, NULL, MINUTE_NS));
}

/* ---- a thief: it may only read the word, and sleeps on it before the owner does ---- */

struct sleeper {
	_Atomic uint32_t semaphore;
	atomic_long thief, owner; /* thread ids */
	atomic_bool woken;
};

static void *thief_run(void *context)
{
	struct sleeper *sleeper = context;
	const struct timespec minute = { .tv_sec = 60 };

	atomic_store(&sleeper->thief, syscall(SYS_gettid));
	syscall(SYS_futex, &sleeper->semaphore, 0 /* FUTEX_WAIT */, WAKEUP_ASLEEP, &minute, NULL,
		0);
	return NULL;
}

static void *owner_run(void *context)
{
	struct sleeper *sleeper = context;

	atomic_store(&sleeper->owner, syscall(SYS_gettid));
	atomic_store(&sleeper->woken, semaphore_wait(&sleeper->semaphore, NULL, MINUTE_NS));
	return NULL;
}

/* True if this thread sleeps. */
static bool sleeps(const atomic_long *thread)
{
	char path[64], text[512] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", atomic_load(thread));
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	state = fgets(text, sizeof(text), file) == NULL ? NULL : strrchr(text, ')');
	fclose(file);
	return state != NULL && state[1] == ' ' && state[2] == 'S';
}

Test(condition, a_reader_of_a_semaphore_takes_no_wake_from_its_owner, .timeout = 50)
{
	struct sleeper sleeper = { .semaphore = WAKEUP_ASLEEP };
	pthread_t thief, owner;

	cr_assert_eq(pthread_create(&thief, NULL, thief_run, &sleeper), 0);
	WAIT_FOR(atomic_load(&sleeper.thief) != 0 && sleeps(&sleeper.thief));
	atomic_store(&sleeper.semaphore, WAKEUP_NONE);
	cr_assert_eq(pthread_create(&owner, NULL, owner_run, &sleeper), 0);
	WAIT_FOR(atomic_load(&sleeper.semaphore) == WAKEUP_ASLEEP && sleeps(&sleeper.owner));
	semaphore_post(&sleeper.semaphore);
	WAIT_FOR(atomic_load(&sleeper.woken));
	cr_assert_eq(pthread_join(owner, NULL), 0);
	cr_assert_eq(pthread_join(thief, NULL), 0);
}

Test(condition, posting_keeps_errno_for_signal_handlers, .timeout = 30)
{
	_Atomic uint32_t semaphore = 0;

	errno = EDOM;
	semaphore_post(&semaphore);
	cr_assert_eq(errno, EDOM);
}

static _Atomic uint32_t ping, pong;
enum { TURNS = 20000 };

/*
 * A sleeper may be woken by the last part of a post whose token it had taken before it went to
 * sleep; so a process that needs a token looks again.
 */
static bool token_take(_Atomic uint32_t *semaphore)
{
	uint64_t end = clock_now_ns() + MINUTE_NS;

	while (!semaphore_wait(semaphore, NULL, MINUTE_NS))
		if (clock_now_ns() >= end)
			return false;
	return true;
}

static void *pong_run(void *context)
{
	atomic_uint *turns = context;

	for (unsigned i = 0; i < TURNS; i++) {
		if (!token_take(&ping))
			break;
		atomic_fetch_add(turns, 1);
		semaphore_post(&pong);
	}
	return NULL;
}

Test(condition, two_semaphores_pass_a_turn_to_and_fro, .timeout = 50)
{
	static atomic_uint turns;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, pong_run, &turns), 0);
	for (unsigned i = 0; i < TURNS; i++) {
		semaphore_post(&ping);
		cr_assert(token_take(&pong));
		cr_assert_eq(atomic_load(&turns), i + 1);
	}
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

/* ---- the condition ---- */

Test(condition, a_signal_with_nobody_waiting_does_nothing, .timeout = 30)
{
	condition_signal(condition);
	condition_broadcast(condition);
	cr_assert_eq(tokens(), 0);
	cr_assert_eq(waiting, 0);
	cr_assert_not(condition_wait(condition, 0, never, NULL, NULL, NS_PER_MS));
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, a_signal_wakes_a_waiter, .timeout = 30)
{
	struct waiter waiter = { 0 };

	waiter_start(&waiter, condition, 5);
	condition_signal(condition);
	cr_assert_eq(waiting, 0, "the signaller takes the bit out");
	waiter_end(&waiter);
	cr_assert_not(waiter.found);
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0, "the waiter takes its token");
}

Test(condition, a_signal_wakes_exactly_one_of_two_waiters, .timeout = 50)
{
	struct waiter waiters[2] = { 0 };
	struct waiter *woken, *left;

	waiter_start(&waiters[0], condition, 3);
	waiter_start(&waiters[1], condition, 4);
	condition_signal(condition);
	woken = (atomic_load(&waiting) >> 3 & 1) == 0 ? &waiters[0] : &waiters[1];
	left = woken == &waiters[0] ? &waiters[1] : &waiters[0];
	waiter_end(woken);
	cr_assert(still_waits(left));
	cr_assert_eq(waiting, UINT64_C(1) << left->slot);

	condition_signal(condition);
	waiter_end(left);
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, a_broadcast_wakes_all_64, .timeout = 50)
{
	static struct waiter waiters[SLOT_COUNT];

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		waiter_start(&waiters[i], condition, i);
	cr_assert_eq(waiting, UINT64_MAX);
	condition_broadcast(condition);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		waiter_end(&waiters[i]);
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, as_many_signals_as_waiters_wake_all_of_them, .timeout = 50)
{
	static struct waiter waiters[SLOT_COUNT];

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		waiter_start(&waiters[i], condition, i);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		condition_signal(condition);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		waiter_end(&waiters[i]);
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, a_wake_for_one_condition_is_not_eaten_by_a_waiter_for_another, .timeout = 50)
{
	struct waiter one = { 0 }, two = { 0 };

	waiter_start(&one, condition, 0);
	waiter_start(&two, other, 1);
	condition_signal(other);
	waiter_end(&two);
	cr_assert(still_waits(&one));

	waiter_start(&two, other, 1);
	condition_broadcast(condition);
	waiter_end(&one);
	cr_assert(still_waits(&two));

	condition_signal(condition); /* no waiter waits for this condition */
	cr_assert(still_waits(&two));
	condition_signal(other);
	waiter_end(&two);
	cr_assert_eq(tokens(), 0);
}

/* ---- the second look ---- */

static atomic_bool published;

/* Looks as a caller would, and notes whether the bit is there by now. */
static bool look_announced(void *context)
{
	*(uint64_t *)context = atomic_load(&waiting);
	return atomic_load(&published);
}

Test(condition, the_second_look_sees_what_came_after_the_first_look, .timeout = 10)
{
	uint64_t announced = 0;

	/* The caller has looked and found nothing. This happens before it announces itself: */
	atomic_store(&published, true);
	condition_signal(condition); /* wakes nobody, as none has announced itself */

	cr_assert(condition_wait(condition, 7, look_announced, &announced, NULL, MINUTE_NS));
	cr_assert_eq(announced, UINT64_C(1) << 7, "looked before it announced itself");
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

/* Finds nothing; immediately after that, another thread publishes and signals. */
static bool look_too_early(void *context)
{
	(void)context;
	condition_signal(condition);
	return false;
}

static bool look_and_be_signalled(void *context)
{
	(void)context;
	condition_signal(condition);
	return true;
}

Test(condition, a_signal_between_second_look_and_sleep_is_not_lost, .timeout = 10)
{
	cr_assert_not(condition_wait(condition, 7, look_too_early, NULL, NULL, MINUTE_NS));
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, a_waiter_whose_bit_was_taken_leaves_no_trace, .timeout = 30)
{
	/*
	 * The waiter's time is up at the moment when it is signalled: the token does not outlive
	 * the wait.
	 */
	cr_assert_not(condition_wait(condition, 7, look_too_early, NULL, NULL, 0));
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
	/* No signal took the waiter's bit: it withdraws its own bit, and only that. */
	atomic_store(&waiting, UINT64_C(1) << 9);
	cr_assert_not(condition_wait(condition, 7, never, NULL, NULL, 0));
	cr_assert_eq(waiting, UINT64_C(1) << 9);
}

Test(condition, a_token_too_many_costs_one_turn_and_no_more, .timeout = 10)
{
	cr_assert(condition_wait(condition, 7, look_and_be_signalled, NULL, NULL, MINUTE_NS));
	cr_assert_eq(slots[7].wakeup, 1);
	cr_assert_not(
		condition_wait(condition, 7, never, NULL, NULL, MINUTE_NS)); /* returns at once */
	cr_assert_eq(tokens(), 0);
	cr_assert_not(condition_wait(condition, 7, never, NULL, NULL, NS_PER_MS));
}

Test(condition, a_waiter_that_leaves_without_acting_passes_the_signal_on, .timeout = 50)
{
	struct waiter leaver = { .passes_on = true }, successor = { 0 };

	waiter_start(&leaver, condition, 0);
	condition_signal(condition);
	cr_assert_eq(waiting, 0);
	waiter_end(&leaver);

	waiter_start(&leaver, condition, 0);
	waiter_start(&successor, condition, 1);
	/*
	 * The only signal goes to the first of the two, whose bit is taken; that one passes it on.
	 */
	cr_assert_eq(atomic_fetch_and(&waiting, ~UINT64_C(1)), 3);
	semaphore_post(&slots[0].wakeup);
	waiter_end(&leaver);
	waiter_end(&successor);
	cr_assert_eq(waiting, 0);
	cr_assert_eq(tokens(), 0);
}

Test(condition, the_bit_of_the_dead_costs_one_signal_and_blocks_nobody, .timeout = 50)
{
	struct waiter survivor = { 0 };

	/* A waiter announced itself and died; no process has cleaned up yet. */
	atomic_fetch_or(&waiting, UINT64_C(1) << 2);
	waiter_start(&survivor, condition, 8);
	condition_signal(condition);
	condition_signal(condition);
	waiter_end(&survivor);
	cr_assert_eq(waiting, 0);
	/* A new owner of that place drains the token. */
	semaphore_drain(&slots[2].wakeup);
	cr_assert_not(condition_wait(condition, 2, never, NULL, NULL, NS_PER_MS));
}

/* ---- many at once ---- */

enum { ROUNDS = 300 };
static atomic_uint rounds_begun, signals_done;

static void *signal_each_round(void *context)
{
	(void)context;
	for (unsigned round = 1; round <= ROUNDS; round++) {
		while (atomic_load(&rounds_begun) < round)
			test_pause();
		condition_signal(condition);
		atomic_fetch_add(&signals_done, 1);
	}
	return NULL;
}

Test(condition, two_signals_at_once_wake_two_waiters, .timeout = 50)
{
	struct waiter waiters[2] = { 0 };
	pthread_t signallers[2];

	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&signallers[i], NULL, signal_each_round, NULL), 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		waiter_start(&waiters[0], condition, 0);
		waiter_start(&waiters[1], condition, 63);
		atomic_store(&rounds_begun, round);
		waiter_end(&waiters[0]);
		waiter_end(&waiters[1]);
		WAIT_FOR(atomic_load(&signals_done) == 2 * round); /* no wake is on its way */
		cr_assert_eq(waiting, 0);
		cr_assert_eq(tokens(), 0);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(signallers[i], NULL), 0);
}

/*
 * Work that is taken: by the rules for producers and consumers, with a counter in the place of a
 * ring.
 */
enum { WORKERS = 4, WORK = 20000 };
static atomic_uint work_made, work_taken;

static bool work_ready(void *context)
{
	(void)context;
	return atomic_load(&work_taken) != atomic_load(&work_made) ||
	       atomic_load(&work_made) >= WORK;
}

static void *work_run(void *context)
{
	unsigned slot = *(unsigned *)context;

	for (;;) {
		unsigned taken = atomic_load(&work_taken);

		if (taken == WORK)
			break;
		if (taken == atomic_load(&work_made)) {
			condition_wait(condition, slot, work_ready, NULL, NULL, MINUTE_NS);
		} else if (atomic_compare_exchange_strong(&work_taken, &taken, taken + 1)) {
			if (taken + 1 < atomic_load(&work_made) || taken + 1 == WORK)
				condition_signal(condition); /* more is there: wake the next */
		}
	}
	condition_signal(condition);
	return NULL;
}

Test(condition, no_wake_is_lost_between_a_producer_and_four_consumers, .timeout = 50)
{
	pthread_t threads[WORKERS];
	unsigned numbers[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		numbers[i] = i;
		cr_assert_eq(pthread_create(&threads[i], NULL, work_run, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < WORK; i++) {
		/* Now and then all of them are asleep when the work comes. */
		if (i % 1000 == 0)
			WAIT_FOR(atomic_load(&waiting) == (UINT64_C(1) << WORKERS) - 1);
		atomic_fetch_add(&work_made, 1);
		condition_signal(condition);
	}
	WAIT_FOR(atomic_load(&work_taken) == WORK);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

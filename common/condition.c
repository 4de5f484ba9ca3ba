#include "condition.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"

/* From linux/futex.h, which a plain musl tool chain does not have. Not the private forms. */
enum { FUTEX_WAIT_SHARED = 0, FUTEX_WAKE_SHARED = 1 };

#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
typedef struct {
	long sec, nsec;
} futex_time; /* the kernel's old timespec: a slice of a second fits */
#else
#define FUTEX_CALL SYS_futex_time64 /* riscv32 and younger have no other */
typedef struct {
	int64_t sec, nsec;
} futex_time;
#endif

/*
 * A sleep and a wake across processors cost some 50 µs; what comes sooner than that is
 * cheaper to wait for awake. Spinning for about half of it loses little when nothing comes.
 */
enum { SPIN_NS = 20000, SPIN_LOOK = 64 };

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* With one processor the waker cannot run while we spin. Threads that ask at once find the same. */
static bool spin_pays(void)
{
	static atomic_int processors;
	int count = atomic_load_explicit(&processors, memory_order_relaxed);

	if (count == 0) {
		cpu_set_t set;

		count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
		atomic_store_explicit(&processors, count, memory_order_relaxed);
	}
	return count > 1;
}

static bool token_spin(_Atomic uint32_t *semaphore)
{
	uint64_t end;

	if (!spin_pays())
		return false;
	end = clock_now_ns() + SPIN_NS;
	do {
		for (int i = 0; i < SPIN_LOOK; i++) {
			if (atomic_load_explicit(semaphore, memory_order_relaxed) != 0)
				return true;
			cpu_relax();
		}
	} while (clock_now_ns() < end);
	return false;
}

bool spin_while_equal(const _Atomic uint64_t *word, uint64_t value, const atomic_int *interrupted)
{
	uint64_t end;

	if (!spin_pays())
		return false;
	end = clock_now_ns() + SPIN_NS;
	do {
		for (int i = 0; i < SPIN_LOOK; i++) {
			if (atomic_load_explicit(word, memory_order_relaxed) != value)
				return true;
			cpu_relax();
		}
	} while (clock_now_ns() < end && !atomic_load(interrupted));
	return false;
}

void semaphore_post(_Atomic uint32_t *semaphore)
{
	int saved = errno; /* a signal handler must not change it */

	if (atomic_exchange(semaphore, 1) == 0)
		syscall(FUTEX_CALL, semaphore, FUTEX_WAKE_SHARED, 1, NULL, NULL, 0);
	errno = saved;
}

bool semaphore_wait(_Atomic uint32_t *semaphore, uint64_t timeout_ns)
{
	if (atomic_exchange(semaphore, 0) != 0)
		return true;
	if (timeout_ns == 0)
		return false;
	if (!token_spin(semaphore)) {
		futex_time timeout = { .sec = (long)(timeout_ns / NS_PER_SEC),
				       .nsec = (long)(timeout_ns % NS_PER_SEC) };

		/* Returns at once if a poster has put a token in since we looked. */
		syscall(FUTEX_CALL, semaphore, FUTEX_WAIT_SHARED, 0, &timeout, NULL, 0);
	}
	return atomic_exchange(semaphore, 0) != 0;
}

void semaphore_drain(_Atomic uint32_t *semaphore)
{
	atomic_store(semaphore, 0);
}

bool condition_wait(struct condition condition, unsigned slot, bool (*ready)(void *context),
		    void *context, uint64_t timeout_ns)
{
	uint64_t bit = UINT64_C(1) << slot;
	bool is_ready;

	atomic_fetch_or(condition.waiting, bit);
	/* Pairs with the fence in condition_signal(): one of us sees the other's store. */
	atomic_thread_fence(memory_order_seq_cst);
	is_ready = ready(context);
	if (!is_ready)
		semaphore_wait(&condition.slots[slot].wakeup, timeout_ns);
	if ((atomic_fetch_and(condition.waiting, ~bit) & bit) == 0 && is_ready)
		condition_signal(condition); /* we were chosen, and act on something else */
	return is_ready;
}

/* One of the bits, another one each time: nobody is always the first to be woken. */
static uint64_t bit_choose(uint64_t waiting)
{
	static _Atomic unsigned turn;
	unsigned first = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % SLOT_COUNT;
	uint64_t from_first = waiting >> first << first;

	if (from_first == 0)
		from_first = waiting;
	return from_first & -from_first;
}

void condition_signal(struct condition condition)
{
	atomic_thread_fence(memory_order_seq_cst);
	condition_signal_fenced(condition);
}

void condition_signal_fenced(struct condition condition)
{
	uint64_t waiting;

	waiting = atomic_load_explicit(condition.waiting, memory_order_relaxed);
	while (waiting != 0) {
		uint64_t bit = bit_choose(waiting);

		/* Taken out by us or not at all: two signals wake two waiters. */
		if ((atomic_fetch_and(condition.waiting, ~bit) & bit) != 0) {
			semaphore_post(&condition.slots[__builtin_ctzll(bit)].wakeup);
			return;
		}
		waiting = atomic_load(condition.waiting);
	}
}

void condition_broadcast(struct condition condition)
{
	uint64_t waiting;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(condition.waiting, memory_order_relaxed) == 0)
		return;
	waiting = atomic_exchange(condition.waiting, 0);
	for (; waiting != 0; waiting &= waiting - 1)
		semaphore_post(&condition.slots[__builtin_ctzll(waiting)].wakeup);
}

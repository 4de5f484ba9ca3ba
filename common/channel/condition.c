#include "channel/condition.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "channel/spin.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/*
 * From linux/futex.h, which a plain musl tool chain does not have. Not the process-private forms.
 */
enum { FUTEX_WAIT_SHARED = 0, FUTEX_WAKE_SHARED = 1 };

#ifdef SYS_futex
#define FUTEX_CALL SYS_futex
typedef struct {
	long sec, nsec;
} futex_time; /* the kernel's old timespec: a second, the longest sleep, fits */
#else
#define FUTEX_CALL SYS_futex_time64 /* riscv32 and newer architectures have no other call */
typedef struct {
	int64_t sec, nsec;
} futex_time;
#endif

void semaphore_post(_Atomic uint32_t *semaphore)
{
	int saved = errno; /* a signal handler must not change errno */

	/*
	 * Wakes all sleepers: besides the owner, a process that can only read the memory could
	 * sleep on the word, and would take the only wake-up.
	 */
	if (atomic_exchange(semaphore, WAKEUP_TOKEN) == WAKEUP_ASLEEP)
		syscall(FUTEX_CALL, semaphore, FUTEX_WAKE_SHARED, INT_MAX, NULL, NULL, 0);
	errno = saved;
}

void slot_wake(struct slot *slots, unsigned slot, struct trace *trace, enum trace_what what)
{
	struct trace_event wake = { 0 };

	if (trace != NULL)
		wake = trace_wake_begin(trace, &slots[slot]);
	semaphore_post(&slots[slot].wakeup);
	if (trace != NULL)
		trace_wake_end(trace, wake, what, slot);
}

bool semaphore_wait(_Atomic uint32_t *semaphore, struct spin *spin, uint64_t timeout_ns)
{
	if (atomic_exchange(semaphore, WAKEUP_NONE) == WAKEUP_TOKEN)
		return true;
	if (timeout_ns == 0)
		return false;
	if (spin == NULL || !spin_on_token(spin, semaphore)) {
		futex_time timeout = { .sec = (long)(timeout_ns / NS_PER_SEC),
				       .nsec = (long)(timeout_ns % NS_PER_SEC) };
		uint32_t none = WAKEUP_NONE;

		/*
		 * The kernel compares the word once more: a token that was put in meanwhile ends
		 * the sleep at once.
		 */
		if (atomic_compare_exchange_strong(semaphore, &none, WAKEUP_ASLEEP))
			syscall(FUTEX_CALL, semaphore, FUTEX_WAIT_SHARED, WAKEUP_ASLEEP, &timeout,
				NULL, 0);
		if (spin != NULL)
			spin_learn(spin);
	}
	return atomic_exchange(semaphore, WAKEUP_NONE) == WAKEUP_TOKEN;
}

void semaphore_drain(_Atomic uint32_t *semaphore)
{
	atomic_store(semaphore, WAKEUP_NONE);
}

bool condition_wait(struct condition condition, unsigned slot, bool (*ready)(void *context),
		    void *context, struct spin *spin, uint64_t timeout_ns)
{
	uint64_t bit = UINT64_C(1) << slot;
	bool is_ready;

	trace_begin(condition.trace, TRACE_WAIT, condition.what);
	/* Before a signal can choose us, as writing a file may be slow. */
	trace_sleep(condition.trace);
	atomic_fetch_or(condition.waiting, bit);
	/*
	 * Pairs with the fence in condition_signal(): either we see what was published, or the
	 * signaller sees our bit.
	 */
	barrier_heavy(condition.heavy);
	is_ready = ready(context);
	if (!is_ready) {
		if (semaphore_wait(&condition.slots[slot].wakeup, spin, timeout_ns) &&
		    condition.trace != NULL)
			trace_woken(condition.trace, &condition.slots[slot], condition.what);
	}
	if ((atomic_fetch_and(condition.waiting, ~bit) & bit) == 0 && is_ready)
		condition_signal(condition); /* a signal chose us: pass it on */
	trace_end(condition.trace, TRACE_WAIT, condition.what);
	return is_ready;
}

/*
 * Returns one of the bits. It starts at another bit each time, so that no waiter is always the
 * first to be woken.
 */
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
	uint64_t among = condition.among == NULL ? UINT64_MAX : atomic_load(condition.among);
	/*
	 * seq_cst, as some callers have an atomic exchange for a fence, and on some processors a
	 * weaker load could pass that exchange.
	 */
	uint64_t waiting = atomic_load(condition.waiting) & among;

	while (waiting != 0) {
		uint64_t bit = bit_choose(waiting);

		/* Only if we have cleared the bit: so two signals wake two waiters. */
		if ((atomic_fetch_and(condition.waiting, ~bit) & bit) != 0) {
			slot_wake(condition.slots, (unsigned)__builtin_ctzll(bit), condition.trace,
				  condition.what);
			return;
		}
		waiting = atomic_load(condition.waiting) & among;
	}
}

void condition_broadcast(struct condition condition)
{
	atomic_thread_fence(memory_order_seq_cst);
	condition_broadcast_fenced(condition);
}

void condition_broadcast_fenced(struct condition condition)
{
	uint64_t waiting;

	if (atomic_load_explicit(condition.waiting, memory_order_relaxed) == 0)
		return;
	waiting = atomic_exchange(condition.waiting, 0);
	for (; waiting != 0; waiting &= waiting - 1)
		slot_wake(condition.slots, (unsigned)__builtin_ctzll(waiting), condition.trace,
			  condition.what);
}

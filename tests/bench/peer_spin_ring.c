/*
 * The practical limit: a bare ring of equal slots for one producer and one consumer, each with
 * a copy of the other's position (the idea: Le, Guatto, Cohen, Pop, Correct and Efficient
 * Bounded FIFO Queues, 2013). No crash safety, no names, no sizes. One never sleeps, the others
 * sleep on a futex after having looked for a while; the last, which is there for that only, as who
 * may be killed at any moment sleeps: who waits is a bit in one word, what is slept on is another
 * one's, and there is a time-out by which a death is noticed (common/channel/condition.h).
 */
#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 128, LOOKS_BEFORE_SLEEP = 2000 };

struct position {
	_Alignas(LINE) _Atomic uint64_t value; /* slots ever written or freed */
	_Atomic uint32_t awaited;	       /* somebody sleeps until it changes */
};

struct spin_shared {
	struct position tail, head;
	_Alignas(LINE) _Atomic uint64_t waiting;
	_Alignas(LINE) _Atomic uint32_t token;
	_Alignas(LINE) unsigned char slots[];
};

struct spin_ring {
	struct spin_shared *shared;
	size_t size, message_size;
	uint64_t slots;
	bool sleeps, safe;
	uint64_t own;	/* tail, or head */
	uint64_t given; /* the consumer's: the end of its run */
	uint64_t other; /* what we know of the other's position */
};

static struct spin_ring *ring_new(const struct setting *setting, bool sleeps)
{
	struct spin_ring *ring = memory_new(sizeof(*ring));

	ring->message_size = setting->message_size;
	ring->slots = setting->ring_size / setting->message_size;
	ring->size = sizeof(*ring->shared) + ring->slots * setting->message_size;
	ring->sleeps = sleeps;
	ring->shared = shared_new(ring->size);
	return ring;
}

static void *spin_prepare(const struct setting *setting)
{
	return ring_new(setting, false);
}

static void *futex_prepare(const struct setting *setting)
{
	return ring_new(setting, true);
}

static void *safe_prepare(const struct setting *setting)
{
	struct spin_ring *ring = ring_new(setting, true);

	ring->safe = true;
	return ring;
}

static void spin_attach(void *state, enum peer_end end)
{
	(void)state;
	(void)end;
}

static void safe_wake(struct spin_shared *shared)
{
	if (atomic_load_explicit(&shared->waiting, memory_order_relaxed) != 0 &&
	    (atomic_fetch_and(&shared->waiting, ~UINT64_C(1)) & 1) != 0 &&
	    atomic_exchange(&shared->token, 1) == 2)
		syscall(SYS_futex, &shared->token, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void safe_sleep(struct spin_shared *shared, const struct position *position, uint64_t known)
{
	struct timespec second = { .tv_sec = 1 };
	uint32_t none = 0;

	atomic_fetch_or(&shared->waiting, 1);
	if (atomic_load(&position->value) == known && atomic_exchange(&shared->token, 0) == 0 &&
	    atomic_compare_exchange_strong(&shared->token, &none, 2))
		syscall(SYS_futex, &shared->token, FUTEX_WAIT, 2, &second, NULL, 0);
	atomic_exchange(&shared->token, 0);
	atomic_fetch_and(&shared->waiting, ~UINT64_C(1));
}

static void publish(const struct spin_ring *ring, struct position *position, uint64_t value)
{
	atomic_store_explicit(&position->value, value, memory_order_release);
	if (!ring->sleeps)
		return;
	/* Pairs with the fence in position_sleep(): one of us sees the other's store. */
	atomic_thread_fence(memory_order_seq_cst);
	if (ring->safe) {
		safe_wake(ring->shared);
		return;
	}
	if (atomic_load_explicit(&position->awaited, memory_order_relaxed) != 0 &&
	    atomic_exchange(&position->awaited, 0) != 0)
		syscall(SYS_futex, &position->awaited, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void position_sleep(const struct spin_ring *ring, struct position *position, uint64_t known)
{
	if (ring->safe) {
		safe_sleep(ring->shared, position, known);
		return;
	}
	atomic_store(&position->awaited, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&position->value) == known)
		syscall(SYS_futex, &position->awaited, FUTEX_WAIT, 1, NULL, NULL, 0);
	atomic_store(&position->awaited, 0);
}

/* Waits until the position is no longer what we know. */
static uint64_t position_await(const struct spin_ring *ring, struct position *position,
			       uint64_t known)
{
	for (unsigned looks = 0;; looks++) {
		uint64_t value = atomic_load_explicit(&position->value, memory_order_acquire);

		if (value != known)
			return value;
		if (ring->sleeps && looks >= LOOKS_BEFORE_SLEEP)
			position_sleep(ring, position, known);
		else
			cpu_relax();
	}
}

static unsigned char *slot_at(const struct spin_ring *ring, uint64_t position)
{
	return ring->shared->slots + position % ring->slots * ring->message_size;
}

static void *spin_reserve(void *state)
{
	struct spin_ring *ring = state;

	while (ring->own - ring->other >= ring->slots)
		ring->other = position_await(ring, &ring->shared->head, ring->other);
	return slot_at(ring, ring->own);
}

static void spin_commit(void *state)
{
	struct spin_ring *ring = state;

	publish(ring, &ring->shared->tail, ++ring->own);
}

static void spin_send(void *state, const void *message)
{
	const struct spin_ring *ring = state;

	memcpy(spin_reserve(state), message, ring->message_size);
	spin_commit(state);
}

static void spin_send_many(void *state, const void *messages, size_t count)
{
	struct spin_ring *ring = state;
	const unsigned char *from = messages;

	while (count > 0) {
		unsigned char *at = spin_reserve(state);
		uint64_t room = ring->slots - (ring->own - ring->other);
		uint64_t to_end = ring->slots - ring->own % ring->slots;
		size_t some = room < to_end ? room : to_end;

		if (some > count)
			some = count;
		memcpy(at, from, some * ring->message_size);
		ring->own += some;
		publish(ring, &ring->shared->tail, ring->own);
		from += some * ring->message_size;
		count -= some;
	}
}

static struct run spin_receive(void *state)
{
	struct spin_ring *ring = state;
	uint64_t count, to_end;

	if (ring->given != ring->own) {
		ring->own = ring->given;
		publish(ring, &ring->shared->head, ring->own);
	}
	if (ring->other == ring->own)
		ring->other = position_await(ring, &ring->shared->tail, ring->other);
	count = ring->other - ring->own;
	to_end = ring->slots - ring->own % ring->slots;
	if (count > to_end)
		count = to_end;
	/* Room is given back in time, so that the producer need not wait for all of a long run. */
	if (count > ring->slots / 4 + 1)
		count = ring->slots / 4 + 1;
	ring->given = ring->own + count;
	return (struct run){ slot_at(ring, ring->own), count, ring->message_size };
}

static void spin_remove(void *state)
{
	struct spin_ring *ring = state;

	munmap(ring->shared, ring->size);
}

const struct peer peer_spin_ring = {
	.name = "spin-ring",
	.flags = PEER_LIMIT | PEER_BUSY,
	.prepare = spin_prepare,
	.attach = spin_attach,
	.send = spin_send,
	.send_many = spin_send_many,
	.reserve = spin_reserve,
	.commit = spin_commit,
	.receive = spin_receive,
	.remove = spin_remove,
};

const struct peer peer_futex_ring = {
	.name = "futex-ring",
	.flags = PEER_LIMIT,
	.prepare = futex_prepare,
	.attach = spin_attach,
	.send = spin_send,
	.send_many = spin_send_many,
	.reserve = spin_reserve,
	.commit = spin_commit,
	.receive = spin_receive,
	.remove = spin_remove,
};

const struct peer peer_futex_safe = {
	.name = "futex-safe",
	.flags = PEER_LIMIT | PEER_ASLEEP,
	.prepare = safe_prepare,
	.attach = spin_attach,
	.send = spin_send,
	.receive = spin_receive,
	.remove = spin_remove,
};

/*
 * Spinning: waiting awake for a moment before sleeping. A sleep and a wake between processors take
 * some 50 µs; for what comes sooner, waiting awake is cheaper. How long to spin is learned from the
 * waits before.
 *
 * A struct spin belongs to one thread; the words that it spins on are only read. No lock is needed.
 * Private to common/.
 */
#ifndef SPIN_H
#define SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spin {
	bool fixed;	   /* do not learn, always spin for limit_ns */
	uint64_t limit_ns; /* how long the next wait spins */
	uint64_t began_ns; /* when this wait began; 0: the clock was not read yet */
	bool least;	   /* this wait is one of those that spin SPIN_LEAST_NS only */
	unsigned failures; /* in a row: spinning was expected to succeed and did not */
	/* how many of the next waits spin SPIN_LEAST_NS only: after failures, ... */
	unsigned resting;
	/* ... or because another process wants the processor: */
	unsigned rounds;      /* rounds of spinning since that was last checked */
	long preempted;	      /* our preemptions at that time, plus 1; 0: never checked */
	unsigned rest_longer; /* how many waits to rest the next time */
};

/*
 * Prepares a spin. ns is 0: it learns how long to spin; CHANNEL_SPIN_OFF: it never spins; else it
 * always spins for up to `ns`, but at most a tenth of a second.
 */
void spin_init(struct spin *spin, uint64_t ns);

/*
 * Spins until the word has another value than `value`: true if so. False if that takes too long, or
 * *interrupted is set. `next` is the address that will be read then: it is fetched into the cache.
 */
bool spin_on_position(struct spin *spin, const _Atomic uint64_t *word, uint64_t value,
		      const void *next, const atomic_int *interrupted);

/*
 * Like spin_on_position(), until the position has reached or passed `wanted`; it may move there in
 * several steps.
 */
bool spin_until_position(struct spin *spin, const _Atomic uint64_t *position, uint64_t wanted,
			 const atomic_int *interrupted);

/* Like spin_on_position(), until the semaphore has a token. */
bool spin_on_token(struct spin *spin, const _Atomic uint32_t *semaphore);

/* Call this after the endpoint has spun in vain and slept, when what it waited for has come. */
void spin_learn(struct spin *spin);

/*
 * Call this after the endpoint has spun in vain and will now ask for what it waits for, which may
 * then come without a sleep. The next wait spins for the full time; if that is in vain, too,
 * spinning becomes ever less frequent.
 */
void spin_in_vain(struct spin *spin);

#endif

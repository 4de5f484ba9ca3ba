/*
 * Waiting awake for a moment before sleeping. A sleep and a wake across processors cost some
 * 50 µs; what comes sooner is cheaper to wait for awake. How long to try is learned from the
 * waits before. Private to common/.
 */
#ifndef SPIN_H
#define SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spin {
	bool fixed;	   /* do not learn */
	uint64_t limit_ns; /* how long the next wait spins */
	uint64_t began_ns; /* when this wait did; 0: the clock was not needed */
	bool least;	   /* this wait spins the least only, as it rests */
	unsigned failures; /* in a row: spinning had seemed to pay, and was in vain */
	unsigned resting;  /* waits that spin the least only, after such failures, ... */
	/* ... or because somebody else wants the processor: */
	unsigned rounds;      /* of spinning since that was last looked at */
	long preempted;	      /* how often we had been then; 0: never looked */
	unsigned rest_longer; /* waits to rest the next time it is so */
};

/* 0: learns. CHANNEL_SPIN_OFF: never spins. Else it always spins for so many nanoseconds. */
void spin_init(struct spin *spin, uint64_t ns);

/*
 * Spins until the word is another than `value`: true if so. False when that has taken too
 * long, or *interrupted. `next` is what will be read then: it is fetched into the cache.
 */
bool spin_on_position(struct spin *spin, const _Atomic uint64_t *word, uint64_t value,
		      const void *next, const atomic_int *interrupted);

/* The same until the position has come to `wanted`, or passed it; by itself it moves in steps. */
bool spin_until_position(struct spin *spin, const _Atomic uint64_t *position, uint64_t wanted,
			 const atomic_int *interrupted);

/* Spins until the semaphore has a token. */
bool spin_on_token(struct spin *spin, const _Atomic uint32_t *semaphore);

/* After spinning in vain the endpoint slept, and what it waited for has come. */
void spin_learn(struct spin *spin);

/*
 * It spun in vain, and will ask for what it waits for, which may come then without a sleep. Spins
 * through the next time, and if that is in vain, too, ever more seldom.
 */
void spin_in_vain(struct spin *spin);

#endif

/*
 * Marks: what belongs to tail besides its position: the number of the next message, and the
 * producer, if any, that is inside a message in pieces. There are two marks, and the one whose
 * position equals tail counts, so that the single store of tail switches all of it.
 *
 * A producer that may write at tail fills the idle mark; any endpoint may read, without a mutex.
 */
#ifndef MARK_H
#define MARK_H

#include <stdint.h>

#include "shared_buffer.h"

/*
 * How often a reader looks again at words that others write: more than a preempted reader needs,
 * but a hostile writer cannot hold it up for ever.
 */
enum { MARK_TRIES = 1000 };

/* Returns the position of a mark, which a lone producer may be filling anew: see mark_find(). */
static inline uint64_t mark_position(const struct mark *mark)
{
	return atomic_load_explicit(&mark->position, memory_order_relaxed);
}

/* Like mark_position(): the slot + 1 of the producer inside a message in pieces, or 0. */
static inline uint32_t mark_open(const struct mark *mark)
{
	return atomic_load_explicit(&mark->open, memory_order_relaxed);
}

/* Like mark_position(): the number of the next message. */
static inline uint64_t mark_sequence(const struct mark *mark)
{
	return atomic_load_explicit(&mark->sequence, memory_order_relaxed);
}

/*
 * Stores the position last, with release: a process that sees this position also sees the tail by
 * which the mark became idle. Pairs with the fence in mark_find().
 */
static inline void mark_set(struct mark *mark, uint64_t position, uint32_t open)
{
	atomic_store_explicit(&mark->open, open, memory_order_relaxed);
	atomic_store_explicit(&mark->position, position, memory_order_release);
}

/*
 * Returns the index, 0 or 1, of the mark that counts: the one whose position is tail. A lone
 * producer may be at work, whether or not the caller holds the producers' mutex; the answer was
 * true at some instant of the call. -1: neither mark has the position of tail although tail stands
 * still, which is damage.
 */
int mark_find(const struct producers *producers);

#endif

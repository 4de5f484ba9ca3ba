/*
 * Marks: what is true of tail besides its position. There are two, and the one that has the position of
 * tail counts, so that the store of tail changes both at once.
 */
#ifndef MARK_H
#define MARK_H

#include <stdint.h>

#include "shared_buffer.h"

/* Looks at two words that others write: more than a preempted reader needs, but nobody may hold us up. */
enum { MARK_TRIES = 1000 };

/* Of a mark that a lone producer may be filling anew: see mark_find(). */
static inline uint64_t mark_position(const struct mark *mark)
{
	return atomic_load_explicit(&mark->position, memory_order_relaxed);
}

static inline uint32_t mark_open(const struct mark *mark)
{
	return atomic_load_explicit(&mark->open, memory_order_relaxed);
}

static inline uint64_t mark_sequence(const struct mark *mark)
{
	return atomic_load_explicit(&mark->sequence, memory_order_relaxed);
}

/*
 * Release: the process that sees this position sees the tail by which the mark became idle, too.
 * Pairs with the fence in mark_find().
 */
static inline void mark_set(struct mark *mark, uint64_t position, uint32_t open)
{
	atomic_store_explicit(&mark->open, open, memory_order_relaxed);
	atomic_store_explicit(&mark->position, position, memory_order_release);
}

/*
 * Returns the index, 0 or 1, of the mark that counts: the one whose position is tail. A lone
 * producer may be at work, so the caller may hold the producers' mutex or not; the answer was true
 * at some instant of the call. -1: neither mark has the tail, and it stands still: damage.
 */
int mark_find(const struct producers *producers);

#endif

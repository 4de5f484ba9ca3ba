#include "channel/mark.h"

#include "shared_buffer.h"

/*
 * A lone producer may be at work without the mutex: then the mark is looked for again. The mark of
 * a tail stays until the producer has committed the next record, and has begun the one after it.
 */
int mark_find(const struct producers *producers)
{
	/* The mark of the tail that we see is there. Pairs with the store in record_commit(). */
	uint64_t tail = atomic_load_explicit(&producers->tail, memory_order_acquire);

	for (int tries = 0; tries < MARK_TRIES; tries++) {
		uint64_t then = tail;

		for (int i = 0; i < 2; i++)
			if (mark_position(&producers->marks[i]) == tail)
				return i;
		/*
		 * Neither of them is: then tail has moved on, and this look at it, which must not
		 * be made before those at the marks, sees that. Pairs with the store in mark_set().
		 */
		atomic_thread_fence(memory_order_acquire);
		tail = atomic_load_explicit(&producers->tail, memory_order_acquire);
		if (tail == then)
			break;
	}
	return -1;
}

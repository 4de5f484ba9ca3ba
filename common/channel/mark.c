#include "channel/mark.h"

#include "shared_buffer.h"

/*
 * While a lone producer works without the mutex, a mark may be missed and is looked for again. The
 * mark of a tail stays until the producer has committed the next record and has begun the one after
 * it.
 */
int mark_find(const struct producers *producers)
{
	/*
	 * The mark of the tail that we see is visible, too. Pairs with the release store in
	 * record_commit().
	 */
	uint64_t tail = atomic_load_explicit(&producers->tail, memory_order_acquire);

	for (int tries = 0; tries < MARK_TRIES; tries++) {
		uint64_t before = tail;

		for (int i = 0; i < 2; i++)
			if (mark_position(&producers->marks[i]) == tail)
				return i;
		/*
		 * Neither mark has this tail, so tail has moved on. Reading it again must not
		 * happen before the reads of the marks. Pairs with the store in mark_set().
		 */
		atomic_thread_fence(memory_order_acquire);
		tail = atomic_load_explicit(&producers->tail, memory_order_acquire);
		if (tail == before)
			break;
	}
	return -1;
}

#include "channel/head.h"

#include "base/deadline.h"
#include "channel/append.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "shared_buffer.h"

int head_catch_up(struct channel *channel, const struct deadline *deadline)
{
	bool moved;
	int rc;

	if (!groups_hold_claims(consumers_of(channel)))
		return 0;
	rc = side_lock(channel, CHANNEL_CONSUMER, deadline);
	if (rc < 0)
		return rc;
	moved = head_advance(consumers_of(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	/*
	 * Another producer may have waited for this, and no consumer will notice that head has
	 * moved.
	 */
	if (moved)
		producers_wake_for_head(channel);
	return 0;
}

void producers_wake_for_head(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint64_t wanted;

	/*
	 * Pairs with the fence in room_wait(): either we see the producer's request, or it sees the
	 * new head.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	wanted = atomic_load(&producers->room_wanted);
	while ((wanted & 1) != 0 && !position_before(head_now(channel), wanted & ~UINT64_C(1))) {
		/*
		 * Take the request first, then look whose turn it is: if the turn changes hands in
		 * between, the new holder has stored a request of its own, or will still look at
		 * head.
		 */
		if (atomic_compare_exchange_strong(&producers->room_wanted, &wanted, 0)) {
			uint32_t turn = atomic_load(&producers->turn);

			if (turn >= 1 && turn <= SLOT_COUNT)
				slot_wake(producers->side.slots, turn - 1, channel->trace,
					  TRACE_ROOM);
			break;
		}
	}
	condition_broadcast_fenced(condition_ack(channel));
}

#include "channel/turn.h"

#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/trace.h"
#include "shared_buffer.h"

void turn_release(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint32_t successor = producers->turn_next;
	uint64_t bit =
		successor >= 1 && successor <= SLOT_COUNT ? UINT64_C(1) << (successor - 1) : 0;

	producers->turn_next = 0;
	room_request(channel, 0); /* its holder may have died or failed while it waited */
	if ((atomic_load(&producers->waiting_turn) & bit) != 0) {
		atomic_store(&producers->turn, successor);
		slot_wake(producers->side.slots, successor - 1, channel->trace, TRACE_TURN);
	} else {
		atomic_store(&producers->turn, 0);
	}
}

#include "channel/waits.h"

#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/trace.h"
#include "shared_buffer.h"

void endpoint_wake_all(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	uint32_t turn;

	condition_broadcast(condition_turn(channel));
	/*
	 * Read after the fence in that broadcast, as head may have been moved before it. Pairs with
	 * the fence in room_wait(): either we see whose turn it is, or that producer sees the new
	 * head.
	 */
	turn = atomic_load(&producers->turn);
	condition_broadcast(condition_ack(channel));
	condition_broadcast(condition_data(channel, NULL));
	condition_broadcast(condition_piece(channel));
	if (turn >= 1 && turn <= SLOT_COUNT)
		slot_wake(producers->side.slots, turn - 1, channel->trace, TRACE_TURN);
}

/*
 * What endpoints wait for: one condition for each, and how to wake everybody.
 */
#ifndef WAITS_H
#define WAITS_H

#include <stdint.h>

#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/* producers: the turn is free */
static inline struct condition condition_turn(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	/* Who still writes alone signals behind a light fence. */
	return (struct condition){ &producers->waiting_turn,
				   producers->side.slots,
				   NULL,
				   channel->segment.membarrier && !channel->sending.settled,
				   channel->trace,
				   TRACE_TURN };
}

/* producers: head has moved */
static inline struct condition condition_ack(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return (struct condition){
		&producers->waiting_ack,     producers->side.slots, NULL,
		channel->segment.membarrier, channel->trace,	    TRACE_ACKNOWLEDGEMENT
	};
}

/* producers: a consumer has attached */
static inline struct condition condition_consumers(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return (struct condition){ &producers->waiting_consumers,
				   producers->side.slots,
				   NULL,
				   false,
				   channel->trace,
				   TRACE_CONSUMERS };
}

/* consumers of a group, or all of them if it is NULL: something to claim */
static inline struct condition condition_data(struct channel *channel, const struct group *group)
{
	struct consumers *consumers = consumers_of(channel);

	return (struct condition){ &consumers->waiting_data,
				   consumers->side.slots,
				   group == NULL ? NULL : &group->members,
				   channel->segment.membarrier,
				   channel->trace,
				   TRACE_DATA };
}

/* Observers: anything at all. Who leaves that wait has taken no wake from anybody. */
static inline struct condition condition_observed(struct channel *channel)
{
	static const _Atomic uint64_t nobody = 0;
	struct condition condition = condition_data(channel, NULL);

	condition.among = &nobody;
	return condition;
}

/* consumers: the next piece */
static inline struct condition condition_piece(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	return (struct condition){ &consumers->waiting_piece,
				   consumers->side.slots,
				   NULL,
				   false,
				   channel->trace,
				   TRACE_PIECE };
}

/* Wakes everybody who waits for anything. No mutex is held. */
void endpoint_wake_all(struct channel *channel);

#endif

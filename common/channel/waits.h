/*
 * What endpoints wait for: one condition for each, made from the channel's memory (see
 * condition.h), and how to wake all endpoints.
 *
 * Called by the threads of attached endpoints; no mutex is needed. The conditions point into the
 * mapped channel.
 */
#ifndef WAITS_H
#define WAITS_H

#include <stdint.h>

#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/* Producers wait for the turn to be free. */
static inline struct condition condition_turn(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	/* A producer that still writes alone signals after a light fence only. */
	return (struct condition){ &producers->waiting_turn,
				   producers->side.slots,
				   NULL,
				   channel->segment.membarrier && !channel->sending.settled,
				   channel->trace,
				   TRACE_TURN };
}

/* Producers wait for head to move: for acknowledgements. */
static inline struct condition condition_ack(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return (struct condition){
		&producers->waiting_ack,     producers->side.slots, NULL,
		channel->segment.membarrier, channel->trace,	    TRACE_ACKNOWLEDGEMENT
	};
}

/* Producers wait for a consumer to attach. */
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

/* Consumers of a group, or of all groups if it is NULL, wait for something to claim. */
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

/*
 * Observers wait for anything to happen. Signals of this condition choose among nobody: an observer
 * that leaves the wait has taken no wake-up from a consumer, so it has none to pass on.
 */
static inline struct condition condition_observed(struct channel *channel)
{
	static const _Atomic uint64_t nobody = 0;
	struct condition condition = condition_data(channel, NULL);

	condition.among = &nobody;
	return condition;
}

/* Consumers inside a message in pieces wait for the next piece. */
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

/* Wakes all endpoints that wait for anything. No mutex is held. */
void endpoint_wake_all(struct channel *channel);

#endif

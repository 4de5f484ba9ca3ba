/*
 * A consumer that is alone claims many records at once.
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/endpoint.h"
#include "channel/group.h"
#include "receive/call.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

/* Is nobody else in our group? */
static inline bool group_alone(struct channel *channel)
{
	return group_members(consumers_of(channel), group_of(channel)) == channel->slot_bit;
}

/* The claim is used up: was that soon enough to take more at once? */
void batch_learn(struct channel *channel);

/* What is left of several records that we claimed when we were alone is for all who are here. */
void batch_share(struct channel *channel, const struct claim_state *state);

/*
 * Extends a new claim of one record by those behind it, if nobody else is there to take them, but
 * not over a gap where messages were dropped, so that it is noticed when it is come to. Returns how
 * many messages the claim holds then.
 */
uint32_t claim_batch(struct receive_call *call, const struct record *first,
		     struct claim_state *state, uint32_t messages);

#endif

/*
 * Batches: a consumer that is the only one attached in its group (a lone consumer) claims several
 * records at once, and then goes from one to the next without the mutex (receive_on()).
 * claim_next() and delivery_done() call these. The consumers' mutex must be held, except for
 * group_alone().
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

/*
 * True if no other consumer of our group is attached. Needs no mutex; without it another one may
 * attach at any time.
 */
static inline bool group_alone(struct channel *channel)
{
	return group_members(consumers_of(channel), group_of(channel)) == channel->slot_bit;
}

/*
 * Called when a claim is used up: doubles the number of records that the next batch may have if
 * this took less than 10 ms, up to BATCH_RECORDS_MAX, and halves it if it took longer.
 */
void batch_learn(struct channel *channel);

/*
 * Gives back the records of a batch that we have not delivered, if another consumer of our group
 * has attached since we claimed them. `state` is the claim's state, which begins after what is
 * acknowledged. If messages after the batch are claimed, nothing is given back.
 */
void batch_share(struct channel *channel, const struct claim_state *state);

/*
 * Extends a new claim, which is not in shared memory yet, by the records that follow its first one,
 * and notes them in channel->batch and channel->claimed. `first` is the header of the first record,
 * of which the claim has `messages` messages; `state` is the claim, whose end is moved. Extends
 * nothing if another consumer of the group is attached. Stops before a message in pieces; at a gap
 * where messages were dropped, so that the gap is found by the claim that comes to it; and before
 * the claim holds more than call->most messages. Returns how many messages the claim has then.
 */
uint32_t claim_batch(struct receive_call *call, const struct record *first,
		     struct claim_state *state, uint32_t messages);

#endif

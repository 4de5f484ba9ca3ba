/*
 * A visit to the consumers' mutex: acknowledges what is in hand, claims, and hands out. Private to
 * common/.
 */
#ifndef VISIT_H
#define VISIT_H

#include "channel/endpoint.h"
#include "channel/group.h"
#include "receive/deliver.h"

/* What a visit to the consumers' mutex came back with, beside an error and public results. */
enum { VISIT_NOTHING = 3, VISIT_GATHERING };

struct visit {
	struct channel *channel;
	uint32_t most;
	unsigned flags;
	struct channel_delivery *delivery;
	uint64_t timeout_ns;	  /* of the whole wait */
	bool deadline_set;	  /* ... from the first time that it was asked for */
	struct deadline deadline; /* of the whole wait: the lock is a part of it */
	uint64_t gather_until_ns; /* when to take what there is; 0: nothing to wait for */
	int result;
	bool fits;	    /* the claim is new, and holds no more than was asked for */
	bool delivered;	    /* the new claim's first record has been handed out, all of it */
	bool head_may_move; /* a claim, or a message passed over, may have kept head where it is */
	bool more;	    /* for others: wake one when unlocked */
	bool head_moved;
};

/* When the whole wait has to end. The clock is read when there is something to wait for. */
const struct deadline *visit_deadline(struct visit *visit);

/*
 * Locks, does everything, unlocks, and wakes whom it is for. A public result, VISIT_NOTHING,
 * VISIT_GATHERING, or an error: those of side_lock(), EINVAL for an observer, CHANNEL_EDAMAGED,
 * CHANNEL_EABORTED.
 */
int visit(struct visit *visit);

/* Wakes whom the changes are for. No mutex is held. */
void visit_wake(struct channel *channel, bool head_moved, bool more);

/* Ends the delivery in hand: its bytes have been used. The consumers' mutex is held. */
void delivery_done(struct channel *channel);

/* Is nobody else in our group? */
static inline bool group_alone(struct channel *channel)
{
	return group_members(consumers_of(channel), group_of(channel)) == channel->slot_bit;
}

/*
 * For the trace: what lies from where the claim begins up to `end`. Called before the record can be
 * overwritten; if it is damaged already, others say so.
 */
__attribute__((cold)) void claim_trace(struct channel *channel, enum trace_kind kind,
				       struct cursor end, uint32_t messages);

#endif

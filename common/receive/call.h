/*
 * One call of channel_receive(): what it asks for, how long it may wait, and what has come of it.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"
#include "channel/channel.h"

/* Results of receive_under_lock() beside errors and those of channel_receive(). */
enum { RECEIVE_NOTHING = 3, RECEIVE_GATHERING };

struct receive_call {
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
const struct deadline *receive_deadline(struct receive_call *call);

#endif

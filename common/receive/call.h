/*
 * One call of channel_receive() that needs the consumers' mutex: what the caller asks for, how long
 * it may wait, and what the last critical section has done. It lies on the stack of
 * receive_waiting(), and only the thread that receives uses it.
 */
#ifndef CALL_H
#define CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"
#include "channel/channel.h"

/* What came of a critical section, or of one of its steps. */
enum receive_result {
	RECEIVE_ENDED = CHANNEL_ENDED, /* these three are results of channel_receive() */
	RECEIVE_DELIVERED = CHANNEL_DELIVERED,
	RECEIVE_PASSED = CHANNEL_PASSED,
	RECEIVE_NOTHING,   /* there is nothing to claim: wait for it */
	RECEIVE_GATHERING, /* there are fewer messages than are wanted together: look again soon */
	RECEIVE_FAILED	   /* with receive_call.error */
};

struct receive_call {
	struct channel *channel;
	uint32_t most;			   /* messages wanted at once, at most */
	unsigned flags;			   /* enum channel_receive_flags */
	struct channel_delivery *delivery; /* the caller's, to be filled in */
	uint64_t timeout_ns;		   /* of the whole wait, in ns */
	bool deadline_set;		   /* `deadline` is valid */
	struct deadline deadline;	   /* of the whole wait, the wait for the mutex included */
	uint64_t gather_until_ns;	   /* until when to wait for more messages; 0: not begun */
	enum receive_result result;	   /* what receive_under_lock() has returned */
	int error;			   /* after RECEIVE_FAILED: negative, else meaningless */
	/* What happened in the critical section: */
	bool fits;	    /* the claim is new, and holds no more than was asked for */
	bool delivered;	    /* the whole first record of the new claim has been handed out */
	bool head_may_move; /* head may have been kept by a claim, or by skipped messages */
	bool more;	    /* wake another consumer of the group after unlocking */
	bool head_moved;    /* wake the producers that wait for head after unlocking */
};

/* Notes this error, a negative one. Returns RECEIVE_FAILED. */
static inline enum receive_result receive_failed(struct receive_call *call, int error)
{
	call->error = error;
	return RECEIVE_FAILED;
}

/*
 * Returns the deadline of the whole wait, which stays the same for all of the call. The first use
 * reads the clock, so a call that does not wait never reads it. The pointer is valid as long as
 * `call`. Needs no mutex.
 */
const struct deadline *receive_deadline(struct receive_call *call);

#endif

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

/*
 * Results of receive_under_lock() besides errors and the results of channel_receive(). NOTHING:
 * there is nothing to claim; wait for it. GATHERING: there are messages, but fewer than are wanted
 * together; look again soon.
 */
enum { RECEIVE_NOTHING = 3, RECEIVE_GATHERING };

struct receive_call {
	struct channel *channel;
	uint32_t most;			   /* messages wanted at once, at most */
	unsigned flags;			   /* enum channel_receive_flags */
	struct channel_delivery *delivery; /* the caller's, to be filled in */
	uint64_t timeout_ns;		   /* of the whole wait, in ns */
	bool deadline_set;		   /* `deadline` is valid */
	struct deadline deadline;	   /* of the whole wait, the wait for the mutex included */
	uint64_t gather_until_ns;	   /* until when to wait for more messages; 0: not begun */
	int result;			   /* what receive_under_lock() has returned */
	/* What happened in the critical section: */
	bool fits;	    /* the claim is new, and holds no more than was asked for */
	bool delivered;	    /* the whole first record of the new claim has been handed out */
	bool head_may_move; /* head may have been kept by a claim, or by skipped messages */
	bool more;	    /* wake another consumer of the group after unlocking */
	bool head_moved;    /* wake the producers that wait for head after unlocking */
};

/*
 * Returns the deadline of the whole wait, which stays the same for all of the call. The first use
 * reads the clock, so a call that does not wait never reads it. The pointer is valid as long as
 * `call`. Needs no mutex.
 */
const struct deadline *receive_deadline(struct receive_call *call);

#endif

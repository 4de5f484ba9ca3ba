/*
 * The critical section of a consumer that receives: with the consumers' mutex held, it acknowledges
 * what is in hand, claims what comes next, and delivers it. channel_receive() calls this whenever
 * it cannot go on within a batch. The caller holds no mutex.
 */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "receive/call.h"

struct channel;

/*
 * Locks the consumers' mutex, does all of the above for `call`, unlocks, and wakes the producers
 * and the consumer for which there is news. Returns, and leaves in call->result: CHANNEL_DELIVERED,
 * CHANNEL_ENDED or CHANNEL_PASSED as channel_receive() does; RECEIVE_NOTHING; RECEIVE_GATHERING; or
 * an error: those of side_lock(), -EINVAL for an observer, -CHANNEL_EDAMAGED, -CHANNEL_EABORTED.
 */
int receive_under_lock(struct receive_call *call);

/*
 * Wakes, after a critical section, the producers that wait for head, if `head_moved`, and one
 * consumer of our group that waits for messages, if there are `more`. No mutex may be held.
 */
void receive_wake(struct channel *channel, bool head_moved, bool more);

#endif

/*
 * The critical section of a consumer that receives: with the consumers' mutex held, it acknowledges
 * what is in hand, claims what comes next, and delivers it. channel_receive() calls this whenever
 * it cannot go on within a batch. The caller holds no mutex.
 */
#ifndef UNDER_LOCK_H
#define UNDER_LOCK_H

#include "receive/call.h"

struct channel;

/*
 * Locks the consumers' mutex, does what is said above for `call`, unlocks, and wakes the producers
 * and the consumer for which there is news. Returns the result, which is also in call->result.
 * After RECEIVE_FAILED call->error is an error of side_lock(), -EINVAL (this is an observer),
 * -CHANNEL_EDAMAGED, or -CHANNEL_EABORTED.
 */
enum receive_result receive_under_lock(struct receive_call *call);

/*
 * Wakes, after a critical section, the producers that wait for head, if `head_moved`, and one
 * consumer of our group that waits for messages, if there are `more`. No mutex may be held.
 */
void receive_wake(struct channel *channel, bool head_moved, bool more);

#endif

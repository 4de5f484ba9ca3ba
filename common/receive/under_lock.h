/*
 * What a consumer does under the consumers' mutex: it acknowledges what is in hand, claims what is
 * next, and delivers it.
 */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "receive/call.h"

struct channel;

/*
 * Locks, does everything, unlocks, and wakes whom it is for. A public result, RECEIVE_NOTHING,
 * RECEIVE_GATHERING, or an error: those of side_lock(), EINVAL for an observer, CHANNEL_EDAMAGED,
 * CHANNEL_EABORTED.
 */
int receive_under_lock(struct receive_call *call);

/* Wakes whom the changes are for. No mutex is held. */
void receive_wake(struct channel *channel, bool head_moved, bool more);

#endif

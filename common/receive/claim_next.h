/*
 * Claiming the next messages that the group has not claimed yet. receive_under_lock() calls this
 * when there is no orphan to adopt. The consumers' mutex must be held.
 */
#ifndef CLAIM_NEXT_H
#define CLAIM_NEXT_H

#include "receive/call.h"
#include "receive/under_lock.h"

/*
 * Claims up to call->most messages at the group's `next`, and moves `next` to the end of the claim.
 * Skips messages that were aborted, and pieces of a message that began before the group did.
 * Returns RECEIVE_DELIVERED: channel->receiving.claim is the new claim, and if call->delivered is
 * set, its first record is already in call->delivery. Returns RECEIVE_NOTHING if there is nothing
 * to claim, RECEIVE_GATHERING if it is better to wait for more messages, or RECEIVE_FAILED with
 * -CHANNEL_EDAMAGED; then nothing is claimed.
 */
enum receive_result claim_next(struct receive_call *call);

#endif

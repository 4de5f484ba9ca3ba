/*
 * What a consumer writes into its trace (options.trace) about its claim. The functions that claim,
 * acknowledge and give back call it, and only if channel->trace is not NULL.
 */
#ifndef CLAIM_TRACE_H
#define CLAIM_TRACE_H

#include <stdint.h>

#include "channel/trace.h"
#include "shared_buffer.h"

struct channel;

/*
 * Notes an event of this kind about the messages from the beginning of our claim up to `end`;
 * `messages` is how many that are. Must be called before the claim's first record can be
 * overwritten: before it is acknowledged. If that record is damaged, the event has a wrong number;
 * the error is reported elsewhere. Only the owner changes its claim, so no mutex is needed.
 */
__attribute__((cold)) void claim_trace(struct channel *channel, enum trace_kind kind,
				       struct cursor end, uint32_t messages);

#endif

/*
 * What a consumer notes in its trace.
 */
#ifndef CLAIM_TRACE_H
#define CLAIM_TRACE_H

#include <stdint.h>

#include "channel/trace.h"
#include "shared_buffer.h"

struct channel;

/*
 * For the trace: what lies from where the claim begins up to `end`. Called before the record can be
 * overwritten; if it is damaged already, others say so.
 */
__attribute__((cold)) void claim_trace(struct channel *channel, enum trace_kind kind,
				       struct cursor end, uint32_t messages);

#endif

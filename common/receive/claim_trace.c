#include "receive/claim_trace.h"

#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "receive/deliver.h"
#include "shared_buffer.h"

void claim_trace(struct channel *channel, enum trace_kind kind, struct cursor end,
		 uint32_t messages)
{
	struct claim_state state = claim_read(claim_held(channel));
	/* Not tail_now(), which changes channel->receiving.known_tail. */
	uint64_t tail = atomic_load(&producers_of(channel)->tail);
	uint64_t sequence = state.sequence;
	struct record record;

	if (ring_get(&channel->segment.ring, state.begin.record, tail, &record))
		sequence = record.sequence + state.begin.index;
	trace_event(channel->trace, .kind = (uint8_t)kind, .phase = TRACE_AT,
		    .numbers = { sequence, end.record }, .messages = messages);
}

#include "channel/append.h"

#include <string.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "shared_buffer.h"

void commit_trace(struct channel *channel)
{
	uint64_t tail = tail_own(channel);
	struct record record;

	/* A hostile producer could change the header meanwhile; then only this note is wrong. */
	memcpy(&record, ring_payload(&channel->segment.ring, tail) - sizeof(record),
	       sizeof(record));
	trace_event(channel->trace, .kind = TRACE_COMMIT, .phase = TRACE_AT,
		    .numbers = { record.sequence, tail + ring_record_bytes(record.size) },
		    .messages = record.messages, .size = record.size);
}

int message_abort(struct channel *channel, unsigned slot)
{
	struct mark *current = mark_current(channel);
	uint64_t ignored;
	struct record aborted = { .flags = RECORD_ABORTED | RECORD_CONTINUED,
				  .producer = (uint8_t)slot };

	if (current == NULL)
		return -CHANNEL_EDAMAGED;
	if (mark_open(current) != slot + 1)
		return 0;
	frontier_publish(); /* as in record_begin_locked() */
	frontier_move(channel, tail_own(channel) + sizeof(struct record));
	return record_commit(channel, tail_own(channel), aborted, &ignored);
}

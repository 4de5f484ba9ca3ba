#include "receive/batch.h"

#include "base/deadline.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/orphan.h"
#include "channel/ring.h"
#include "receive/call.h"
#include "receive/deliver.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

/*
 * A lone consumer claims as many records at once as it has lately used up within BATCH_NS
 * nanoseconds, so that a slow one leaves most of them to consumers that attach later. The claim
 * keeps its room in the ring until it ends. So beyond its first record it takes no more than
 * BATCH_BYTES bytes or a quarter of the ring: when that room becomes free, its cache lines are
 * still in the caches.
 */
enum { BATCH_NS = 10000000, BATCH_BYTES = 65536 };

/* Headers of short records are fetched into the cache this many bytes before they are read. */
enum { READ_AHEAD = 1024 };

/*
 * Fetches into the cache a line in which a header will be read later: the one READ_AHEAD bytes
 * after `position`, or, if records are longer than that, the one where the record at `position`
 * ends. That record is taken to be as long as the last one, `record_bytes`. Nothing beyond tail is
 * fetched: a producer writes there.
 */
static inline void header_fetch(struct channel *channel, uint64_t position, uint64_t record_bytes)
{
	uint64_t ahead = record_bytes < READ_AHEAD ? READ_AHEAD : record_bytes;

	if (channel->receiving.known_tail - position > ahead)
		__builtin_prefetch(ring_payload(&channel->segment.ring, position + ahead) -
				   sizeof(struct record));
}

/* Returns how many bytes of ring a batch may span before its last record. */
static uint64_t batch_bytes(uint64_t capacity)
{
	return capacity / 4 < BATCH_BYTES ? capacity / 4 : BATCH_BYTES;
}

void batch_learn(struct channel *channel)
{
	bool quick = clock_coarse_ns() - channel->batch.claimed_ns < BATCH_NS;

	if (!quick)
		channel->batch.records = (channel->batch.records + 1) / 2;
	else if (channel->batch.records < BATCH_RECORDS_MAX)
		channel->batch.records *= 2;
}

void batch_share(struct channel *channel, const struct claim_state *state)
{
	if (!channel->batch.valid || group_alone(channel) ||
	    !cursor_equal(next_read(group_of(channel)), state->end))
		return;
	claim_abandon(channel, group_of(channel), channel->receiving.claim, state->begin,
		      CLAIM_UNSEEN);
	channel->receiving.claim = CLAIM_NONE;
	channel->batch.records = 1;
}

uint32_t claim_batch(struct receive_call *call, const struct record *first,
		     struct claim_state *state, uint32_t messages)
{
	struct channel *channel = call->channel;
	const struct ring *ring = &channel->segment.ring;
	uint64_t most = batch_bytes(ring->capacity);
	struct cursor end = state->end;
	struct record record;

	channel->batch.claimed_ns = clock_coarse_ns();
	channel->batch.valid = record_whole(first) && end.offset == 0 && group_alone(channel);
	channel->batch.index = 0;
	channel->batch.position = state->begin.record;
	channel->batch.sequence = first->sequence;
	channel->claimed[0] = claimed_of(first);
	for (uint32_t records = 1; channel->batch.valid && records < channel->batch.records;
	     records++) {
		if (end.record == channel->receiving.known_tail ||
		    end.record - state->begin.record >= most ||
		    !ring_get(ring, end.record, channel->receiving.known_tail, &record) ||
		    !record_whole(&record) || record.messages > call->most - messages ||
		    record.sequence != state->sequence + state->begin.index + messages)
			break;
		channel->claimed[records] = claimed_of(&record);
		messages += record.messages;
		end = cursor_after(end.record, &record);
		header_fetch(channel, end.record, ring_record_bytes(record.size));
	}
	state->end = end;
	channel->batch.end = end.record;
	return messages;
}

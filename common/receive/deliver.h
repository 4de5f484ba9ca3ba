/*
 * What a consumer gets to see of the records in its claim. Private to common/; inline, because it
 * is done for every message.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "base/processor.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/* From this size in bytes a message is long for the caches. */
enum { DELIVER_LONG = 512 };

/* The claim in hand. */
static inline struct claim *claim_held(struct channel *channel)
{
	return &group_of(channel)->claims[channel->receiving.claim];
}

static inline struct claimed claimed_of(const struct record *record)
{
	return (struct claimed){ record->size, record->messages, record->flags,
				 record->delimiter_size, record->key_size };
}

/* What a delivery has from its record, and what is noted of it. */
static inline void delivery_describe(struct channel *channel, struct channel_delivery *delivery,
				     const struct claimed *record, const unsigned char *payload)
{
	delivery->key = payload;
	delivery->key_size = record->key_size;
	delivery->delimiter = payload + record->size - record->delimiter_size;
	delivery->delimiter_size = record->delimiter_size;
	delivery->first = (record->flags & RECORD_CONTINUED) == 0;
	delivery->last = (record->flags & RECORD_MORE) == 0;
	delivery->unterminated = (record->flags & RECORD_UNTERMINATED) != 0;
	channel->receiving.delivered_messages = delivery->messages;
	slot_count(&consumers_of(channel)->side.slots[channel->slot], delivery->messages,
		   delivery->size - (uint64_t)delivery->messages * record->delimiter_size);
}

/*
 * The same for all of the next record of a claim that was made anew. Its header was looked at then,
 * and is not read again: its line is on the way to where the payload is needed.
 */
static inline void deliver_claimed(struct channel *channel, struct channel_delivery *delivery)
{
	const struct claimed *record = &channel->claimed[channel->batch.index++];
	uint64_t position = channel->batch.position;
	const unsigned char *payload = ring_payload(&channel->segment.ring, position);

	delivery->bytes = payload + record->key_size;
	delivery->size = record->size - record->key_size;
	delivery->messages = record->messages;
	delivery->sequence = channel->batch.sequence;
	delivery->attempts = 1;
	delivery->failures = 0;
	delivery_describe(channel, delivery, record, payload);
	channel->batch.sequence += record->messages;
	channel->batch.position = position + ring_record_bytes(record->size);
	channel->receiving.delivered_end = cursor_at(channel->batch.position);
	/* Where a long one ends, what fetches ahead by itself has mostly lost the thread. */
	if (record->size >= DELIVER_LONG &&
	    channel->receiving.known_tail - channel->batch.position >= DELIVER_LONG)
		processor_fetch(ring_payload(&channel->segment.ring, channel->batch.position));
}

/*
 * Fills in what the caller gets of the claim it holds: at most `most` messages of the record
 * at state.begin, which need not be where the claim begins. CHANNEL_DELIVERED, or
 * -CHANNEL_EDAMAGED.
 */
int deliver_part(struct channel *channel, struct claim_state state, uint32_t most,
		 struct channel_delivery *delivery);

#endif

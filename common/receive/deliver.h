/*
 * Filling in a struct channel_delivery, which is what the program gets of the records in its claim.
 * All pointers in it point into the ring, and are valid until the program acknowledges or gives
 * back the delivery. Only the owner of a claim hands out its messages, so no mutex is needed once
 * they are claimed. Private to common/; inline where it is done for every message.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "base/processor.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/* From this size in bytes a record is long: see deliver_claimed(). */
enum { DELIVER_LONG = 512 };

/* Returns our claim. Call it only if channel->receiving.claim is not CLAIM_NONE. */
static inline struct claim *claim_held(struct channel *channel)
{
	return &group_of(channel)->claims[channel->receiving.claim];
}

/* Returns the fields of a record's header that delivering it needs. */
static inline struct claimed claimed_of(const struct record *record)
{
	return (struct claimed){ record->size, record->messages, record->flags,
				 record->delimiter_size, record->key_size };
}

/*
 * Fills in what every delivery takes from the header of its record: key, delimiter and flags.
 * `payload` is where the record's payload lies: in the ring, or in an observer's copy.
 */
static inline void delivery_describe(struct channel_delivery *delivery,
				     const struct claimed *record, const unsigned char *payload)
{
	delivery->key = payload;
	delivery->key_size = record->key_size;
	delivery->delimiter = payload + record->size - record->delimiter_size;
	delivery->delimiter_size = record->delimiter_size;
	delivery->first = (record->flags & RECORD_CONTINUED) == 0;
	delivery->last = (record->flags & RECORD_MORE) == 0;
	delivery->unterminated = (record->flags & RECORD_UNTERMINATED) != 0;
}

/* Notes that this delivery is in hand, and counts it in this endpoint's counters. */
static inline void delivery_count(struct channel *channel, const struct channel_delivery *delivery)
{
	channel->receiving.delivered_messages = delivery->messages;
	slot_count(&consumers_of(channel)->side.slots[channel->slot], delivery->messages,
		   delivery->size - (uint64_t)delivery->messages * delivery->delimiter_size);
}

/*
 * Delivers all of the next record of a batch, and moves on in the batch. The record's header was
 * read and checked when it was claimed (channel->claimed), and is not read again, so that this need
 * not wait for its cache line.
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
	delivery_describe(delivery, record, payload);
	delivery_count(channel, delivery);
	channel->batch.sequence += record->messages;
	channel->batch.position = position + ring_record_bytes(record->size);
	channel->receiving.delivered_end = cursor_at(channel->batch.position);
	/*
	 * After a long record, the processor's own prefetching has mostly lost its place: fetch
	 * the beginning of the next one.
	 */
	if (record->size >= DELIVER_LONG &&
	    channel->receiving.known_tail - channel->batch.position >= DELIVER_LONG)
		processor_fetch(ring_payload(&channel->segment.ring, channel->batch.position));
}

/*
 * Fills in *delivery from the record at state.begin: its messages from there on, up to state.end,
 * and `most` messages at most. `state` is our claim, but its beginning may have been moved by the
 * caller. Notes in channel->receiving.delivered_end where the delivery ends. Returns
 * CHANNEL_DELIVERED, or -CHANNEL_EDAMAGED.
 */
int deliver_part(struct channel *channel, struct claim_state state, uint32_t most,
		 struct channel_delivery *delivery);

#endif

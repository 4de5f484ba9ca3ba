/*
 * Appending a record: what a producer may do that holds the producers' mutex, or is alone
 * (alone.c). Private to common/; inline, because it is done for every message.
 */
#ifndef COMMIT_H
#define COMMIT_H

#include "base/processor.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The lines of the ring that will be written next were last read by a consumer on another
 * processor: asking for them this many bytes ahead spares waiting for them.
 */
enum { WRITE_AHEAD = 2048 };

static inline uint64_t tail_own(struct channel *channel)
{
	return atomic_load_explicit(&producers_of(channel)->tail, memory_order_relaxed);
}

/* Bytes of key in the next record: of a message in pieces only the first has it. */
static inline uint8_t key_size_now(const struct channel *channel)
{
	return channel->sending.inside ? 0 : channel->sending.key_size;
}

/*
 * Returns the header of a record for this block of whole messages, with a key of `key_size` bytes.
 * record_commit() fills in `check` and `sequence`. For a piece of a message the caller adds flags.
 */
static inline struct record record_of(const struct channel *channel,
				      const struct channel_block *block, uint8_t key_size)
{
	return (struct record){ .size = (uint32_t)block->size + key_size,
				.messages = block->messages,
				.delimiter_size = block->delimiter_size,
				.key_size = key_size,
				.producer = (uint8_t)channel->slot,
				.flags = (block->flags & CHANNEL_UNTERMINATED) != 0
						 ? RECORD_UNTERMINATED
						 : 0 };
}

/* Returns where head is. What lies before it is free to write. Pairs with head_advance(). */
static inline uint64_t head_now(struct channel *channel)
{
	return atomic_load_explicit(&consumers_of(channel)->head, memory_order_acquire);
}

/*
 * Observers prove by frontier and by head that what they have read had not been written over, so
 * both are visible before the bytes are: those stored by this thread, and those by others that it
 * has seen. Pairs with the fence in view_intact(). On x86 this keeps the compiler in order only.
 */
static inline void frontier_publish(void)
{
	atomic_thread_fence(memory_order_release);
}

/* Looks where head is, to write behind what is known of it. */
static inline void known_head_renew(struct channel *channel)
{
	channel->sending.known_head = head_now(channel);
	frontier_publish();
}

/*
 * We are about to write up to this position. It is said for a sixteenth of the ring in advance, so
 * most records pay for no more than the look.
 */
static inline void frontier_move(struct channel *channel, uint64_t end)
{
	_Atomic uint64_t *frontier = &producers_of(channel)->frontier;

	if (!position_before(atomic_load_explicit(frontier, memory_order_relaxed), end))
		return;
	atomic_store_explicit(frontier, end + channel->segment.ring.capacity / 16,
			      memory_order_relaxed);
	frontier_publish();
}

/*
 * Begins a record of at most `bytes` bytes of ring: puts the key where its payload begins, and
 * returns where its body does.
 */
static inline unsigned char *record_begin(struct channel *channel, uint64_t tail, uint64_t bytes)
{
	unsigned char *payload = ring_payload(&channel->segment.ring, tail);
	uint8_t size = key_size_now(channel);

	frontier_move(channel, tail + bytes);
	if (size > 0)
		memcpy(payload, channel->sending.key, size);
	return payload + size;
}

/*
 * Like record_begin(), for the holder of the producers' mutex or of the turn: another producer may
 * have moved frontier, so its store has to be published by this one, too.
 */
static inline unsigned char *record_begin_locked(struct channel *channel, uint64_t tail,
						 uint64_t bytes)
{
	frontier_publish();
	return record_begin(channel, tail, bytes);
}

/*
 * The mark that counts if this is tail: the one that has its position. NULL: damaged. For a
 * producer that may write at tail: nobody moves it meanwhile.
 */
static inline struct mark *mark_of(struct channel *channel, uint64_t tail)
{
	struct mark *marks = producers_of(channel)->marks;

	if (mark_position(&marks[0]) == tail)
		return &marks[0];
	return mark_position(&marks[1]) == tail ? &marks[1] : NULL;
}

/*
 * The mark of tail as it is now, for the holder of the producers' mutex, beside which somebody may
 * still write alone. NULL: damaged.
 */
static inline struct mark *mark_current(struct channel *channel)
{
	int found = mark_find(producers_of(channel));

	return found < 0 ? NULL : &producers_of(channel)->marks[found];
}

/*
 * send.c: notes that the record whose header is at tail is about to be committed. It needs to be
 * told nothing, so that who has no trace keeps nothing for it.
 */
__attribute__((cold)) void commit_trace(struct channel *channel);

/*
 * Appends a record whose payload is in place (there is room for it) at tail: header, idle mark,
 * tail. The store of tail commits all of it. *sequence: the number of its first message.
 */
static inline int record_commit(struct channel *channel, uint64_t tail, struct record record,
				uint64_t *sequence)
{
	struct producers *producers = producers_of(channel);
	struct mark *current = mark_of(channel, tail);
	uint64_t end = tail + ring_record_bytes(record.size);
	struct mark *idle;

	if (current == NULL || tail % RECORD_ALIGN != 0)
		return -CHANNEL_EDAMAGED;
	idle = current == &producers->marks[0] ? &producers->marks[1] : &producers->marks[0];

	/* A message in pieces took its number with the first one. */
	record.sequence = mark_open(current) != 0 ? current->open_sequence : mark_sequence(current);
	*sequence = record.sequence;
	ring_put(&channel->segment.ring, tail, record);
	if (__builtin_expect(channel->trace != NULL, 0))
		commit_trace(channel);
	for (uint64_t ahead = tail; ahead < end && ahead < tail + 256; ahead += 64)
		processor_fetch_to_write(ring_payload(&channel->segment.ring, ahead + WRITE_AHEAD));

	/* Who sees this number sees the tail by which the mark became idle. Pairs with
	 * sequence_at().
	 */
	atomic_store_explicit(&idle->sequence, mark_sequence(current) + record.messages,
			      memory_order_release);
	if ((record.flags & RECORD_MORE) != 0)
		idle->open_sequence = record.sequence;
	mark_set(idle, end, (record.flags & RECORD_MORE) != 0 ? record.producer + 1U : 0);
	/* The record and the mark are visible before the tail is. Pairs with tail_now(). */
	atomic_store_explicit(&producers->tail, end, memory_order_release);
	return 0;
}

/* Closes the message that `slot` left open, if it did. There is always room for that mark. */
int message_abort(struct channel *channel, unsigned slot);

#endif

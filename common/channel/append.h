/*
 * Appending a record to the ring. A record holds one message, a block of messages, or a piece of a
 * message. tail is the position up to which the ring is written: the one store of tail commits the
 * record and all that belongs to it.
 *
 * Called for each message, by the thread of a producer that may write at tail: it holds the
 * producers' mutex, or the turn (turn.h), or it is the only producer attached (send/alone.c). If a
 * function needs one of these in particular, its comment says so. Inline, because they run for
 * every message. Private to common/.
 */
#ifndef APPEND_H
#define APPEND_H

#include "base/processor.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The cache lines of the ring that will be written next were last read by a consumer on another
 * processor. Asking for them this many bytes ahead saves waiting for them.
 */
enum { WRITE_AHEAD = 2048 };

/* Returns tail, for a producer that may write there: nobody else moves it. */
static inline uint64_t tail_own(struct channel *channel)
{
	return atomic_load_explicit(&producers_of(channel)->tail, memory_order_relaxed);
}

/*
 * Returns how many bytes of key the next record has: of a message in pieces only the first one has
 * it.
 */
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

/*
 * Returns head: what lies before it is free to write. Pairs with the release store in
 * head_advance(). Needs no mutex.
 */
static inline uint64_t head_now(struct channel *channel)
{
	return atomic_load_explicit(&consumers_of(channel)->head, memory_order_acquire);
}

/*
 * Observers read without a claim, and prove by frontier and by head that what they have read had
 * not been overwritten. So frontier and head must be visible before the bytes are: the values that
 * this thread has stored, and those of others that it has seen. Pairs with the fence in
 * view_intact(). On x86 this keeps the compiler in order only.
 */
static inline void frontier_publish(void)
{
	atomic_thread_fence(memory_order_release);
}

/*
 * Reads head again, to write up to it: what is known of it then is published before the bytes are,
 * see frontier_publish().
 */
static inline void known_head_renew(struct channel *channel)
{
	channel->sending.known_head = head_now(channel);
	frontier_publish();
}

/*
 * Announces that we are about to write up to this position. It announces a sixteenth of the ring in
 * advance, so for most records it does no more than read the word.
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
 * Begins a record at tail that takes at most `bytes` bytes of ring: puts the key where its payload
 * begins, and returns where its body begins.
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
 * have moved frontier, and that store has to be published by this thread, too.
 */
static inline unsigned char *record_begin_locked(struct channel *channel, uint64_t tail,
						 uint64_t bytes)
{
	frontier_publish();
	return record_begin(channel, tail, bytes);
}

/*
 * Returns the mark that counts if this is tail: the one with its position. NULL: the channel is
 * damaged. Only for a producer that may write at tail, as nobody else moves tail meanwhile.
 */
static inline struct mark *mark_of(struct channel *channel, uint64_t tail)
{
	struct mark *marks = producers_of(channel)->marks;

	if (mark_position(&marks[0]) == tail)
		return &marks[0];
	return mark_position(&marks[1]) == tail ? &marks[1] : NULL;
}

/*
 * Returns the mark of tail as it is now, for the holder of the producers' mutex while another
 * producer may still be writing alone. NULL: the channel is damaged.
 */
static inline struct mark *mark_current(struct channel *channel)
{
	int found = mark_find(producers_of(channel));

	return found < 0 ? NULL : &producers_of(channel)->marks[found];
}

/*
 * Notes in the trace that the record whose header is at tail is about to be committed. Takes no
 * other arguments, so that the path without a trace keeps nothing in registers for it.
 */
__attribute__((cold)) void commit_trace(struct channel *channel);

/*
 * Appends a record whose payload is in place at `tail`, and for which there is room: writes its
 * header, fills the idle mark, stores tail. The store of tail commits all of it. *sequence is the
 * number of its first message. Returns 0 or -CHANNEL_EDAMAGED.
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

	/* A message in pieces took its number with its first piece. */
	record.sequence = mark_open(current) != 0 ? current->open_sequence : mark_sequence(current);
	*sequence = record.sequence;
	ring_put(&channel->segment.ring, tail, record);
	if (__builtin_expect(channel->trace != NULL, 0))
		commit_trace(channel);
	for (uint64_t ahead = tail; ahead < end && ahead < tail + 256; ahead += 64)
		processor_fetch_to_write(ring_payload(&channel->segment.ring, ahead + WRITE_AHEAD));

	/*
	 * A process that sees this number also sees the tail by which the mark became idle. Pairs
	 * with the acquire load in sequence_at().
	 */
	atomic_store_explicit(&idle->sequence, mark_sequence(current) + record.messages,
			      memory_order_release);
	if ((record.flags & RECORD_MORE) != 0)
		idle->open_sequence = record.sequence;
	mark_set(idle, end, (record.flags & RECORD_MORE) != 0 ? record.producer + 1U : 0);
	/* The record and the mark are visible before the new tail is. Pairs with tail_now(). */
	atomic_store_explicit(&producers->tail, end, memory_order_release);
	return 0;
}

/*
 * If the producer in `slot` has left a message open, ends it with an abort record; there is always
 * room for that record. Returns 0 or -CHANNEL_EDAMAGED. The producers' mutex is held.
 */
int message_abort(struct channel *channel, unsigned slot);

#endif

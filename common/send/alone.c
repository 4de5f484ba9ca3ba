#include "send/alone.h"

#include <string.h>

#include "base/barrier.h"
#include "channel/append.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/ring.h"
#include "channel/waits.h"
#include "shared_buffer.h"

/*
 * A producer that is alone needs no mutex: nobody else may write. What keeps it so is a
 * handshake with whoever attaches (Dekker's, as in biased locking): we say that we write,
 * then look who is attached; it attaches first, then looks whether anybody writes
 * (producers_settled()), and sends nothing before that has ended. One of us sees the other.
 */

/* Neither at work for anybody else's message nor in the middle of one of our own. */
static bool nobody_else(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return atomic_load(&producers->side.attached) == channel->slot_bit &&
	       atomic_load(&producers->turn) == 0;
}

/*
 * Where tail is, once nobody else is here. A consumer that spins on it takes its line away from us,
 * and reading it back takes longer than sending: if nobody has attached since we last knew it, and
 * so nobody else has sent or closed a message, it is where we have left it. `events` was read
 * before the look that found nobody: a newcomer whose count is in it is seen there, or has left by
 * then; one whose count is not in it makes the difference the next time.
 */
static uint64_t tail_alone(struct channel *channel, uint64_t events)
{
	if (!channel->sending.was_alone || events != channel->sending.alone_events) {
		channel->sending.alone_tail = tail_own(channel);
		frontier_publish(); /* as others may have moved it since */
	}
	channel->sending.was_alone = true;
	channel->sending.alone_events = events;
	return channel->sending.alone_tail;
}

static bool room_for(struct channel *channel, uint64_t tail, uint64_t bytes)
{
	uint64_t capacity = channel->segment.ring.capacity;
	uint64_t used = tail - channel->sending.known_head;

	if (used <= capacity && bytes <= capacity - used)
		return true;
	known_head_renew(channel);
	used = tail - channel->sending.known_head;
	return used <= capacity && bytes <= capacity - used;
}

int send_alone(struct channel *channel, const void *bytes, const struct channel_block *block)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	struct record record = { .size = (uint32_t)block->size + channel->sending.key_size,
				 .messages = block->messages,
				 .delimiter_size = block->delimiter_size,
				 .key_size = channel->sending.key_size,
				 .producer = (uint8_t)channel->slot,
				 .flags = (block->flags & CHANNEL_UNTERMINATED) != 0
						  ? RECORD_UNTERMINATED
						  : 0 };
	uint64_t bytes_needed = ring_record_bytes(record.size), events, tail;
	int rc = 0;

	if (channel->sending.inside || channel->sending.reserved || !nobody_else(channel))
		return 0;
	/* Pairs with the heavy one in endpoint_enter(): we see the newcomer, or it sees this. */
	atomic_store_explicit(&slot->writing, 1, memory_order_relaxed);
	barrier_light(channel->segment.asymmetric);
	events = atomic_load(&producers_of(channel)->events);
	if (nobody_else(channel) &&
	    room_for(channel, tail = tail_alone(channel, events), bytes_needed)) {
		unsigned char *at = record_begin(channel, tail, bytes_needed);

		if (block->size > 0)
			memcpy(at, bytes, block->size);
		rc = record_commit(channel, tail, record, &channel->sending.open_sequence);
		if (rc == 0) {
			channel->sending.alone_tail = channel->sending.sent_end =
				tail + bytes_needed;
			channel->sending.sent = true;
			rc = 1;
		} else {
			channel->sending.was_alone = false;
		}
	}
	atomic_store_explicit(&slot->writing, 0, memory_order_release);
	/* Pairs with the heavy one in condition_wait(), for both that we signal. */
	barrier_light(channel->segment.asymmetric);
	if (atomic_load(&consumers_of(channel)->waiting_data) != 0)
		groups_signal(channel);
	if (atomic_load(&producers_of(channel)->waiting_turn) != 0)
		condition_signal_fenced(condition_turn(channel));
	if (rc == 1)
		slot_count(slot, record.messages,
			   block->size - (uint64_t)record.messages * block->delimiter_size);
	return rc;
}

bool producers_settled(struct channel *channel)
{
	struct side *side = &producers_of(channel)->side;
	uint64_t others;

	if (channel->sending.settled)
		return true;
	others = atomic_load(&side->attached) & ~channel->slot_bit;
	for (; others != 0; others &= others - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(others);

		if (atomic_load(&side->slots[slot].writing) != 0) {
			channel->report.holder = (pid_t)atomic_load(&side->slots[slot].pid);
			return false;
		}
	}
	channel->sending.settled = true;
	return true;
}

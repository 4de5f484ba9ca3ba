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
#include "send/free_room.h"
#include "shared_buffer.h"

/*
 * A lone producer needs no mutex, because no other producer may write. A handshake with every
 * producer that attaches keeps this true (Dekker's algorithm, as in biased locking). We first store
 * that we write (slot.writing), and then look which producers are attached. The newcomer attaches
 * first, then looks whether anybody writes (producers_settled()), and sends nothing until that has
 * ended. So at least one of the two sees the other.
 */

/*
 * True if no other producer is attached and the turn is free: no message in pieces is unfinished,
 * neither another producer's nor our own.
 */
static bool nobody_else(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return atomic_load(&producers->side.attached) == channel->slot_bit &&
	       atomic_load(&producers->turn) == 0;
}

/*
 * Returns tail, when nobody_else() is true. A consumer that spins on tail takes its cache line away
 * from us, and reading it back takes longer than sending a message. So tail is read only if another
 * producer may have moved it: if none has attached since we last knew tail, none has sent a message
 * or closed one, and tail is where we have left it.
 *
 * The caller has read `events` before it called nobody_else(). A producer that attaches sets its
 * bit in `attached` and then counts itself in `events`. So if `events` counts a newcomer,
 * nobody_else() has seen it, or it had left by then. If `events` does not count it yet, the value
 * will be a different one at the next call, and tail is read then.
 */
static uint64_t tail_alone(struct channel *channel, uint64_t events)
{
	if (!channel->sending.was_alone || events != channel->sending.alone_events) {
		channel->sending.alone_tail = tail_own(channel);
		frontier_publish(); /* others may have moved frontier since */
	}
	channel->sending.was_alone = true;
	channel->sending.alone_events = events;
	return channel->sending.alone_tail;
}

int send_alone(struct channel *channel, const void *bytes, const struct channel_block *block)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	struct record record = record_of(channel, block, channel->sending.key_size);
	uint64_t bytes_needed = ring_record_bytes(record.size), events, tail;
	int rc = 0;

	if (channel->sending.inside || channel->sending.reserved || !nobody_else(channel))
		return 0;
	/*
	 * Between the store of `writing` and the look at `attached`. Pairs with barrier_heavy() in
	 * endpoint_enter(): we see the newcomer, or it sees that we write.
	 */
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
	/*
	 * Between the stores of tail and `writing` and the looks at both bitmaps. Pairs with
	 * barrier_heavy() in condition_wait(): we see the waiter's bit, or it sees our stores.
	 */
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

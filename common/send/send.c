/*
 * The public functions that send: a message, a block of messages, or a piece of a message longer
 * than the ring. What is sent when another producer is attached, or when room has to be waited for,
 * goes through room_lock() and commit_unlock().
 */
#include <errno.h>
#include <string.h>

#include "channel/append.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/look_after.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "channel/turn.h"
#include "channel/waits.h"
#include "send/alone.h"
#include "send/room.h"
#include "shared_buffer.h"

/*
 * Up to this size in bytes a block is copied with the mutex held; a longer one with the turn, but
 * without the mutex.
 */
enum { COPY_UNDER_MUTEX_MAX = 16384 };

/*
 * Commits the record whose payload is in place at tail, releases the turn unless more pieces of the
 * message follow, unlocks the producers' mutex, and wakes consumers and the next producer. The
 * caller holds the mutex, and has the turn if it has reserved.
 */
static int commit_unlock(struct channel *channel, const struct channel_block *block)
{
	struct slot *slot = &producers_of(channel)->side.slots[channel->slot];
	struct record record = record_of(channel, block, key_size_now(channel));
	bool was_inside = channel->sending.inside;
	bool more = (block->flags & CHANNEL_MORE) != 0;
	uint64_t sequence;
	int rc;

	if (was_inside) {
		record.flags |= RECORD_CONTINUED;
		record.messages = 0; /* the first piece has counted the message */
	}
	if (more) {
		record.flags |= RECORD_MORE;
		/* Take the turn before the message can be open. */
		atomic_store(&producers_of(channel)->turn, channel->slot + 1);
	}
	rc = record_commit(channel, tail_own(channel), record, &sequence);
	if (rc == 0) {
		channel->sending.open_sequence = sequence;
		channel->sending.sent_end = tail_own(channel);
		channel->sending.inside = more;
		channel->sending.sent = true;
	}
	channel->sending.reserved = false;
	channel->sending.was_alone = false;
	if (!channel->sending.inside && turn_is_mine(channel))
		turn_release(channel);
	side_unlock(channel, CHANNEL_PRODUCER);

	/*
	 * One fence after the stores of tail and turn, for all that is woken here. Pairs with the
	 * fences in condition_wait().
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (rc == 0 && was_inside)
		condition_broadcast(condition_piece(channel)); /* at most one of each group */
	else if (rc == 0)
		groups_signal(channel);
	turn_wake(channel);
	slot_count(slot, record.messages,
		   block->size - (uint64_t)record.messages * block->delimiter_size);
	return rc;
}

/* ---- the public calls ---- */

int channel_key_set(struct channel *channel, const void *key, size_t size)
{
	if (size > CHANNEL_KEY_MAX)
		return -EINVAL;
	if (channel->sending.inside || channel->sending.reserved)
		return -EBUSY;
	if (size > 0)
		memcpy(channel->sending.key, key, size);
	channel->sending.key_size = (uint8_t)size;
	return 0;
}

size_t channel_message_max(const struct channel *channel)
{
	return (size_t)ring_message_max(channel->segment.ring.capacity) - channel->sending.key_size;
}

size_t channel_block_max(const struct channel *channel)
{
	return (size_t)ring_block_max(channel->segment.ring.capacity) - channel->sending.key_size;
}

/*
 * Returns how many bytes of ring a record with a body of `body` bytes needs. After any piece but
 * the last (`more`) there must be room for an abort record.
 */
static uint64_t bytes_needed(struct channel *channel, size_t body, bool more)
{
	return ring_record_bytes(key_size_now(channel) + body) + (more ? sizeof(struct record) : 0);
}

/* Like channel_reserve(), for `messages` messages; 0: it is not known yet how many. */
static int reserve(struct channel *channel, size_t least, size_t most, uint32_t messages,
		   unsigned char **at, size_t *room)
{
	uint64_t capacity = channel->segment.ring.capacity;
	uint64_t spare = sizeof(struct record); /* for an abort record: more may follow */
	uint64_t bytes = bytes_needed(channel, least, false);
	size_t body;
	int rc;

	if (least > channel_message_max(channel))
		return -EMSGSIZE;
	if (bytes + spare > capacity)
		spare = 0; /* a whole message that just fits: no piece can follow */
	if (least < most)
		known_head_renew(channel); /* the caller takes all the room that there is */
	rc = room_lock(channel, bytes + spare, messages);
	if (rc != 0)
		return rc;
	atomic_store(&producers_of(channel)->turn, channel->slot + 1);
	side_unlock(channel, CHANNEL_PRODUCER);
	/* room_lock() has found at least the room that we asked for. */
	body = (size_t)(channel->sending.room_bytes - spare - sizeof(struct record)) -
	       key_size_now(channel);
	*room = body < most ? body : most;
	*at = record_begin_locked(channel, channel->sending.room_tail,
				  bytes_needed(channel, *room, false));
	channel->sending.reserved = true;
	channel->sending.reserved_whole = spare == 0;
	channel->sending.reserved_room = *room;
	return 0;
}

int channel_reserve(struct channel *channel, size_t least, size_t most, unsigned char **at,
		    size_t *room)
{
	return reserve(channel, least, most, 0, at, room);
}

int channel_commit(struct channel *channel, const struct channel_block *block)
{
	int rc;

	if (!channel->sending.reserved || block->size > channel->sending.reserved_room ||
	    (channel->sending.reserved_whole && (block->flags & CHANNEL_MORE) != 0))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_PRODUCER);
	if (rc < 0)
		return rc;
	if (!turn_is_mine(channel)) { /* damage: nobody takes the turn from a living producer */
		side_unlock(channel, CHANNEL_PRODUCER);
		return -CHANNEL_EDAMAGED;
	}
	return commit_unlock(channel, block);
}

int channel_cancel(struct channel *channel)
{
	int rc;

	if (!channel->sending.reserved)
		return 0;
	channel->sending.reserved = false;
	if (channel->sending.inside)
		return 0;
	rc = side_lock_finish(channel, CHANNEL_PRODUCER);
	if (rc < 0)
		return rc;
	if (turn_is_mine(channel))
		turn_release(channel);
	side_unlock(channel, CHANNEL_PRODUCER);
	atomic_thread_fence(memory_order_seq_cst);
	turn_wake(channel);
	return 0;
}

/* Sends a block with the mutex, and waits for the turn and for room. */
static __attribute__((noinline)) int send_waiting(struct channel *channel, const void *bytes,
						  const struct channel_block *block)
{
	bool more = (block->flags & CHANNEL_MORE) != 0;
	unsigned char *at;
	size_t room;
	int rc;

	if (block->size > COPY_UNDER_MUTEX_MAX) {
		rc = reserve(channel, block->size, block->size, block->messages, &at, &room);
		if (rc != 0)
			return rc;
		memcpy(at, bytes, block->size);
		return channel_commit(channel, block);
	}
	rc = room_lock(channel, bytes_needed(channel, block->size, more), block->messages);
	if (rc != 0)
		return rc;
	at = record_begin_locked(channel, channel->sending.room_tail,
				 bytes_needed(channel, block->size, false));
	if (block->size > 0)
		memcpy(at, bytes, block->size);
	return commit_unlock(channel, block);
}

/* channel_send_block(), inline for channel_send(): alone if possible, otherwise with the mutex. */
static inline int send_block(struct channel *channel, const void *bytes,
			     const struct channel_block *block)
{
	bool more = (block->flags & CHANNEL_MORE) != 0;
	int rc;

	if (bytes_needed(channel, block->size, more) > channel->segment.ring.capacity)
		return -EMSGSIZE;
	if (!more) {
		rc = atomic_load(&channel->interrupted) ? -EINTR : look_after_often(channel);
		if (rc == 0)
			rc = send_alone(channel, bytes, block);
		if (rc < 0)
			channel->report.error = rc;
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
	return send_waiting(channel, bytes, block);
}

int channel_send_block(struct channel *channel, const void *bytes,
		       const struct channel_block *block)
{
	return send_block(channel, bytes, block);
}

/*
 * Sends a message that is longer than the ring piece by piece, and returns when all of it is
 * acknowledged. A nonblocking producer cannot: -CHANNEL_ETOOBIG.
 */
static int send_in_pieces(struct channel *channel, const unsigned char *message, size_t size,
			  unsigned flags)
{
	size_t most = channel_block_max(channel);
	struct channel_block piece = { .messages = 1 };

	if (channel->options.nonblock)
		return -CHANNEL_ETOOBIG;
	do {
		int rc;

		piece.size = size < most ? size : most;
		piece.flags = size > most ? CHANNEL_MORE : flags;
		rc = channel_send_block(channel, message, &piece);
		if (rc != 0)
			return rc;
		message += piece.size;
		size -= piece.size;
	} while (size > 0);
	return channel_wait_acknowledged(channel);
}

int channel_send(struct channel *channel, const void *message, size_t size, unsigned flags)
{
	struct channel_block block = { .size = size, .messages = 1, .flags = flags };

	if (size > channel_message_max(channel))
		return send_in_pieces(channel, message, size, flags);
	return send_block(channel, message, &block);
}

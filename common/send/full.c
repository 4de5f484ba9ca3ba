/*
 * A producer that does not wait for room: options.nonblock, or --when-full fail, drop-new or
 * drop-old.
 */
#include "send/full.h"

#include <errno.h>

#include "base/deadline.h"
#include "channel/append.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/head.h"
#include "channel/mark.h"
#include "send/drop_old.h"
#include "shared_buffer.h"

/*
 * A consumer that works holds the consumers' mutex for microseconds. One that holds it for long is
 * stopped, and frees no room anyway.
 */
#define CATCH_UP_NS (10 * NS_PER_MS)

enum channel_when_full full_policy(const struct channel *channel)
{
	if (channel->options.nonblock && channel->options.when_full == CHANNEL_FULL_BLOCK)
		return CHANNEL_FULL_FAIL;
	return channel->options.when_full;
}

/* Calls head_catch_up(). A mutex that is held for too long is no error, and changes nothing: 0. */
static int catch_up(struct channel *channel)
{
	struct deadline soon = deadline_after(CATCH_UP_NS, -ETIMEDOUT, &channel->interrupted);
	int rc = head_catch_up(channel, &soon);

	if (rc != -ETIMEDOUT)
		return rc;
	channel->report.lock_taken = false; /* the reason is that the ring is full */
	return 0;
}

int full_make_room(struct channel *channel, const struct deadline *deadline)
{
	if (full_policy(channel) == CHANNEL_FULL_DROP_OLD)
		return drop_old(channel, channel->sending.waited_head, deadline);
	return catch_up(channel);
}

/*
 * Gives the messages their sequence numbers but writes nothing into the ring, so that consumers see
 * a gap. One store does it: a producer that dies before that store has sent nothing, and one that
 * dies after it has dropped the messages.
 */
static int messages_drop(struct channel *channel, uint32_t messages)
{
	struct mark *current = mark_current(channel);

	if (current == NULL)
		return -CHANNEL_EDAMAGED;
	/*
	 * A consumer that sees this number also sees the tail that another producer had stored
	 * before. Pairs with the acquire load in sequence_behind(), which then reads tail again.
	 */
	atomic_store_explicit(&current->sequence, mark_sequence(current) + messages,
			      memory_order_release);
	slot_count_dropped(channel, messages);
	return CHANNEL_DROPPED;
}

int full_answer(struct channel *channel, uint32_t messages)
{
	/*
	 * With CHANNEL_FULL_DROP_OLD we get here if a claim keeps the oldest messages: then the new
	 * ones are dropped.
	 */
	if (channel_drops(channel) && messages > 0)
		return messages_drop(channel, messages);
	return -EAGAIN;
}

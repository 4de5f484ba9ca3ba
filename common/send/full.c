/* A producer that does not wait for room. */
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

/* A consumer at work holds its mutex for microseconds; who holds it for long frees nothing. */
#define CATCH_UP_NS (10 * NS_PER_MS)

enum channel_when_full full_policy(const struct channel *channel)
{
	if (channel->options.nonblock && channel->options.when_full == CHANNEL_FULL_BLOCK)
		return CHANNEL_FULL_FAIL;
	return channel->options.when_full;
}

static int catch_up(struct channel *channel)
{
	struct deadline soon = deadline_after(CATCH_UP_NS, -ETIMEDOUT, &channel->interrupted);
	int rc = head_catch_up(channel, &soon);

	if (rc != -ETIMEDOUT)
		return rc;
	channel->report.lock_taken = false; /* it is full, then */
	return 0;
}

int full_make_room(struct channel *channel, const struct deadline *deadline)
{
	if (full_policy(channel) == CHANNEL_FULL_DROP_OLD)
		return drop_old(channel, channel->sending.waited_head, deadline);
	return catch_up(channel);
}

/*
 * The messages get their numbers, but nothing is written: consumers see that some are missing.
 * One store. Whoever dies before it has sent nothing, whoever dies after it has dropped them.
 */
static int messages_drop(struct channel *channel, uint32_t messages)
{
	struct mark *current = mark_current(channel);

	if (current == NULL)
		return -CHANNEL_EDAMAGED;
	/*
	 * A consumer that sees this number sees the tail that another producer had stored before
	 * it. Pairs with sequence_behind(), which looks at tail once more.
	 */
	atomic_store_explicit(&current->sequence, mark_sequence(current) + messages,
			      memory_order_release);
	slot_count_dropped(channel, messages);
	return CHANNEL_DROPPED;
}

int full_answer(struct channel *channel, uint32_t messages)
{
	/* Who would drop old ones is here if they are in somebody's hands. */
	if (channel_drops(channel) && messages > 0)
		return messages_drop(channel, messages);
	return -EAGAIN;
}

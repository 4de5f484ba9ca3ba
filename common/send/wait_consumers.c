/*
 * channel_wait_consumers(): a producer waits until enough consumers are attached, before it sends
 * anything. channel_consumers() counts them.
 */
#include <errno.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/waits.h"

unsigned channel_consumers(const struct channel *channel)
{
	return groups_consumers(&channel->segment.shared->consumers);
}

struct consumers_wait {
	struct channel *channel;
	unsigned count;
};

/* The look of condition_wait(): true if enough consumers are attached, dead ones included. */
static bool consumers_ready(void *context)
{
	const struct consumers_wait *wait = context;

	return channel_consumers(wait->channel) >= wait->count;
}

/*
 * Cleans up after consumers that have died, and counts again. Returns 0 if enough are left, -EAGAIN
 * if not, or an error of side_lock() or side_probe(). Takes the consumers' mutex.
 */
static int consumers_count(struct consumers_wait *wait, const struct deadline *deadline)
{
	struct channel *channel = wait->channel;
	int rc = side_lock(channel, CHANNEL_CONSUMER, deadline);

	if (rc < 0)
		return rc;
	rc = side_probe(channel, CHANNEL_CONSUMER);
	side_unlock(channel, CHANNEL_CONSUMER);
	if (rc < 0)
		return rc;
	return consumers_ready(wait) ? 0 : -EAGAIN;
}

int channel_wait_consumers(struct channel *channel, unsigned count)
{
	struct consumers_wait wait = { channel, count };
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc;

	channel->report.lock_taken = false;
	endpoint_wait_begins(channel);
	for (;;) {
		rc = consumers_ready(&wait) ? consumers_count(&wait, &deadline) : -EAGAIN;
		if (rc != -EAGAIN || channel->options.nonblock)
			break;
		rc = deadline_passed(&deadline);
		if (rc == 0)
			rc = channel_look_after(channel);
		if (rc < 0)
			break;
		condition_wait(condition_consumers(channel), channel->slot, consumers_ready, &wait,
			       NULL, deadline_slice_ns(&deadline, NS_PER_SEC));
		if (!consumers_ready(&wait))
			endpoint_waits(channel, CHANNEL_WAITS_CONSUMERS, 0);
	}
	channel->report.error = rc;
	return rc;
}

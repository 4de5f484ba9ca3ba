/*
 * channel_wait_acknowledged(): a producer waits until everything that it has sent is acknowledged.
 * It holds no mutex while it waits.
 */

#include <errno.h>

#include "base/deadline.h"
#include "channel/append.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/head.h"
#include "channel/ring.h"
#include "channel/waits.h"

/* True if there is nothing to wait for: head has passed our last record, or a message is lost. */
static bool acknowledged(struct channel *channel)
{
	return !position_before(head_now(channel), channel->sending.sent_end) ||
	       producer_message_lost(channel);
}

/* One wait for acknowledgements. `result` is 0 or the error of head_catch_up(). */
struct ack_wait {
	struct channel *channel;
	struct deadline deadline;
	int result;
};

/*
 * The look of condition_wait() after our bit in waiting_ack is set. Consumers that go on within a
 * claim move head only if they see that bit, so this first takes in what they have acknowledged
 * before. True also after an error, which is left in wait->result.
 */
static bool ack_ready(void *context)
{
	struct ack_wait *wait = context;

	if (acknowledged(wait->channel))
		return true;
	wait->result = head_catch_up(wait->channel, &wait->deadline);
	return wait->result < 0 || acknowledged(wait->channel);
}

int channel_wait_acknowledged(struct channel *channel)
{
	struct ack_wait wait = {
		channel,
		deadline_after(channel->options.timeout_ns, -ETIMEDOUT, &channel->interrupted), 0
	};
	int rc = 0;

	endpoint_wait_begins(channel);
	while (channel->sending.sent && !acknowledged(channel)) {
		rc = deadline_passed(&wait.deadline);
		if (rc == 0)
			rc = channel_look_after(channel);
		if (rc < 0)
			break;
		condition_wait(condition_ack(channel), channel->slot, ack_ready, &wait,
			       &channel->spin, deadline_slice_ns(&wait.deadline, NS_PER_SEC));
		rc = wait.result;
		if (rc < 0)
			break;
		if (!acknowledged(channel))
			endpoint_waits(channel, CHANNEL_WAITS_ACKNOWLEDGED, 0);
	}
	if (rc == 0 && producer_message_lost(channel))
		rc = -CHANNEL_ELOST;
	channel->report.error = rc;
	return rc;
}

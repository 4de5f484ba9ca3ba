#include "channel/endpoint.h"

#include <errno.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/* Leaving takes microseconds. If a lock cannot be had for that long, its holder is stopped. */
#define LEAVE_NS (10 * NS_PER_SEC)

/* Like LEAVE_NS, for an endpoint that is nonblocking, has a timeout, or is interrupted. */
#define LEAVE_SOON_NS (1 * NS_PER_SEC)

struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns)
{
	if (channel->options.nonblock)
		return deadline_after(NS_PER_SEC, -EAGAIN, &channel->interrupted);
	return deadline_after(timeout_ns, -ETIMEDOUT, &channel->interrupted);
}

struct deadline endpoint_leave_deadline(struct channel *channel)
{
	bool soon = channel->options.nonblock || channel->options.timeout_ns != DEADLINE_NEVER ||
		    atomic_load(&channel->interrupted);

	return deadline_after(soon ? LEAVE_SOON_NS : LEAVE_NS, -ETIMEDOUT, NULL);
}

void endpoint_waits_on(struct channel *channel, enum channel_wait what, pid_t holder)
{
	struct channel_report before = channel->report;

	if (channel->options.waiting == NULL)
		return;
	channel->report.waits = what;
	channel->report.holder = holder;
	channel->report.lock_taken = what == CHANNEL_WAITS_LOCK;
	channel->report.turn_taken = what == CHANNEL_WAITS_TURN;
	channel->options.waiting(channel);
	channel->report = before; /* the wait is not over, and its outcome not known */
}

void endpoint_waits(struct channel *channel, enum channel_wait what, pid_t holder)
{
	uint64_t now;

	if (channel->options.waiting == NULL)
		return;
	now = clock_coarse_ns();
	if (now - channel->waiting_called_ns < LOOK_AFTER_MS * NS_PER_MS)
		return;
	channel->waiting_called_ns = now;
	endpoint_waits_on(channel, what, holder);
}

struct side *side_of(struct channel *channel, enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? &producers_of(channel)->side
					: &consumers_of(channel)->side;
}

bool producer_message_lost(struct channel *channel)
{
	uint64_t lost = atomic_load(&producers_of(channel)->side.slots[channel->slot].lost);

	return lost != 0 && lost == channel->sending.open_sequence;
}

enum trace_what lock_of(enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? TRACE_PRODUCERS_LOCK : TRACE_CONSUMERS_LOCK;
}

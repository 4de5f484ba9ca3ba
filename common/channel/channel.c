/*
 * Functions for an endpoint whether it is attached or not: creating and freeing it, interrupting
 * it, and asking for its state.
 */

#include "channel/channel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/segment.h"
#include "channel/trace.h"

struct channel *channel_new(void)
{
	struct channel *channel = malloc(sizeof(*channel));

	if (channel == NULL)
		return NULL;
	memset(channel, 0, offsetof(struct channel, claimed));
	channel->receiving.claim = CLAIM_NONE;
	return channel;
}

void channel_free(struct channel *channel)
{
	if (channel != NULL)
		trace_free(channel->trace);
	free(channel);
}

void channel_interrupt(struct channel *channel)
{
	_Atomic uint32_t *wakeup;

	atomic_store(&channel->interrupted, 1);
	wakeup = atomic_load(&channel->wakeup);
	if (wakeup != NULL)
		semaphore_post(wakeup);
}

bool channel_interrupted(const struct channel *channel)
{
	return atomic_load(&channel->interrupted) != 0;
}

bool channel_nonblocking(const struct channel *channel)
{
	return channel->options.nonblock;
}

const struct channel_report *channel_report(const struct channel *channel)
{
	return &channel->report;
}

bool channel_contains(const struct channel *channel, const void *address)
{
	return segment_contains(&channel->segment, address);
}

uint64_t channel_epoch(const struct channel *channel)
{
	return channel->segment.shared != NULL ? channel->segment.shared->header.epoch : 0;
}

mode_t channel_mode(const struct channel *channel)
{
	int mode = channel->attached ? segment_mode(&channel->segment) : 0;

	return mode < 0 ? 0 : (mode_t)mode;
}

uint64_t channel_capacity(const struct channel *channel)
{
	return channel->attached ? channel->segment.ring.capacity : 0;
}

uint64_t channel_dropped(const struct channel *channel)
{
	return channel->sending.dropped;
}

bool channel_drops(const struct channel *channel)
{
	return channel->options.when_full == CHANNEL_FULL_DROP_NEW ||
	       channel->options.when_full == CHANNEL_FULL_DROP_OLD;
}

bool channel_incomplete(const struct channel *channel)
{
	return channel->receiving.incomplete;
}

uint64_t channel_lost(const struct channel *channel)
{
	return channel->receiving.lost;
}

uint64_t channel_missed(const struct channel *channel)
{
	return channel->receiving.missed;
}

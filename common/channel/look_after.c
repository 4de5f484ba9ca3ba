#include "channel/look_after.h"

#include <errno.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/fences.h"
#include "channel/group.h"
#include "channel/segment.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/trace.h"
#include "shared_buffer.h"

void channel_count_left(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	bool ours = channel->role == CHANNEL_CONSUMER && !channel->options.observe;
	uint64_t most = 0, count;

	if (side_try_lock(channel, CHANNEL_CONSUMER) < 0)
		return;
	for (unsigned used = groups_in_use(consumers); used != 0; used &= used - 1) {
		unsigned index = (unsigned)__builtin_ctz(used);

		if (ours && index != channel->receiving.group)
			continue;
		if (group_messages(channel, &consumers->groups[index], &count) == 0 && count > most)
			most = count;
	}
	side_unlock(channel, CHANNEL_CONSUMER);
	channel->report.messages = most;
}

/* More calls are skipped as long as calls are quick: 0, 1, 3, 7, then LOOK_PAUSE_MAX. */
static unsigned pause_next(const struct channel *channel, uint64_t now)
{
	unsigned pause = channel->look_pause_next;

	if (now != channel->looked_at_ns)
		return 0;
	return pause < LOOK_PAUSE_MAX / 2 ? 2 * pause + 1 : LOOK_PAUSE_MAX;
}

int channel_look_after(struct channel *channel)
{
	uint64_t now = clock_coarse_ns();
	int rc = 0;

	trace_settle(channel->trace);
	channel->look_pause_next = pause_next(channel, now);
	channel->look_pause = channel->look_pause_next;
	channel->looked_at_ns = now;
	if (channel->sending.inside && producer_message_lost(channel))
		return -CHANNEL_ELOST;
	if (now - channel->looked_ns < LOOK_AFTER_MS * NS_PER_MS)
		return 0;
	channel->looked_ns = now;
	fences_look(channel);
	trace_sleep(channel->trace); /* a caller that waits for input, say, is here each second */
	rc = segment_check(&channel->segment);
	if (rc == -CHANNEL_EREMOVED)
		channel_count_left(channel);
	if (rc < 0)
		return rc;
	/*
	 * If a mutex is taken, some endpoint is alive, or stopped, in there: nothing to do on that
	 * side.
	 */
	for (int role = CHANNEL_PRODUCER; rc >= 0 && role <= CHANNEL_CONSUMER; role++) {
		rc = side_try_lock(channel, (enum channel_role)role);
		if (rc == 0) {
			rc = side_probe(channel, (enum channel_role)role);
			side_unlock(channel, (enum channel_role)role);
		} else if (rc == -EBUSY) {
			rc = 0;
		}
	}
	return rc;
}

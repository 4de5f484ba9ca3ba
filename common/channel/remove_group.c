/* Removing a group that is no longer wanted: channel_group_remove(). */

#include <errno.h>

#include "base/deadline.h"
#include "channel/attach.h"
#include "channel/channel.h"
#include "channel/detach.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/recover.h"
#include "channel/segment.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "shared_buffer.h"

/* Ends the group of this name, if it has no consumers. The consumers' mutex is held. */
static int group_discard_named(struct channel *channel, const char *name, uint64_t *messages)
{
	struct consumers *consumers = consumers_of(channel);
	int index = group_find(consumers, name);
	struct group *group;
	int rc;

	if (index == GROUP_NONE)
		return -CHANNEL_ENOGROUP;
	group = &consumers->groups[index];
	channel->report.endpoints = (unsigned)__builtin_popcountll(group_members(consumers, group));
	if (channel->report.endpoints > 0)
		return -CHANNEL_EINUSE;
	rc = group_messages(channel, group, messages);
	if (rc == 0)
		group_discard(channel, group);
	return rc;
}

/* Removes the group, and the object if nothing is left. The flock is held. */
static int group_remove_locked(struct channel *channel, const char *name, uint64_t *messages)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc;

	if (thread_id_taken(channel))
		return -CHANNEL_ETHREAD;
	rc = sides_recover(channel);
	if (rc == 0)
		rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	if (rc < 0)
		return rc;
	rc = group_discard_named(channel, name, messages);
	side_unlock(channel, CHANNEL_CONSUMER);
	if (rc == 0 && deserted(channel))
		segment_remove(&channel->segment);
	return rc;
}

int channel_group_remove(struct channel *channel, const struct channel_options *options,
			 const char *name, uint64_t *messages)
{
	struct deadline deadline;
	int rc;

	if (channel->attached)
		return -EISCONN;
	if (!channel_name_valid(options->name))
		return -CHANNEL_ENAME;
	channel_begin(channel, CHANNEL_CONSUMER, options);
	channel->options.never_create = true;
	deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	rc = segment_open(&channel->segment, &channel->options, &deadline, &channel->report);
	if (rc == 0) {
		rc = group_remove_locked(channel, name, messages);
		segment_close(&channel->segment);
	}
	channel->report.error = rc;
	return rc;
}

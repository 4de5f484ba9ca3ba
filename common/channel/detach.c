#include "channel/detach.h"

#include <unistd.h>

#include "base/deadline.h"
#include "channel/bury.h"
#include "channel/channel.h"
#include "channel/contents.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"
#include "channel/recover.h"
#include "channel/segment.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "shared_buffer.h"

bool deserted(struct channel *channel)
{
	return sides_recover(channel) == 0 &&
	       atomic_load(&producers_of(channel)->side.attached) == 0 &&
	       atomic_load(&consumers_of(channel)->side.attached) == 0 &&
	       !channel_holds_messages(channel) && !groups_wait(channel);
}

/* What a producer does when it leaves. The producers' mutex is held. */
static void producer_leave(struct channel *channel, unsigned flags)
{
	struct producers *producers = producers_of(channel);
	uint64_t events = atomic_load(&producers->events);

	producer_bury(channel, channel->slot); /* ends an unfinished message, gives the turn back */
	if ((flags & CHANNEL_FAILED) != 0)
		events = events_add(events, EVENT_DEATH);
	if ((flags & CHANNEL_END) != 0)
		events = events_add(events, EVENT_END);
	atomic_store(&producers->events, events);
}

/*
 * A producer that has sent nothing leaves: consumers that come later to a group without consumers
 * must find the end of an empty stream. The flock is held.
 */
static void groups_note_empty_end(struct consumers *consumers)
{
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		struct group *group = &consumers->groups[__builtin_ctz(used)];

		if (group_life(group) != GROUP_FREE && group_members(consumers, group) == 0)
			atomic_store(&group->empty_end, 1);
	}
}

/*
 * A producer that has sent nothing leaves: notes an empty stream for later consumers, unless the
 * producer had not begun (CHANNEL_UNBEGUN), or others have sent something meanwhile. Attaching
 * needs the flock, which we hold, so "nobody is attached" stays true. Returns the flags that are
 * left.
 */
static unsigned empty_leave(struct channel *channel, unsigned flags)
{
	if ((flags & CHANNEL_UNBEGUN) != 0 && groups_consumers(consumers_of(channel)) == 0)
		return 0;
	if (atomic_load(&producers_of(channel)->tail) == channel->sending.tail_then)
		groups_note_empty_end(consumers_of(channel));
	return flags;
}

/*
 * A consumer that has seen an end leaves, and has reported it: the other consumers of its group
 * need not. The mutex is held, so that `told` never goes back: another consumer may have seen a
 * later end and left before us.
 */
static void end_tell(struct channel *channel)
{
	struct group *group = group_of(channel);

	if (!channel->receiving.ended)
		return;
	if (events_later(channel->receiving.end_events, atomic_load(&group->told)))
		atomic_store(&group->told, channel->receiving.end_events);
	atomic_store(&group->empty_end, 0);
}

/*
 * Leaves the channel. The flock is held. On an error nothing has been given up that our death would
 * not give up, too.
 */
static int endpoint_leave(struct channel *channel, unsigned flags)
{
	struct deadline deadline = endpoint_leave_deadline(channel);
	int rc;

	if (channel->role == CHANNEL_CONSUMER) {
		rc = channel_give_back(channel, 0);
		if (rc < 0)
			return rc;
	} else if (!channel->sending.sent) {
		rc = side_recover(channel, CHANNEL_CONSUMER);
		if (rc < 0)
			return rc;
		flags = empty_leave(channel, flags);
	}
	rc = side_lock(channel, channel->role, &deadline);
	if (rc < 0)
		return rc;
	if (channel->role == CHANNEL_PRODUCER)
		producer_leave(channel, flags);
	else if ((flags & CHANNEL_UNTOLD) == 0)
		end_tell(channel);
	side_leave(channel);
	side_unlock(channel, channel->role);
	endpoint_wake_all(channel);
	return 0;
}

/* Leaves, removes the object if nothing is left, and closes it. */
static void endpoint_detach(struct channel *channel, unsigned flags)
{
	struct deadline deadline = endpoint_leave_deadline(channel);

	if (segment_lock(&channel->segment, &deadline) < 0 || endpoint_leave(channel, flags) < 0) {
		/*
		 * We cannot leave in good order now; when the thread has ended, others will clean
		 * up after it. Until then the mapping must stay, as the kernel finds the mutexes of
		 * a dead thread in their memory.
		 */
		segment_abandon(&channel->segment);
		atomic_store(&channel->wakeup, NULL);
		channel->attached = false;
		return;
	}
	if (segment_check(&channel->segment) == 0 && deserted(channel))
		/* if that is refused, its owner is left with an empty channel */
		segment_remove(&channel->segment);
	segment_close(&channel->segment);
	channel->leaving = false;
}

void channel_detach(struct channel *channel, unsigned flags)
{
	if (!channel->attached || channel->pid != getpid())
		return;
	channel->leaving = true;
	trace_begin(channel->trace, TRACE_DETACH, TRACE_NOTHING);
	endpoint_detach(channel, flags);
	trace_end(channel->trace, TRACE_DETACH, TRACE_NOTHING);
	trace_sleep(channel->trace);
}

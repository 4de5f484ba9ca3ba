#include "observe/mutual.h"

#include <unistd.h>

#include "base/life.h"
#include "channel/channel.h"
#include "channel/ring.h"
#include "observe/snapshot.h"

/*
 * True if this endpoint is a consumer, not known to be dead, that has messages in hand, and belongs
 * to the process `pid`; with a `pid` of 0, to an ancestor of the calling process.
 */
static bool holds(const struct snapshot_endpoint *endpoint, pid_t pid)
{
	if (endpoint->role != CHANNEL_CONSUMER || endpoint->in_hand == 0 ||
	    endpoint->life == LIFE_DEAD || endpoint->life == LIFE_UNKNOWN)
		return false;
	return pid == 0 ? life_descends((uint32_t)getpid(), (uint32_t)endpoint->pid)
			: endpoint->pid == pid;
}

/*
 * True if every consumer of the process `pid` keeps head before the position that is wanted. It is
 * not known which of them has started us, so all of them must.
 */
static bool each_keeps_room(const struct snapshot *snapshot, pid_t pid)
{
	for (unsigned i = 0; i < snapshot->endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot->endpoints[i];

		if (holds(endpoint, pid) && !position_before(endpoint->hand_at, snapshot->wanted))
			return false;
	}
	return true;
}

pid_t mutual_wait(const struct snapshot *snapshot, bool acknowledged)
{
	if (!acknowledged && !snapshot->room_wanted)
		return 0;
	for (unsigned i = 0; i < snapshot->endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot->endpoints[i];

		if (holds(endpoint, 0) &&
		    (acknowledged || each_keeps_room(snapshot, endpoint->pid)))
			return endpoint->pid;
	}
	return 0;
}

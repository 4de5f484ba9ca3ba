#include "observe/mutual.h"

#include <unistd.h>

#include "base/life.h"
#include "channel/channel.h"
#include "channel/ring.h"
#include "observe/census.h"

/* Is this one of its messages in hand, or, with a pid of 0, one of an ancestor of ours? */
static bool holds(const struct census_endpoint *endpoint, pid_t pid)
{
	if (endpoint->role != CHANNEL_CONSUMER || endpoint->in_hand == 0 ||
	    endpoint->life == LIFE_DEAD || endpoint->life == LIFE_UNKNOWN)
		return false;
	return pid == 0 ? life_descends((uint32_t)getpid(), (uint32_t)endpoint->pid)
			: endpoint->pid == pid;
}

/* Which of its hands has started us is not known, so each has to keep the room. */
static bool each_keeps_room(const struct census *census, pid_t pid)
{
	for (unsigned i = 0; i < census->endpoint_count; i++) {
		const struct census_endpoint *endpoint = &census->endpoints[i];

		if (holds(endpoint, pid) && !position_before(endpoint->hand_at, census->wanted))
			return false;
	}
	return true;
}

pid_t mutual_wait(const struct census *census, bool acknowledged)
{
	if (!acknowledged && !census->room_wanted)
		return 0;
	for (unsigned i = 0; i < census->endpoint_count; i++) {
		const struct census_endpoint *endpoint = &census->endpoints[i];

		if (holds(endpoint, 0) && (acknowledged || each_keeps_room(census, endpoint->pid)))
			return endpoint->pid;
	}
	return 0;
}

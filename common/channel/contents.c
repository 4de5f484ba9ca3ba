#include "channel/contents.h"

#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"
#include "channel/ring.h"
#include "shared_buffer.h"

bool channel_holds_messages(struct channel *channel)
{
	return atomic_load(&producers_of(channel)->tail) !=
		       atomic_load(&consumers_of(channel)->head) ||
	       groups_hold_claims(consumers_of(channel));
}

bool group_holds_messages(struct channel *channel, const struct group *group)
{
	return !cursor_equal(next_read(group),
			     cursor_at(atomic_load(&producers_of(channel)->tail))) ||
	       claims_in_use(group) != 0;
}

bool group_end_unreported(struct channel *channel, const struct group *group)
{
	uint64_t events = atomic_load(&producers_of(channel)->events);

	return atomic_load(&group->empty_end) != 0 ||
	       events_differ(events, atomic_load(&group->told), EVENTS_DEATHS | EVENTS_ENDS);
}

bool groups_wait(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		const struct group *group = &consumers->groups[__builtin_ctz(used)];

		if (group_life(group) != GROUP_FREE &&
		    (group_durable(group) || group_end_unreported(channel, group)))
			return true;
	}
	return false;
}

/*
 * A producer that makes room out of the oldest messages that nobody has claimed: what
 * --when-full drop-old does. It holds no mutex but the consumers'.
 */
#include "send/drop_old.h"

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/head.h"
#include "channel/ring.h"
#include "channel/sequence.h"
#include "channel/side.h"
#include "shared_buffer.h"

/* Does the group need what lies before this position? */
static bool group_needs(const struct group *group, uint64_t position)
{
	return group_life(group) != GROUP_FREE && position_before(claims_need(group), position);
}

/*
 * Is something before this position in hand, or was it, so that it will be delivered again? Then no
 * room can be made there: head does not pass a claim.
 */
static bool group_holds(const struct group *group, uint64_t position)
{
	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		const struct claim *claim = &group->claims[__builtin_ctzll(used)];

		if (claim_owner(claim) != OWNER_FREE &&
		    position_before(claim_read(claim).begin.record, position))
			return true;
	}
	return false;
}

/*
 * Moves a group's `next` to the first record behind this position. It has no claims, as they would
 * lie before `next`. *dropped: how many messages nobody of it will get.
 *
 * One store drops them all, and the gap in the numbers says so to the next consumer: whoever dies
 * before it has dropped nothing, whoever dies after it has dropped them and sent nothing.
 */
static int group_drop(struct channel *channel, struct group *group, uint64_t position,
		      uint64_t *dropped)
{
	struct cursor next = next_read(group);
	uint64_t first = sequence_at(channel, next);
	uint64_t expected = atomic_load(&group->expected);
	uint64_t tail = tail_now(channel);
	struct record record;

	*dropped = 0;
	while (position_before(next.record, position)) {
		if (!ring_get(&channel->segment.ring, next.record, tail, &record) ||
		    next.index > record.messages)
			return -CHANNEL_EDAMAGED;
		*dropped += record.messages - next.index; /* pieces of a message count as 0 */
		next = cursor_after(next.record, &record);
	}
	/* These were claimed and given back, so `expected` is behind them: they would not be
	 * missed. */
	if (expected == 0 || position_before(first, expected))
		atomic_store_explicit(&group->expected, first, memory_order_release);
	next_write(group, next);
	return 0;
}

/* The consumers' mutex is held. */
static int drop_before(struct channel *channel, uint64_t position)
{
	struct consumers *consumers = consumers_of(channel);
	uint64_t most = 0;
	int rc = 0;

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		const struct group *group = &consumers->groups[__builtin_ctz(used)];

		if (group_needs(group, position) && group_holds(group, position))
			return 0;
	}
	for (uint32_t used = groups_in_use(consumers); rc == 0 && used != 0; used &= used - 1) {
		struct group *group = &consumers->groups[__builtin_ctz(used)];
		uint64_t dropped = 0;

		if (group_needs(group, position))
			rc = group_drop(channel, group, position, &dropped);
		/* All end at the same record: what one drops is among what another one does. */
		if (dropped > most)
			most = dropped;
	}
	slot_count_dropped(channel, most);
	return rc < 0 ? rc : 1;
}

int drop_old(struct channel *channel, uint64_t position, const struct deadline *deadline)
{
	int rc = side_lock(channel, CHANNEL_CONSUMER, deadline);

	if (rc < 0)
		return rc;
	rc = drop_before(channel, position);
	if (rc >= 0)
		head_advance(consumers_of(channel)); /* also over what consumers have done with */
	side_unlock(channel, CHANNEL_CONSUMER);
	/* Another producer may have waited for it, and no consumer will see it move. */
	producers_wake_for_head(channel);
	return rc;
}

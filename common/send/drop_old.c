/*
 * What --when-full drop-old does: a producer drops the oldest messages that no consumer has
 * claimed. It takes the consumers' mutex, and never while it holds the producers'.
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

/* True if the group is in use and still needs something that lies before this position. */
static bool group_needs(const struct group *group, uint64_t position)
{
	return group_life(group) != GROUP_FREE && position_before(claims_need(group), position);
}

/*
 * True if a claim of the group begins before this position: its messages are in a consumer's hands,
 * or are an orphan that will be delivered again. Head does not pass a claim, so no room can be made
 * there.
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
 * Moves a group's `next` to the first record at or after `position`. The group has no claim: one
 * would lie before `next`. *dropped is set to how many messages no consumer of the group will get.
 *
 * One store, of the selector in next_write(), drops all of them; the gap in the sequence numbers
 * tells the group's next consumer. If this process dies before that store, nothing is dropped. If
 * it dies after the store, the messages are dropped although its own message was not sent.
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
	/*
	 * If these messages were claimed before and given back, `expected` has already moved over
	 * them. Then the gap would not be noticed, so `expected` goes back.
	 */
	if (expected == 0 || position_before(first, expected))
		atomic_store_explicit(&group->expected, first, memory_order_release);
	next_write(group, next);
	return 0;
}

/* Does the work of drop_old(); the consumers' mutex is held. Returns 1, 0 or -CHANNEL_EDAMAGED. */
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
		/*
		 * `next` ends at the same record in all groups. So the group that drops most drops
		 * all that the others do.
		 */
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
		head_advance(consumers_of(channel)); /* also over what is acknowledged */
	side_unlock(channel, CHANNEL_CONSUMER);
	/* Another producer may wait for head, and no consumer will see that it has moved. */
	producers_wake_for_head(channel);
	return rc;
}

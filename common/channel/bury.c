#include "channel/bury.h"

#include "channel/append.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"
#include "channel/orphan.h"
#include "channel/trace.h"
#include "channel/turn.h"
#include "channel/validate.h"
#include "shared_buffer.h"

int producer_bury(struct channel *channel, unsigned slot)
{
	struct producers *producers = producers_of(channel);
	int rc = message_abort(channel, slot);

	if (rc == 0 && atomic_load(&producers->turn) == slot + 1)
		turn_release(channel);
	return rc;
}

int consumer_bury(struct channel *channel, unsigned slot)
{
	struct consumers *consumers = consumers_of(channel);

	for (uint32_t groups = groups_in_use(consumers); groups != 0; groups &= groups - 1) {
		struct group *group = &consumers->groups[__builtin_ctz(groups)];

		for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
			int index = __builtin_ctzll(used);

			if (claim_owner(&group->claims[index]) == slot + 1)
				claim_bury(channel, group, index);
		}
	}
	return 0;
}

int consumers_repair(struct channel *channel)
{
	groups_repair(channel);
	if (!ring_valid_consumers(&channel->segment.ring, channel->segment.shared))
		return -CHANNEL_EDAMAGED;
	head_advance(consumers_of(channel));
	return 0;
}

int slot_bury(struct channel *channel, enum channel_role role, unsigned slot)
{
	struct producers *producers = producers_of(channel);
	struct side *side = side_of(channel, role);
	uint64_t bit = UINT64_C(1) << slot;
	int rc;

	channel->broadcast_due = true;
	trace_event(channel->trace, .kind = TRACE_BURY, .phase = TRACE_AT,
		    .what = (uint8_t)lock_of(role), .slot = (uint8_t)slot);
	if (role == CHANNEL_PRODUCER) {
		rc = producer_bury(channel, slot);
		if (rc < 0)
			return rc;
		atomic_store(&side->slots[slot].writing, 0);
		atomic_fetch_and(&producers->waiting_turn, ~bit);
		atomic_fetch_and(&producers->waiting_ack, ~bit);
		atomic_fetch_and(&producers->waiting_consumers, ~bit);
		/*
		 * Counts the death twice if we die before the slot is freed. That is harmless:
		 * readers only look whether the counter differs.
		 */
		atomic_store(&producers->events,
			     events_add(atomic_load(&producers->events), EVENT_DEATH));
	} else {
		rc = consumer_bury(channel, slot);
		if (rc < 0)
			return rc;
		atomic_fetch_and(&consumers_of(channel)->waiting_data, ~bit);
		atomic_fetch_and(&consumers_of(channel)->waiting_piece, ~bit);
	}
	/* May count twice if we die before the slot is freed, like the event above. */
	atomic_store(&side->recovered, atomic_load(&side->recovered) + 1);
	atomic_fetch_and(&side->attached, ~bit);
	if (role == CHANNEL_CONSUMER)
		groups_settle(consumers_of(channel)); /* only it may have kept its group */
	return 0;
}

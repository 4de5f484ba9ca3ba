#include "channel/orphan.h"

#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/*
 * A message of which a part is acknowledged and gone cannot be delivered again. Its producer waits
 * until head has passed the message: tells it so by its slot's `lost`, and wakes that producer
 * only.
 */
static void lost_report(struct channel *channel, const struct claim_state *state)
{
	struct slot *sender;

	if ((state->flags & CLAIM_PART) == 0 || state->producer >= SLOT_COUNT)
		return;
	sender = &producers_of(channel)->side.slots[state->producer];
	/* The slot may have a new owner that has lost a younger message: that one counts. */
	if (position_before(atomic_load(&sender->lost), state->sequence))
		atomic_store(&sender->lost, state->sequence);
	slot_wake(producers_of(channel)->side.slots, state->producer, channel->trace, TRACE_ROOM);
}

void claim_abandon(struct channel *channel, struct group *group, int index, struct cursor delivered,
		   enum claim_loss loss)
{
	const struct claim_state state = claim_read(&group->claims[index]);

	lost_report(channel, &state);
	if ((state.flags & CLAIM_MID) == 0 && cursor_equal(state.begin, delivered)) {
		loss = CLAIM_UNSEEN;
		if (claim_is_new(group, &group->claims[index])) {
			/* `next` first, as in claim_split() */
			next_write(group, state.begin);
			claim_drop(group, index);
			return;
		}
	} else if ((state.flags & CLAIM_MID) == 0 && cursor_before(delivered, state.end)) {
		/*
		 * Without a free entry for it, the rest counts as if it had been handed out, too.
		 */
		claim_split(group, index, delivered);
	}
	claim_orphan(group, index, loss);
}

bool piece_get(struct channel *channel, uint64_t sequence, uint64_t tail, struct record *record)
{
	struct cursor next = next_read(group_of(channel));

	return next.offset == 0 && next.index == 0 &&
	       ring_get(&channel->segment.ring, next.record, tail, record) &&
	       (record->flags & RECORD_CONTINUED) != 0 && record->sequence == sequence;
}

struct claim_state claim_extend(struct channel *channel, int index, const struct record *record)
{
	struct group *group = group_of(channel);
	struct claim *claim = &group->claims[index];
	struct claim_state state = claim_read(claim);

	state.begin = next_read(group);
	state.end = cursor_after(state.begin.record, record);
	if ((record->flags & RECORD_MORE) == 0)
		state.flags &= ~(uint32_t)CLAIM_MID;
	claim_write(claim, &state);
	next_write(group, state.end);
	return state;
}

/*
 * Moves past the rest of a message that has lost a part, as its pieces arrive, and ends its claim
 * at the last one.
 */
static int lost_skip(struct channel *channel, int index)
{
	struct group *group = group_of(channel);
	struct claim_state state = claim_read(&group->claims[index]);
	struct record record;

	lost_report(channel, &state);
	while ((state.flags & CLAIM_MID) != 0) {
		uint64_t tail = tail_now(channel);

		if (next_read(group).record == tail) {
			if (!cursor_equal(state.begin, state.end)) {
				state.begin = state.end; /* frees what has come so far */
				claim_write(&group->claims[index], &state);
			}
			return 0;
		}
		if (!piece_get(channel, state.sequence, tail, &record))
			return -CHANNEL_EDAMAGED;
		state = claim_extend(channel, index, &record);
	}
	claim_drop(group, index);
	channel->receiving.lost++;
	return 0;
}

int claims_recover(struct channel *channel)
{
	struct group *group = group_of(channel);
	uint64_t attached = atomic_load(&consumers_of(channel)->side.attached);

	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		int index = __builtin_ctzll(used);
		const struct claim *claim = &group->claims[index];
		unsigned owner = claim_owner(claim);
		int rc;

		if (owner == OWNER_FREE)
			continue;
		if (owner != OWNER_NONE && owner > SLOT_COUNT)
			return -CHANNEL_EDAMAGED;
		if (owner != OWNER_NONE && (attached >> (owner - 1) & 1) != 0)
			continue;
		if (owner != OWNER_NONE) /* no slot is freed while it has a claim: this is damage */
			claim_bury(channel, group, index);
		if ((claim_read(claim).flags & CLAIM_PART) == 0)
			continue;
		rc = lost_skip(channel, index);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int orphan_find(struct group *group)
{
	int oldest = CLAIM_NONE;
	struct cursor begin = { 0 };

	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		int index = __builtin_ctzll(used);
		struct claim_state state;

		if (claim_owner(&group->claims[index]) != OWNER_NONE)
			continue;
		state = claim_read(&group->claims[index]);
		if ((state.flags & CLAIM_PART) != 0)
			continue;
		if (oldest == CLAIM_NONE || cursor_before(state.begin, begin)) {
			oldest = index;
			begin = state.begin;
		}
	}
	return oldest;
}

bool others_hold(struct channel *channel)
{
	struct group *group = group_of(channel);

	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		unsigned owner = claim_owner(&group->claims[__builtin_ctzll(used)]);

		if (owner != OWNER_FREE && owner != channel->slot + 1)
			return true;
	}
	return false;
}

int aborted_ahead(struct channel *channel, uint64_t position, uint64_t tail, struct cursor *after)
{
	struct record record;

	do {
		if (!ring_get(&channel->segment.ring, position, tail, &record))
			return -CHANNEL_EDAMAGED;
		*after = cursor_after(position, &record);
		if ((record.flags & RECORD_ABORTED) != 0)
			return 1;
		position = after->record;
	} while ((record.flags & RECORD_MORE) != 0 && position != tail);
	return 0;
}

/*
 * Like aborted_ahead(), for an orphan: if its message was given up, moves `next` past the message
 * and drops the orphan. `next` first: if we die in between, the orphan is still there, and the next
 * consumer does the same.
 */
int orphan_aborted(struct channel *channel, int index)
{
	struct group *group = group_of(channel);
	struct claim_state state = claim_read(&group->claims[index]);
	struct cursor after;
	int rc;

	if ((state.flags & CLAIM_MID) == 0)
		return 0;
	rc = aborted_ahead(channel, state.begin.record, tail_now(channel), &after);
	if (rc <= 0)
		return rc;
	if (cursor_before(next_read(group), after))
		next_write(group, after);
	claim_drop(group, index);
	return 1;
}

void claim_bury(struct channel *channel, struct group *group, int index)
{
	struct claim_state state = claim_read(&group->claims[index]);
	struct cursor delivered = state.end;
	struct record record;

	if ((state.flags & (CLAIM_MID | CLAIM_TOGETHER)) == 0 &&
	    ring_get(&channel->segment.ring, state.begin.record, state.end.record, &record))
		delivered = cursor_after(state.begin.record, &record);
	claim_abandon(channel, group, index, delivered, CLAIM_DIED);
}

#include "channel/group.h"

#include <string.h>

#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/sequence.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "shared_buffer.h"

void group_name(const struct group *group, char name[GROUP_NAME_SIZE])
{
	bool second = (atomic_load(&group->state) & GROUP_NAME) != 0;

	memcpy(name, group->names[second], GROUP_NAME_SIZE);
	name[GROUP_NAME_SIZE - 1] = '\0';
	if (name[0] != '\0' && !channel_group_valid(name))
		strcpy(name, CHANNEL_GROUP_BAD);
}

unsigned groups_consumers(const struct consumers *consumers)
{
	uint64_t members = 0;

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1)
		members |= group_members(consumers, &consumers->groups[__builtin_ctz(used)]);
	return (unsigned)__builtin_popcountll(members);
}

int group_find(const struct consumers *consumers, const char *name)
{
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctz(used);
		char theirs[GROUP_NAME_SIZE];

		group_name(&consumers->groups[index], theirs);
		if (group_life(&consumers->groups[index]) != GROUP_FREE &&
		    strcmp(name, theirs) == 0)
			return index;
	}
	return GROUP_NONE;
}

/* Changes a part of the state with one store, so that nobody sees half of the change. */
static void state_set(struct group *group, uint32_t clear, uint32_t set)
{
	uint32_t state = atomic_load(&group->state);

	atomic_store_explicit(&group->state, (state & ~clear) | set, memory_order_release);
}

/*
 * Writes the idle copy of the name; then one store of the state says that this copy counts, and
 * changes the rest of the state (`clear`, `set`) with it. In two stores a death in between could
 * leave a durable group with a changed name only: one group more of that name, for ever.
 */
static void group_rename(struct group *group, const char *name, uint32_t clear, uint32_t set)
{
	uint32_t other = ~atomic_load(&group->state) & GROUP_NAME;
	char *idle = group->names[other != 0];

	memset(idle, 0, GROUP_NAME_SIZE);
	strncpy(idle, name, GROUP_NAME_SIZE - 1);
	state_set(group, GROUP_NAME | clear, other | set);
}

/* Ends a group with one store of its state. */
static void group_end(struct consumers *consumers, int index)
{
	struct group *group = &consumers->groups[index];

	/* The rest of the entry means nothing from here on: the next group fills in all of it. */
	atomic_store_explicit(&group->state, GROUP_FREE, memory_order_release);
	atomic_store(&consumers->groups_used, groups_in_use(consumers) & ~(UINT32_C(1) << index));
}

uint64_t groups_observers(const struct consumers *consumers)
{
	uint64_t observers = atomic_load(&consumers->side.attached);

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1)
		observers &= ~atomic_load(&consumers->groups[__builtin_ctz(used)].members);
	return observers;
}

/* True if the group has no consumers and waits for none: it may end if there is another group. */
static bool group_over(const struct consumers *consumers, const struct group *group)
{
	return group_life(group) == GROUP_LEFT && !group_durable(group) &&
	       group_members(consumers, group) == 0;
}

/*
 * Returns the index of a group that must stay: one that is not over, or, if all are over, the one
 * that needs the oldest record, as one group has to say where the messages begin.
 */
static int group_keeper(const struct consumers *consumers)
{
	int keeper = GROUP_NONE;

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctz(used);
		const struct group *group = &consumers->groups[index];

		if (group_life(group) == GROUP_FREE)
			continue;
		if (!group_over(consumers, group))
			return index;
		if (keeper == GROUP_NONE ||
		    position_before(claims_need(group), claims_need(&consumers->groups[keeper])))
			keeper = index;
	}
	return keeper;
}

void groups_tidy(struct consumers *consumers)
{
	int keeper = group_keeper(consumers);

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctz(used);

		if (index != keeper && group_over(consumers, &consumers->groups[index]))
			group_end(consumers, index);
	}
}

/*
 * Makes the group begin with what is sent from now on: what it has not acknowledged is not for it.
 * If we die in this, some of that is left to it, and head stays where it was.
 */
static void group_begin_newest(struct channel *channel, struct group *group)
{
	struct cursor next;

	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1)
		claim_drop(group, __builtin_ctzll(used));
	next = cursor_at(tail_now(channel));
	atomic_store(&group->dropped, 0);
	atomic_store(&group->redelivered, 0);
	atomic_store_explicit(&group->expected, sequence_at(channel, next), memory_order_release);
	next_write(group, next);
	atomic_store(&group->told, atomic_load(&producers_of(channel)->events));
	atomic_store(&group->empty_end, 0);
	head_advance(consumers_of(channel));
	channel->broadcast_due = true;
}

void group_discard(struct channel *channel, struct group *group)
{
	struct consumers *consumers = consumers_of(channel);

	group_begin_newest(channel, group);
	group_rename(group, "", GROUP_LIFE | GROUP_DURABLE, GROUP_LEFT);
	groups_tidy(consumers);
	head_advance(consumers);
}

/* Counts the messages from one cursor to another. -1: damaged. */
static int64_t messages_between(struct channel *channel, struct cursor begin, struct cursor end)
{
	uint64_t tail = tail_now(channel);
	int64_t messages = -(int64_t)begin.index;
	struct record record;

	while (begin.record != end.record) {
		if (!ring_get(&channel->segment.ring, begin.record, tail, &record))
			return -1;
		messages += record.messages;
		begin = cursor_after(begin.record, &record);
		if (position_before(end.record, begin.record))
			return -1;
	}
	return messages + end.index;
}

int group_messages(struct channel *channel, const struct group *group, uint64_t *messages)
{
	int64_t count = messages_between(channel, next_read(group), cursor_at(tail_now(channel)));

	*messages = 0;
	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		const struct claim *claim = &group->claims[__builtin_ctzll(used)];
		struct claim_state state = claim_read(claim);

		if (count < 0)
			return -CHANNEL_EDAMAGED;
		*messages += (uint64_t)count;
		count = claim_owner(claim) == OWNER_FREE
				? 0
				: messages_between(channel, state.begin, state.end);
	}
	if (count < 0)
		return -CHANNEL_EDAMAGED;
	*messages += (uint64_t)count;
	return 0;
}

/* Fills a free entry. Its state is stored last, and makes a group of it. */
static void group_fill(struct channel *channel, int index, const char *name)
{
	struct consumers *consumers = consumers_of(channel);
	struct group *group = &consumers->groups[index];
	struct cursor next = cursor_at(atomic_load(&consumers->head));
	int slowest = group_slowest(consumers);
	uint64_t told = slowest == GROUP_NONE ? atomic_load(&producers_of(channel)->events)
					      : atomic_load(&consumers->groups[slowest].told);

	atomic_store(&group->members, 0);
	for (unsigned i = 0; i < SLOT_COUNT; i++)
		atomic_store(&group->claims[i].owner, OWNER_FREE);
	atomic_store(&group->claims_used, 0);
	next_write(group, next);
	atomic_store(&group->expected, sequence_at(channel, next));
	atomic_store(&group->dropped, 0);
	atomic_store(&group->redelivered, 0);
	/* Its first messages may be of a stream whose end the slowest group has not seen yet. */
	atomic_store(&group->told, told);
	atomic_store(&group->empty_end, 0);
	memset(group->names, 0, sizeof(group->names));
	strncpy(group->names[0], name, GROUP_NAME_SIZE - 1);
	atomic_store(&consumers->groups_used, groups_in_use(consumers) | UINT32_C(1) << index);
	atomic_store_explicit(&group->state, GROUP_LEFT, memory_order_release);
}

/*
 * Makes a group of this name: in the place of a group that is over, with what that one has left, or
 * else in a free entry. Returns its index or -CHANNEL_EGROUPS.
 */
static int group_make(struct channel *channel, const char *name)
{
	struct consumers *consumers = consumers_of(channel);
	uint32_t used = groups_in_use(consumers);
	int index = group_keeper(consumers);

	if (index != GROUP_NONE && group_over(consumers, &consumers->groups[index])) {
		group_rename(&consumers->groups[index], name, 0, 0);
		return index;
	}
	index = __builtin_ctz(~used);
	if (index >= GROUP_COUNT)
		return -CHANNEL_EGROUPS;
	group_fill(channel, index, name);
	return index;
}

int group_enter(struct channel *channel, const char *name, bool newest)
{
	struct consumers *consumers = consumers_of(channel);
	int index;

	if (*name != '\0' && !channel_group_valid(name))
		return -CHANNEL_ENAME;
	index = group_find(consumers, name);
	/*
	 * If its consumers have left, its name means nothing, and another group that is over may be
	 * the right one to continue.
	 */
	if (index != GROUP_NONE && !group_over(consumers, &consumers->groups[index]))
		return index;
	groups_tidy(consumers);
	index = group_find(consumers, name);
	if (index == GROUP_NONE)
		index = group_make(channel, name);
	if (index >= 0 && newest)
		group_begin_newest(channel, &consumers->groups[index]);
	return index;
}

void group_keep(struct group *group)
{
	state_set(group, GROUP_LIFE, GROUP_OPEN | GROUP_DURABLE);
}

/*
 * The order of joining is: member, attached, GROUP_OPEN; of leaving: GROUP_LEFT, not attached. A
 * consumer that dies in between counts for its group as one that left in good order: what it held
 * is in the claims.
 */
void group_join(struct channel *channel)
{
	groups_forget(channel);
	atomic_fetch_or(&group_of(channel)->members, channel->slot_bit);
}

/* The slot's last owner may have been in a group. */
void groups_forget(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	for (unsigned i = 0; i < GROUP_COUNT; i++)
		atomic_fetch_and(&consumers->groups[i].members, ~channel->slot_bit);
}

void group_joined(struct channel *channel)
{
	struct group *group = group_of(channel);

	state_set(group, GROUP_LIFE, GROUP_OPEN);
	if (channel->options.durable)
		group_keep(group);
}

void group_leaving(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	struct group *group = group_of(channel);

	if (group_members(consumers, group) == channel->slot_bit)
		state_set(group, GROUP_LIFE, GROUP_LEFT);
}

/*
 * Raises `next` if it is before the end of a claim: the holder of the mutex died between the two
 * stores.
 */
static void next_repair(struct group *group)
{
	struct cursor next = next_read(group);

	claims_repair(group);
	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		struct claim_state state = claim_read(&group->claims[__builtin_ctzll(used)]);

		if (cursor_before(next, state.end))
			next = state.end;
	}
	if (!cursor_equal(next, next_read(group)))
		next_write(group, next);
}

void groups_repair(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	uint32_t used = 0;

	for (unsigned i = 0; i < GROUP_COUNT; i++) {
		if (group_life(&consumers->groups[i]) == GROUP_FREE)
			continue;
		used |= UINT32_C(1) << i;
		next_repair(&consumers->groups[i]);
	}
	atomic_store(&consumers->groups_used, used);
	groups_tidy(consumers);
}

/* Like group_slowest(), and stores in *lowest which record that group needs. */
static int slowest_find(const struct consumers *consumers, uint64_t *lowest)
{
	int slowest = GROUP_NONE;

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		int index = __builtin_ctz(used);
		const struct group *group = &consumers->groups[index];
		uint64_t needed;

		if (group_life(group) == GROUP_FREE)
			continue;
		needed = claims_need(group);
		if (slowest == GROUP_NONE || position_before(needed, *lowest)) {
			slowest = index;
			*lowest = needed;
		}
	}
	return slowest;
}

bool head_advance(struct consumers *consumers)
{
	uint64_t head = atomic_load_explicit(&consumers->head, memory_order_relaxed);
	uint64_t needed;

	if (slowest_find(consumers, &needed) == GROUP_NONE || !position_before(head, needed))
		return false;
	/*
	 * The bytes were used before this store is visible. Pairs with the acquire load in
	 * head_now().
	 */
	atomic_store_explicit(&consumers->head, needed, memory_order_release);
	return true;
}

void groups_settle(struct consumers *consumers)
{
	groups_tidy(consumers);
	head_advance(consumers);
}

bool groups_hold_claims(const struct consumers *consumers)
{
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1)
		if (claims_in_use(&consumers->groups[__builtin_ctz(used)]) != 0)
			return true;
	return false;
}

int group_slowest(const struct consumers *consumers)
{
	uint64_t needed;

	return slowest_find(consumers, &needed);
}

/* Wakes all observers, as each of them looks at every message. */
static void observers_wake(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	uint64_t waiting = atomic_load(&consumers->waiting_data);

	if (waiting == 0)
		return;
	waiting &= groups_observers(consumers);
	for (; waiting != 0; waiting &= waiting - 1) {
		uint64_t bit = waiting & -waiting;

		if ((atomic_fetch_and(&consumers->waiting_data, ~bit) & bit) != 0)
			slot_wake(consumers->side.slots, (unsigned)__builtin_ctzll(bit),
				  channel->trace, TRACE_DATA);
	}
}

void groups_signal(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	if (atomic_load_explicit(&consumers->waiting_data, memory_order_relaxed) == 0)
		return;
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1)
		condition_signal_fenced(
			condition_data(channel, &consumers->groups[__builtin_ctz(used)]));
	observers_wake(channel);
}

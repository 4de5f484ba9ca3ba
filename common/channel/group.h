/*
 * Groups of consumers: each group sees every message, and the consumers of one group share them. A
 * group begins with its first consumer, or when a producer declares it. It ends when its last
 * consumer detaches, unless it is durable or the only group; if its last consumer dies instead, it
 * stays.
 *
 * Every function here needs the consumers' mutex, unless it says otherwise. Most are called by a
 * consumer's thread, some by a producer's: when it declares groups, looks after the dead, or looks
 * which group keeps the ring full. Private to common/.
 */
#ifndef GROUP_H
#define GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

struct channel;

enum { GROUP_NONE = -1 };

/* Returns GROUP_FREE, GROUP_OPEN or GROUP_LEFT. Needs no mutex. */
static inline uint32_t group_life(const struct group *group)
{
	return atomic_load_explicit(&group->state, memory_order_relaxed) & GROUP_LIFE;
}

/* True if the group stays without consumers until it is removed. Needs no mutex. */
static inline bool group_durable(const struct group *group)
{
	return (atomic_load_explicit(&group->state, memory_order_relaxed) & GROUP_DURABLE) != 0;
}

/*
 * Returns a bitmap of the entries in use; after a death some of them may be free. Needs no mutex.
 */
static inline uint32_t groups_in_use(const struct consumers *consumers)
{
	return atomic_load_explicit(&consumers->groups_used, memory_order_relaxed) &
	       ((UINT32_C(1) << GROUP_COUNT) - 1);
}

/*
 * Copies the group's name and a NUL into `name`. The shared memory may hold anything there: what is
 * not a valid name becomes CHANNEL_GROUP_BAD.
 */
void group_name(const struct group *group, char name[GROUP_NAME_SIZE]);

/*
 * Returns a bitmap of the slots of its consumers, those included that have died and are not buried
 * yet. Needs no mutex.
 */
static inline uint64_t group_members(const struct consumers *consumers, const struct group *group)
{
	return atomic_load(&group->members) & atomic_load(&consumers->side.attached);
}

/* Returns how many consumers are in all groups together. Needs no mutex. */
unsigned groups_consumers(const struct consumers *consumers);

/*
 * Finds the group of this name, or makes one. A new group begins with the oldest message still
 * there, or, if `newest`, with the next message that is sent. It is GROUP_LEFT until a consumer
 * joins it. Returns its index, -CHANNEL_EGROUPS, or -CHANNEL_ENAME.
 */
int group_enter(struct channel *channel, const char *name, bool newest);

/* Returns the index of the group of this name, or GROUP_NONE. */
int group_find(const struct consumers *consumers, const char *name);

/*
 * Returns a bitmap of the observers: endpoints of this side that are in no group and take nothing.
 * Needs no mutex, as a consumer that joins is a member of its group before it is attached.
 */
uint64_t groups_observers(const struct consumers *consumers);

/*
 * The steps by which a consumer joins and leaves its group. Before its bit in side.attached is set:
 * group_join(); after that: group_joined(). Before the bit is cleared: group_leaving(). An observer
 * calls groups_forget() in place of group_join() and none of the others: it takes the slot's bit
 * out of all groups.
 */
void groups_forget(struct channel *channel);
void group_join(struct channel *channel);
void group_joined(struct channel *channel);
void group_leaving(struct channel *channel);

/* Makes a group durable. */
void group_keep(struct group *group);

/*
 * Counts in *messages what the group has not acknowledged, the messages in its consumers' hands
 * included. Returns 0 or -CHANNEL_EDAMAGED.
 */
int group_messages(struct channel *channel, const struct group *group, uint64_t *messages);

/*
 * Ends a group that has no consumers, with what it has not acknowledged. If it is the only group it
 * stays, but as in a new channel: empty and without a name, for the next that comes.
 */
void group_discard(struct channel *channel, struct group *group);

/*
 * Ends the groups that are GROUP_LEFT, have no consumers and are not durable, as long as another
 * group remains.
 */
void groups_tidy(struct consumers *consumers);

/*
 * For after a consumer's bit in side.attached was cleared: ends groups that are over, and moves
 * head past what only they needed. Perhaps nobody else will: a producer that waits for room looks
 * at claims only.
 */
void groups_settle(struct consumers *consumers);

/*
 * After the holder of the mutex has died: rebuilds groups_used, and the claims and `next` of each
 * group.
 */
void groups_repair(struct channel *channel);

/* Moves head up to the lowest record that a group needs; never lowers it. True if it has moved. */
bool head_advance(struct consumers *consumers);

/* True if a group has a claim. Needs no mutex, but without it may be wrong after a death. */
bool groups_hold_claims(const struct consumers *consumers);

/*
 * Returns the index of the group that keeps head where it is (the first of them), or GROUP_NONE:
 * there is none, or the channel is damaged. Without the mutex the answer may be out of date.
 */
int group_slowest(const struct consumers *consumers);

/*
 * For a producer that has published messages and passed a fence (a light one will do): wakes one
 * consumer of each group, and all observers. No mutex is needed or held.
 */
void groups_signal(struct channel *channel);

#endif

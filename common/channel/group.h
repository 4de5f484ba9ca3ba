/*
 * Groups of consumers: each sees every message, the consumers of one share them. A group
 * begins with its first consumer, or when a producer declares it, and ends when its last
 * consumer leaves in good order, unless it is durable or the only one. Every function here
 * needs the consumers' mutex, unless it says otherwise. Private to common/.
 */
#ifndef GROUP_H
#define GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

struct channel;

enum { GROUP_NONE = -1 };

/* GROUP_FREE, GROUP_OPEN or GROUP_LEFT. */
static inline uint32_t group_life(const struct group *group)
{
	return atomic_load_explicit(&group->state, memory_order_relaxed) & GROUP_LIFE;
}

static inline bool group_durable(const struct group *group)
{
	return (atomic_load_explicit(&group->state, memory_order_relaxed) & GROUP_DURABLE) != 0;
}

/* Which entries are in use, as a bitmap; some may be free after a death. Needs no mutex. */
static inline uint32_t groups_in_use(const struct consumers *consumers)
{
	return atomic_load_explicit(&consumers->groups_used, memory_order_relaxed) &
	       ((UINT32_C(1) << GROUP_COUNT) - 1);
}

/*
 * Copies its name, of at most GROUP_NAME_SIZE - 1 bytes. The object may hold anything there: what
 * is no name for a group becomes CHANNEL_GROUP_BAD.
 */
void group_name(const struct group *group, char name[GROUP_NAME_SIZE]);

/* Its consumers that are attached; those that have died are, until they are buried. */
static inline uint64_t group_members(const struct consumers *consumers, const struct group *group)
{
	return atomic_load(&group->members) & atomic_load(&consumers->side.attached);
}

/* How many consumers are in all groups together. Needs no mutex. */
unsigned groups_consumers(const struct consumers *consumers);

/*
 * The group of this name: found, or made. A new one begins with the oldest message still
 * there, or, if `newest`, with the next that is sent. It is LEFT until somebody has joined it.
 * Returns its index, or -CHANNEL_EGROUPS.
 */
int group_enter(struct channel *channel, const char *name, bool newest);

/* The group of this name: its index, or GROUP_NONE. */
int group_find(const struct consumers *consumers, const char *name);

/*
 * Consumers that are attached but in no group: they look on, and take nothing. Needs no mutex: who
 * joins is a member first and attached second.
 */
uint64_t groups_observers(const struct consumers *consumers);

/*
 * The caller's slot is about to be set in, or was cleared from, side.attached. An observer calls
 * groups_forget() instead of the first, and nothing instead of the others.
 */
void groups_forget(struct channel *channel);
void group_join(struct channel *channel);
void group_joined(struct channel *channel);
void group_leaving(struct channel *channel);

/* Makes a group durable. */
void group_keep(struct group *group);

/* How many messages it has not acknowledged; those in its hands count. Errors: CHANNEL_EDAMAGED. */
int group_messages(struct channel *channel, const struct group *group, uint64_t *messages);

/*
 * Ends a group that has no consumers, and what it has not acknowledged. If it is the only one it
 * stays, as in a new channel: empty, without a name, for the first that comes.
 */
void group_discard(struct channel *channel, struct group *group);

/* Ends groups that are left, if there are others. */
void groups_tidy(struct consumers *consumers);

/*
 * Somebody is not attached any more: ends groups that are over, and moves head over what only they
 * needed. Perhaps nobody else will: a producer that waits for room looks at claims only.
 */
void groups_settle(struct consumers *consumers);

/* After a holder's death: rebuilds groups_used, and each group's claims and `next`. */
void groups_repair(struct channel *channel);

/* Moves head up to the lowest record that a group needs; never lowers it. True if it moved. */
bool head_advance(struct consumers *consumers);

/* Has any group a claim? Needs no mutex, and may then be wrong after a death. */
bool groups_hold_claims(const struct consumers *consumers);

/*
 * The group that keeps head where it is, the first of them: its index. GROUP_NONE: nobody
 * does, or damage.
 */
int group_slowest(const struct consumers *consumers);

/*
 * Without the mutex, behind a fence: there is something to claim. Wakes one consumer of each
 * group, and all observers.
 */
void groups_signal(struct channel *channel);

#endif

#include "channel/slot.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel/bury.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"
#include "shared_buffer.h"

struct locks *locks_of(struct channel *channel, enum channel_role role)
{
	return role == CHANNEL_PRODUCER ? &producers_of(channel)->locks
					: &consumers_of(channel)->locks;
}

int side_probe(struct channel *channel, enum channel_role role)
{
	struct locks *locks = locks_of(channel, role);
	uint64_t attached = atomic_load(&side_of(channel, role)->attached);

	if (channel->attached && role == channel->role)
		attached &= ~channel->slot_bit;
	for (; attached != 0; attached &= attached - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(attached);
		pthread_mutex_t *alive = &locks->alive[slot].mutex;
		int error = pthread_mutex_trylock(alive);
		int rc;

		if (error == EBUSY)
			continue; /* its owner is alive */
		if (error != 0 && error != EOWNERDEAD)
			return -CHANNEL_EDAMAGED;
		rc = slot_bury(channel, role, slot);
		if (error == EOWNERDEAD)
			pthread_mutex_consistent(alive);
		pthread_mutex_unlock(alive);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/*
 * Takes the `alive` mutex of a free slot. -EBUSY: the slot's last owner has not left completely;
 * -CHANNEL_EDAMAGED: it cannot be locked.
 */
static int slot_lock(pthread_mutex_t *alive)
{
	int error = pthread_mutex_trylock(alive);

	if (error == EBUSY)
		return -EBUSY;
	if (error == EOWNERDEAD)
		pthread_mutex_consistent(alive);
	else if (error != 0)
		return -CHANNEL_EDAMAGED;
	return 0;
}

/* Makes a slot ours, whose `alive` mutex we hold, before it is in use. */
static void slot_fill(struct channel *channel, unsigned slot)
{
	struct slot *place = &side_of(channel, channel->role)->slots[slot];

	atomic_store(&place->tid, (uint32_t)syscall(SYS_gettid));
	atomic_store(&place->pid, (uint32_t)channel->pid);
	atomic_store(&place->lost, 0);
	atomic_store(&place->writing, 0);
	atomic_store(&place->fences, channel->segment.asymmetric ? 0 : 1);
	atomic_store(&place->messages, 0);
	atomic_store(&place->bytes, 0);
	atomic_store(&place->dropped, 0);
	atomic_store(&place->since, channel->since);
	atomic_store(&place->namespaces, channel->namespaces);
	semaphore_drain(&place->wakeup);
	atomic_store(&place->waker, 0);
	channel->slot = slot;
	channel->slot_bit = UINT64_C(1) << slot;
}

/* Enters our slot into the shared memory: from the store of `attached` on, we are attached. */
static void slot_use(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	struct side *side = side_of(channel, channel->role);

	if (channel->options.observe)
		groups_forget(channel);
	else if (channel->role == CHANNEL_CONSUMER)
		group_join(channel);
	/*
	 * The slot is in use first, and counted second: a consumer that sees the count and nobody
	 * attached knows that we have come and gone (see receive_locked()). If we die in between we
	 * are buried like any other.
	 */
	atomic_fetch_or(&side->attached, channel->slot_bit);
	if (channel->role == CHANNEL_PRODUCER)
		atomic_store(&producers->events,
			     events_add(atomic_load(&producers->events), EVENT_ATTACHED));
	else if (!channel->options.observe)
		group_joined(channel);
	channel->attached = true;
	atomic_store(&channel->wakeup, &side->slots[channel->slot].wakeup);
}

int side_enter(struct channel *channel)
{
	struct locks *locks = locks_of(channel, channel->role);
	uint64_t attached = atomic_load(&side_of(channel, channel->role)->attached);

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		int rc;

		if ((attached >> slot & 1) != 0)
			continue;
		rc = slot_lock(&locks->alive[slot].mutex);
		if (rc == -EBUSY)
			continue;
		if (rc < 0)
			return rc;
		slot_fill(channel, slot);
		slot_use(channel);
		return 0;
	}
	return -EBUSY;
}

void side_leave(struct channel *channel)
{
	struct side *side = side_of(channel, channel->role);
	uint64_t bit = channel->slot_bit;

	atomic_store(&channel->wakeup, NULL);
	if (channel->role == CHANNEL_PRODUCER) {
		atomic_fetch_and(&producers_of(channel)->waiting_turn, ~bit);
		atomic_fetch_and(&producers_of(channel)->waiting_ack, ~bit);
		atomic_fetch_and(&producers_of(channel)->waiting_consumers, ~bit);
	} else {
		atomic_fetch_and(&consumers_of(channel)->waiting_data, ~bit);
		atomic_fetch_and(&consumers_of(channel)->waiting_piece, ~bit);
		if (!channel->options.observe)
			group_leaving(channel);
	}
	atomic_store(&side->slots[channel->slot].tid, 0);
	atomic_fetch_and(&side->attached, ~bit);
	if (channel->role == CHANNEL_CONSUMER && !channel->options.observe)
		groups_settle(consumers_of(channel));
	pthread_mutex_unlock(&locks_of(channel, channel->role)->alive[channel->slot].mutex);
	channel->attached = false;
}

bool thread_id_taken(struct channel *channel)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		if (atomic_load(&producers_of(channel)->side.slots[slot].tid) == tid ||
		    atomic_load(&consumers_of(channel)->side.slots[slot].tid) == tid)
			return true;
	return false;
}

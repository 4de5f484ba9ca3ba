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
			continue; /* it lives */
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

int side_enter(struct channel *channel)
{
	struct producers *producers = producers_of(channel);
	struct locks *locks = locks_of(channel, channel->role);
	struct side *side = side_of(channel, channel->role);
	uint64_t attached = atomic_load(&side->attached);

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		struct slot *place = &side->slots[slot];
		uint64_t bit = UINT64_C(1) << slot;
		int error;

		if ((attached & bit) != 0)
			continue;
		error = pthread_mutex_trylock(&locks->alive[slot].mutex);
		if (error == EBUSY)
			continue; /* its last owner is still on the way out */
		if (error == EOWNERDEAD)
			pthread_mutex_consistent(&locks->alive[slot].mutex);
		else if (error != 0)
			return -CHANNEL_EDAMAGED;

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
		channel->slot_bit = bit;
		if (channel->options.observe)
			groups_forget(channel);
		else if (channel->role == CHANNEL_CONSUMER)
			group_join(channel);
		/*
		 * In use first, counted second: a consumer that sees the count and nobody here
		 * knows that we have been and gone (see receive_locked()), and if we die in between
		 * we are buried like anybody else.
		 */
		atomic_fetch_or(&side->attached, bit);
		if (channel->role == CHANNEL_PRODUCER)
			atomic_store(&producers->events,
				     events_add(atomic_load(&producers->events), EVENT_ATTACHED));
		else if (!channel->options.observe)
			group_joined(channel);
		channel->attached = true;
		atomic_store(&channel->wakeup, &place->wakeup);
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

/*
 * Endpoints that can use membarrier and endpoints that cannot, in one channel (PROTOCOL.md, "Who
 * pays for the fences"). While all can, an endpoint publishes a message without a fence of its own.
 * A newcomer that cannot asks the others for plain fences, and takes no slot before every one of
 * them has said that it uses them.
 */
#include "channel/fences.h"

#include <errno.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "shared_buffer.h"

/*
 * Returns the pid of an endpoint of this side that still publishes without fences. 0: there is
 * none.
 */
static pid_t endpoint_without_fences(const struct side *side)
{
	uint64_t attached = atomic_load(&side->attached);

	for (; attached != 0; attached &= attached - 1) {
		const struct slot *slot = &side->slots[__builtin_ctzll(attached)];

		/*
		 * What that endpoint published before is visible to us. Pairs with the store in
		 * fences_look().
		 */
		if (atomic_load(&slot->fences) == 0)
			return (pid_t)atomic_load(&slot->pid);
	}
	return 0;
}

int fences_agree(struct channel *channel)
{
	_Atomic uint32_t *fences = &channel->segment.shared->header.fences;
	struct channel_report *report = &channel->report;

	report->fences_awaited = false;
	if (channel->segment.membarrier || atomic_load(fences) == FENCES_PLAIN)
		return 0;
	atomic_store(fences, FENCES_CHANGING);
	report->holder = endpoint_without_fences(&producers_of(channel)->side);
	if (report->holder == 0)
		report->holder = endpoint_without_fences(&consumers_of(channel)->side);
	if (report->holder != 0) {
		report->fences_awaited = true;
		return -EBUSY;
	}
	/*
	 * Attaching needs the flock, which we hold: so no endpoint without fences has come
	 * meanwhile.
	 */
	atomic_store(fences, FENCES_PLAIN);
	return 0;
}

void fences_look(struct channel *channel)
{
	struct slot *slot = &side_of(channel, channel->role)->slots[channel->slot];

	if (!channel->segment.asymmetric ||
	    atomic_load(&channel->segment.shared->header.fences) == FENCES_ASYMMETRIC)
		return;
	/*
	 * Other endpoints may not have looked yet, so our heavy fences go on to run on their
	 * processors (segment.membarrier stays). Our light fences become full ones before the
	 * newcomer sees this slot's `fences`, and so before it first relies on them.
	 */
	channel->segment.asymmetric = false;
	atomic_store(&slot->fences, 1);
}

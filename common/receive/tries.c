/*
 * Tries: what a consumer does with the messages in its hands may fail, and is counted.
 */

#include <errno.h>

#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "receive/deliver.h"
#include "receive/under_lock.h"
#include "shared_buffer.h"

/*
 * What is done with the messages in hand is to be noted in their claim: what else is in it must
 * go. The consumers' mutex is held. False: there is no free entry for the rest.
 */
static bool claim_narrow(struct channel *channel, bool *cut)
{
	struct claim_state state = claim_read(claim_held(channel));

	channel->batch.valid = false; /* receive_on() takes it that nothing is noted */
	*cut = false;
	if ((state.flags & CLAIM_MID) != 0 ||
	    !cursor_before(channel->receiving.delivered_end, state.end))
		return true;
	*cut = claim_split(group_of(channel), channel->receiving.claim,
			   channel->receiving.delivered_end);
	return *cut;
}

/* Is there a message in hand, or a part of one? */
static bool in_hand(const struct channel *channel)
{
	return channel->receiving.claim != CLAIM_NONE && !channel->receiving.piece_acknowledged;
}

int channel_retry(struct channel *channel, uint32_t *attempts)
{
	bool cut;
	int rc;

	if (!in_hand(channel))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	if (rc < 0)
		return rc;
	claim_narrow(channel, &cut);
	*attempts = claim_retry(group_of(channel), channel->receiving.claim);
	side_unlock(channel, CHANNEL_CONSUMER);
	receive_wake(channel, false, cut);
	return 0;
}

int channel_try(struct channel *channel)
{
	bool cut;
	int rc;

	if (!in_hand(channel))
		return -EINVAL;
	rc = side_lock_finish(channel, CHANNEL_CONSUMER);
	if (rc < 0)
		return rc;
	if (claim_narrow(channel, &cut)) /* or the rest would count as tried, too, if we die */
		claim_try(claim_held(channel));
	side_unlock(channel, CHANNEL_CONSUMER);
	receive_wake(channel, false, cut);
	return 0;
}

int channel_tried(struct channel *channel, bool failed)
{
	if (!in_hand(channel))
		return -EINVAL;
	if (claim_trying(claim_held(channel)))
		claim_tried(claim_held(channel), failed);
	return 0;
}

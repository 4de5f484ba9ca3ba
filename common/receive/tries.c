/*
 * Tries: what a consumer does with the messages in hand may fail. channel_try() and channel_tried()
 * say in its claim when a try begins and how it ends, channel_retry() hands the messages out once
 * more.
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
 * Splits off what the claim holds besides the messages in hand, because all messages of a claim
 * have the same number of attempts and failures. *cut: something was split off. Returns false if
 * that was not possible, because the group's table has no free entry. The consumers' mutex is held.
 */
static bool claim_narrow(struct channel *channel, bool *cut)
{
	struct claim_state state = claim_read(claim_held(channel));

	channel->batch.valid = false; /* deliver_claimed() says: attempts 1, failures 0 */
	*cut = false;
	if ((state.flags & CLAIM_MID) != 0 ||
	    !cursor_before(channel->receiving.delivered_end, state.end))
		return true;
	*cut = claim_split(group_of(channel), channel->receiving.claim,
			   channel->receiving.delivered_end);
	return *cut;
}

/* True if a message is in hand, or a piece of one. */
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
	/* If it could not be split, the rest would count as tried, too, if we die: no try then. */
	if (claim_narrow(channel, &cut))
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

/*
 * Orphans: claims whose owner has died or given them back. Their messages are delivered again,
 * except a message longer than the ring of which a part was acknowledged: that part is gone, so the
 * rest is skipped and the message is lost.
 *
 * Called by consumers' threads, and by any endpoint that buries a consumer. Every function here
 * needs the consumers' mutex. Private to common/.
 */
#ifndef ORPHAN_H
#define ORPHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/claim.h"
#include "shared_buffer.h"

struct channel;

/*
 * Makes an orphan of a claim. What its owner was handed of it (up to `delivered`) and has not
 * acknowledged will be delivered again. The rest is as if this owner had never had it, see
 * claim_split(); so is the whole claim if its owner was handed nothing. `loss`: how the owner has
 * lost it.
 */
void claim_abandon(struct channel *channel, struct group *group, int index, struct cursor delivered,
		   enum claim_loss loss);

/*
 * Goes through the claims of our own group: skips the rest of messages that are lost, as far as it
 * is in the ring, and makes orphans of claims whose owner is not attached. Returns 0 or
 * -CHANNEL_EDAMAGED. Like claims_recover(), the functions below work on our own group.
 */
int claims_recover(struct channel *channel);

/* Returns the index of the oldest orphan that can be delivered again, or CLAIM_NONE. */
int orphan_find(struct group *group);

/*
 * Drops an orphan if its producer gave the message up, so that there is nothing to deliver. Returns
 * 1 if it did, 0 if not, or -CHANNEL_EDAMAGED.
 */
int orphan_aborted(struct channel *channel, int index);

/*
 * True if another consumer of our group has a claim, or there is an orphan: those messages may come
 * back to us.
 */
bool others_hold(struct channel *channel);

/*
 * For the first piece of a message, at `position`, of which no consumer has seen a part. Returns 1
 * if the end of the message is already in the ring and says that it was given up, so there is
 * nothing to deliver: *after is the place after it. 0: it is not so, or not known yet.
 * -CHANNEL_EDAMAGED.
 */
int aborted_ahead(struct channel *channel, uint64_t position, uint64_t tail, struct cursor *after);

/*
 * Reads the header of the next piece of the message of this number. False if the record at `next`
 * is not a piece of that message: damage. The caller has checked that there is a record.
 */
bool piece_get(struct channel *channel, uint64_t sequence, uint64_t tail, struct record *record);

/*
 * Moves the claim of a message longer than the ring, and `next`, over the piece at `next`, whose
 * header is *record. Returns the claim's new state.
 */
struct claim_state claim_extend(struct channel *channel, int index, const struct record *record);

/*
 * Makes an orphan of a claim whose owner is dead. The owner can have been handed its first record,
 * or, if it took records together, all of them.
 */
void claim_bury(struct channel *channel, struct group *group, int index);

#endif

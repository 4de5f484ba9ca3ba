/*
 * Claims whose owner is gone, and messages longer than the ring, which such a claim may have
 * cut short. Every function here needs the consumers' mutex. Private to common/.
 */
#ifndef ORPHAN_H
#define ORPHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/claim.h"
#include "shared_buffer.h"

struct channel;

/*
 * A claim loses its owner: what was delivered of it (it ends at `delivered`) and not
 * acknowledged will be delivered again. The rest is as if this owner had never had it: see
 * claim_split(); so is all of it, if nothing of it was delivered.
 */
void claim_abandon(struct channel *channel, struct group *group, int index, struct cursor delivered,
		   enum claim_loss loss);

/* Those below look at our own group. Ends what is left of messages that have lost a part; owners
 * that cannot be are forsaken. */
int claims_recover(struct channel *channel);

/* An orphan that can be delivered again, the oldest first; CLAIM_NONE. */
int orphan_find(struct group *group);

/* Drops an orphan whose producer gave its message up. 1 if it did so. */
int orphan_aborted(struct channel *channel, int index);

/* Does another one of our group have a claim? It may come back. */
bool others_hold(struct channel *channel);

/*
 * At the first piece of a message that nobody has seen a part of: if its end is here
 * already and says that it was given up, there is nothing to deliver: 1, *after is behind it.
 */
int aborted_ahead(struct channel *channel, uint64_t position, uint64_t tail, struct cursor *after);

/* The next piece of a message that goes on: it must be there and belong to it. */
bool piece_get(struct channel *channel, uint64_t sequence, uint64_t tail, struct record *record);

/* Moves the claim of a long message, and `next`, over the piece at `next`. */
struct claim_state claim_extend(struct channel *channel, int index, const struct record *record);

/* Its owner is dead: one record can have been handed out, or all together. */
void claim_bury(struct channel *channel, struct group *group, int index);

#endif

/*
 * All that is done for the dead: what a dead producer, a dead consumer, or the dead holder of a mutex
 * has left half done is ended or undone. Called with the mutex of that side held.
 */
#ifndef BURY_H
#define BURY_H

#include "channel/channel.h"

/* send.c: closes the message that this producer left open and takes the turn back. */
int producer_bury(struct channel *channel, unsigned slot);

/* orphan.c: orphans this consumer's claims. */
int consumer_bury(struct channel *channel, unsigned slot);

/* orphan.c: makes the groups, their claims and head consistent after a holder's death. */
int consumers_repair(struct channel *channel);

/* Idempotent at every step: whoever dies in it is followed by somebody who does it again. */
int slot_bury(struct channel *channel, enum channel_role role, unsigned slot);

#endif

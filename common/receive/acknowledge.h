/*
 * Acknowledging the delivery in hand.
 */
#ifndef ACKNOWLEDGE_H
#define ACKNOWLEDGE_H

struct channel;

/* Ends the delivery in hand: its bytes have been used. The consumers' mutex is held. */
void delivery_done(struct channel *channel);

#endif

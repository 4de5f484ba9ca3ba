/*
 * Acknowledging the messages in hand, with the consumers' mutex held. receive_under_lock() does it
 * before it claims the next ones, channel_acknowledge() and channel_give_back() do it alone. Within
 * a batch, receive_on() acknowledges without the mutex and without this.
 */
#ifndef ACKNOWLEDGE_H
#define ACKNOWLEDGE_H

struct channel;

/*
 * Acknowledges the delivery in hand, if there is one: the bytes up to
 * channel->receiving.delivered_end have been used. Ends the claim if that is all of it; otherwise
 * moves its beginning. Of a message in pieces the claim stays, without the piece. The caller holds
 * the consumers' mutex, and calls head_advance() afterwards.
 */
void delivery_done(struct channel *channel);

#endif

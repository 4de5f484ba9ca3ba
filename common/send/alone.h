/*
 * Sending without the producers' mutex. A producer that is the only one attached (a lone producer)
 * may write without it. channel_send() and channel_send_block() try this first. None of these
 * functions needs or takes a mutex.
 */
#ifndef ALONE_H
#define ALONE_H

#include <stdbool.h>

#include "channel/channel.h"

/*
 * Sends a block of whole messages if this is the only producer and the ring has room for the block.
 * Copies block->size bytes from `bytes`, which remains the caller's, and wakes consumers. Of
 * block->flags only CHANNEL_UNTERMINATED may be set. Returns 1 if the block is committed; 0 if
 * nothing was sent, and the caller has to send it with the mutex; or -CHANNEL_EDAMAGED.
 */
int send_alone(struct channel *channel, const void *bytes, const struct channel_block *block);

/*
 * True if no other producer writes without the mutex any more, because each has seen that we are
 * attached; from then on it stays true until we detach. If false, channel->report.holder is the
 * process id of a producer that still writes. May be called with the producers' mutex or without.
 */
bool producers_settled(struct channel *channel);

#endif

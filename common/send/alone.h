/*
 * A producer that is alone needs no mutex.
 */
#ifndef ALONE_H
#define ALONE_H

#include <stdbool.h>

#include "channel/channel.h"

/*
 * Sends a block of whole messages if this is the only producer and there is room: 1. 0: send
 * it as always. Errors: CHANNEL_EDAMAGED.
 */
int send_alone(struct channel *channel, const void *bytes, const struct channel_block *block);

/* Has every producer that was alone when we attached learned that we are here? */
bool producers_settled(struct channel *channel);

#endif

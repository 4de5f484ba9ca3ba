/*
 * Detaching: channel_detach() is implemented here, and the test whether a channel is to be removed
 * with its last endpoint.
 */
#ifndef DETACH_H
#define DETACH_H

#include <stdbool.h>

struct channel;

/*
 * True if nobody is attached, nothing is left in the channel and no group waits for consumers: only
 * then its object may be removed. Cleans up after the dead first. The caller holds the flock and no
 * mutex.
 */
bool deserted(struct channel *channel);

#endif

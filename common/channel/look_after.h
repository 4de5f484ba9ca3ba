/*
 * Looking after the channel, about once a second: finding dead endpoints, checking that the object
 * still has its name, handing the trace over. Implements channel_look_after().
 *
 * Called by the thread of an endpoint that sends, receives or waits; no lock is held.
 */
#ifndef LOOK_AFTER_H
#define LOOK_AFTER_H

#include "channel/channel.h"
#include "channel/endpoint.h"

/*
 * How many calls in a row may skip reading the clock. If calls suddenly become slow, at most this
 * many of them do not notice that time has passed.
 */
enum { LOOK_PAUSE_MAX = 15 };

/*
 * Like channel_look_after(), for an endpoint that sends or receives one message after the other:
 * while many calls fall within one tick of the clock, only some of them read it.
 */
static inline int look_after_often(struct channel *channel)
{
	if (channel->look_pause == 0 || channel->sending.inside)
		return channel_look_after(channel);
	channel->look_pause--;
	return 0;
}

#endif

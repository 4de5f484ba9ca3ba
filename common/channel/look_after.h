/*
 * Looking after the channel, about once a second: the dead, the name of the object, the trace.
 */
#ifndef LOOK_AFTER_H
#define LOOK_AFTER_H

#include "channel/channel.h"
#include "channel/endpoint.h"

/*
 * Calls in a row that do not read the clock: if they suddenly take long, no more than so many do.
 */
enum { LOOK_PAUSE_MAX = 15 };

/*
 * channel_look_after() for who sends or receives one message after the other: while many come
 * within one tick of the clock, only some of the calls read it.
 */
static inline int look_after_often(struct channel *channel)
{
	if (channel->look_pause == 0 || channel->sending.inside)
		return channel_look_after(channel);
	channel->look_pause--;
	return 0;
}

#endif

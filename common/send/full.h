/*
 * What a producer does, instead of waiting, when there is no room.
 */
#ifndef FULL_H
#define FULL_H

#include <stdint.h>

#include "base/deadline.h"
#include "channel/channel.h"

/* How a producer that needs room shall get on. Nonblocking ones never wait for it. */
enum channel_when_full full_policy(const struct channel *channel);

/*
 * For who would not wait, without a mutex: takes in what consumers have done, which head may not
 * show yet, unless their mutex is held for long; or, if old messages are to be dropped, makes room
 * up to channel->sending.waited_head. 1: there is room now; 0: look once more, then answer; or an error.
 */
int full_make_room(struct channel *channel, const struct deadline *deadline);

/*
 * There is no room for these messages (0: it is not known how many they are). The producers'
 * mutex is held, and nobody writes alone. CHANNEL_DROPPED, -EAGAIN, or -CHANNEL_EDAMAGED.
 */
int full_answer(struct channel *channel, uint32_t messages);

#endif

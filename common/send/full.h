/*
 * What a producer does when the ring has no room for its messages and it does not wait: it fails,
 * drops its new messages, or drops the oldest ones. room_lock() calls these functions. Which mutex
 * must be held is said at each.
 */
#ifndef FULL_H
#define FULL_H

#include <stdint.h>

#include "base/deadline.h"
#include "channel/channel.h"

/*
 * Returns options.when_full, but CHANNEL_FULL_FAIL in the place of CHANNEL_FULL_BLOCK if the
 * producer is nonblocking. Needs no mutex.
 */
enum channel_when_full full_policy(const struct channel *channel);

/*
 * Tries to make room without waiting for consumers. If old messages are to be dropped, calls
 * drop_old() to move head to channel->sending.waited_head, and waits for the consumers' mutex until
 * `deadline`. Otherwise moves head over what consumers have acknowledged, and waits for that mutex
 * for 10 ms at most. No mutex may be held. Returns 1 if there is room now, 0 if the caller has to
 * look once more and then call full_answer(), or a negative error of side_lock() or drop_old().
 */
int full_make_room(struct channel *channel, const struct deadline *deadline);

/*
 * Gives up sending `messages` messages (0: their number is not known), because there is no room.
 * Returns CHANNEL_DROPPED if they are dropped, which gives them sequence numbers all the same;
 * -EAGAIN if nothing is dropped; or -CHANNEL_EDAMAGED. The producers' mutex must be held, and no
 * producer may be writing without it (producers_settled()).
 */
int full_answer(struct channel *channel, uint32_t messages);

#endif

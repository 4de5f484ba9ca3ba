/*
 * Following a channel without taking anything. A tap is an endpoint on the consumers' side that is
 * in no group: it claims nothing, so the messages stay for the consumers, and nobody waits for it.
 * What was overwritten before it had looked it has missed, and counts.
 */
#ifndef TAP_H
#define TAP_H

#include <stdint.h>

#include "channel/channel.h"

struct tap;

/* NULL: out of memory. The channel must outlive it. */
struct tap *tap_new(struct channel *channel);
void tap_free(struct tap *tap);

/*
 * Attaches the channel for it, as channel_attach() does: with the next message that is sent, or,
 * if not options.newest, with the oldest that is still there. channel_detach() detaches it.
 */
int tap_attach(struct tap *tap, const struct channel_options *options);

/*
 * The next delivery, of at most `most` messages, as channel_receive() with the flags
 * CHANNEL_DONTWAIT, CHANNEL_FOLLOW and CHANNEL_PASSING; there is nothing to acknowledge. The bytes
 * are a copy that stays as it is until the next call. CHANNEL_ENDED: the producers have gone and
 * all that came was seen; channel_incomplete() says whether one died since we attached. Errors:
 * -CHANNEL_EABORTED and -CHANNEL_EBEHIND: the message in pieces of which the first ones were
 * delivered goes no further, as its producer, or this tap, could not keep up with it; and those of
 * channel_receive().
 */
int tap_receive(struct tap *tap, uint32_t most, unsigned flags, uint64_t timeout_ns,
		struct channel_delivery *delivery);

/*
 * How many messages it has missed so far: those between the last that it saw and the next. What a
 * producer has dropped meanwhile counts, too.
 */
uint64_t tap_missed(const struct tap *tap);

#endif

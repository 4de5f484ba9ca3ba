/*
 * A tap follows a channel without taking anything (shm-consume --tap). It is an observer: an
 * endpoint on the consumers' side that is in no group. It claims nothing, so all messages remain
 * for the consumers, and no endpoint waits for it. Messages that are overwritten before the tap has
 * read them are missed, and counted. The caller holds no mutex.
 */
#ifndef TAP_H
#define TAP_H

#include <stdint.h>

#include "channel/channel.h"

struct tap;

/*
 * Makes a tap that uses `channel`, which must outlive it. Returns NULL if there is no memory. Free
 * it with tap_free().
 */
struct tap *tap_new(struct channel *channel);

/* Frees *tap and its copy of a record; does not detach. NULL is allowed. */
void tap_free(struct tap *tap);

/*
 * Attaches the tap's channel as an observer, with these options; the pointers in them must stay
 * valid as for channel_attach(), whose errors it returns. The tap begins with the oldest message
 * that a group still needs, or, with options->newest, with the next one that is sent. Detach the
 * channel with channel_detach().
 */
int tap_attach(struct tap *tap, const struct channel_options *options);

/*
 * Fills in *delivery with the next messages, `most` at most; waits for them up to timeout_ns
 * nanoseconds (0: options.timeout_ns). Of the flags of channel_receive(), CHANNEL_DONTWAIT,
 * CHANNEL_FOLLOW and CHANNEL_PASSING have an effect. There is nothing to acknowledge. The pointers
 * in *delivery point to a copy that is valid until the next call.
 *
 * Returns CHANNEL_DELIVERED, CHANNEL_PASSED, or CHANNEL_ENDED: all producers have left and all that
 * they sent was seen or missed; channel_incomplete() says whether one has died since the tap
 * attached. Errors: those of channel_receive(), -ENOMEM, and, when the first pieces of a message
 * were delivered and no more will come: -CHANNEL_EABORTED, its producer gave it up;
 * -CHANNEL_EBEHIND, the next piece was overwritten before this tap had read it.
 */
int tap_receive(struct tap *tap, uint32_t most, unsigned flags, uint64_t timeout_ns,
		struct channel_delivery *delivery);

/*
 * Returns how many messages the tap has missed since it attached: those whose sequence numbers lie
 * between two that it has seen in a row. Some of them may have been dropped by a producer.
 */
uint64_t tap_missed(const struct tap *tap);

#endif

/*
 * A look at what is in a channel, once, without taking it. Nothing is attached, locked, or written
 * into the shared memory, which is mapped for reading only: the object's bytes stay as they are,
 * and who may read it need not be allowed to write it.
 */
#ifndef PEEK_H
#define PEEK_H

#include <stdint.h>

#include "channel/channel.h"

struct peek;

/* NULL: out of memory. The channel must not be attached, and must outlive it. */
struct peek *peek_new(struct channel *channel);
void peek_free(struct peek *peek);

/*
 * Opens the channel that the options name, and looks what options.group has not acknowledged yet;
 * NULL: the group without a name, or, if there is none, everything from the oldest message on that
 * somebody needs. -ENOENT: there is no channel. Other errors: those of channel_attach(), and
 * CHANNEL_ENOGROUP.
 */
int peek_open(struct peek *peek, const struct channel_options *options);

/*
 * The next of these messages, at most `most` at once, in order; what is sent after peek_open() is
 * not among them, nor what has been overwritten since. The bytes are a copy that stays until the
 * next call. CHANNEL_ENDED: these were all. Errors: CHANNEL_EDAMAGED, ENOMEM, EINTR, and
 * CHANNEL_EBEHIND: the message in pieces of which the first ones were delivered is overwritten.
 */
int peek_next(struct peek *peek, uint32_t most, struct channel_delivery *delivery);

/* How many messages in pieces were left out, as only a part of them is there. */
uint64_t peek_partial(const struct peek *peek);

void peek_close(struct peek *peek);

#endif

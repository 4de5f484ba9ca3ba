/*
 * Reads what is in a channel, once, without taking it (shm-consume --peek). It does not attach,
 * takes no mutex, and writes nothing: the shared memory is mapped for reading only, so the object's
 * bytes stay as they are, and permission to read the object is enough. No endpoint is delayed.
 */
#ifndef PEEK_H
#define PEEK_H

#include <stdint.h>

#include "channel/channel.h"

struct peek;

/*
 * Makes a peek that uses `channel`, which must not be attached and must outlive it. Returns NULL if
 * there is no memory. Free it with peek_free().
 */
struct peek *peek_new(struct channel *channel);

/* Frees *peek and its copy of a record; does not close. NULL is allowed. */
void peek_free(struct peek *peek);

/*
 * Opens the channel that the options name, and notes what the group options->group has not
 * acknowledged yet. NULL means the group without a name; if there is no such group, everything from
 * the oldest message that any group needs. Returns 0; -ENOENT: there is no channel;
 * -CHANNEL_ENOGROUP: there is no group of this name; -EISCONN: the channel is attached; or an error
 * of channel_attach(). Nothing is open after an error.
 */
int peek_open(struct peek *peek, const struct channel_options *options);

/*
 * Fills in *delivery with the next of these messages, in order, `most` at most. What is sent after
 * peek_open(), and what has been overwritten since, is left out. The pointers in *delivery point to
 * a copy that is valid until the next call of peek_next() or peek_free(). Returns
 * CHANNEL_DELIVERED; CHANNEL_ENDED: there are no more; or an error: -CHANNEL_EDAMAGED, -ENOMEM,
 * -EINTR, or -CHANNEL_EBEHIND: the first pieces of a message were delivered, and the next one is
 * overwritten.
 */
int peek_next(struct peek *peek, uint32_t most, struct channel_delivery *delivery);

/*
 * Returns how many messages longer than the ring were left out since peek_open(), because only some
 * of their pieces are in the ring.
 */
uint64_t peek_partial(const struct peek *peek);

/* Unmaps and closes the channel that peek_open() has opened. */
void peek_close(struct peek *peek);

#endif

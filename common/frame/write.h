/*
 * Writing messages to an output, each followed by the delimiter.
 */
#ifndef FRAME_WRITE_H
#define FRAME_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "frame/frame.h"

/* An output that messages are written to. */
struct frame_output {
	int fd;
	const struct delimiter *delimiter;
	bool shared;	    /* others write there too: every message gets its delimiter */
	bool delimiter_due; /* the last message was an unterminated last line */
};

/*
 * Writes a delivery: each message, then the delimiter. After an unterminated message the delimiter
 * is written only if output->shared, or before another message, or by frame_write_due(). *done: how
 * many of its messages were written with all their bytes. Returns 0, or a negative errno from
 * writing, or -EINTR if the channel was interrupted, or -EBADMSG if the delivery has changed: the
 * channel is damaged.
 */
int frame_write(struct channel *channel, struct frame_output *output,
		const struct channel_delivery *delivery, uint32_t *done);

/* Writes the delimiter that is due, if one is. Returns as frame_write(). */
int frame_write_due(struct channel *channel, struct frame_output *output);

/*
 * Writes bytes that are not a delivery; *accepted is the number of bytes that were written. Returns
 * as frame_write().
 */
int frame_write_bytes(struct channel *channel, int fd, const void *bytes, size_t size,
		      size_t *accepted);

#endif

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

/* Where messages are written. */
struct frame_output {
	int fd;
	const struct delimiter *delimiter;
	bool shared;	    /* others write there, too: no message is left without its delimiter */
	bool delimiter_due; /* the last message came from an unterminated last line */
};

/*
 * Writes a delivery: each message, then the delimiter; after an unterminated message only if
 * output->shared, or before another one, or by frame_write_due(). *done: how many of its messages
 * are out with all their bytes. 0, or a negative errno from writing, or -EINTR if the channel was
 * interrupted, or -EBADMSG if the delivery is not what it was: the channel is damaged.
 */
int frame_write(struct channel *channel, struct frame_output *output,
		const struct channel_delivery *delivery, uint32_t *done);

/* Writes the delimiter that is due, if one is. Errors: as frame_write(). */
int frame_write_due(struct channel *channel, struct frame_output *output);

/*
 * Writes bytes that belong to nobody's delivery as a whole; *accepted says how many were taken.
 * Errors: as frame_write().
 */
int frame_write_bytes(struct channel *channel, int fd, const void *bytes, size_t size,
		      size_t *accepted);

#endif

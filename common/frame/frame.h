/*
 * Messages on standard input and output: what is between delimiters is a message.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/delimiter.h"
#include "channel/channel.h"

struct delimiter {
	unsigned char bytes[DELIMITER_MAX];
	size_t size; /* 0: the whole input is one message; nothing between messages */
};

/* An input to send. Fill in the first part; frame_send() reports in the second. */
struct frame_input {
	int fd;
	const struct delimiter *delimiter;
	bool netstrings; /* each message is SIZE:BYTES, whatever the delimiter is */
	/*
	 * Called after each commit, with how many messages are complete by it, and the bytes that
	 * went, without delimiters; 0 messages: a piece of a long one. May be NULL, as the others.
	 */
	void (*sent)(uint32_t messages, size_t bytes);
	void (*dropped)(void); /* the same, for what there was no room for */
	void (*waiting)(void); /* about once a second while no input comes */

	int error;	       /* an errno from reading; 0: the failure was the channel's, or ... */
	const char *malformed; /* ... what is wrong with the netstring, ... */
	uint64_t offset;       /* ... in this byte, the first one is 0 */
	bool read;	       /* something was read: it cannot be read again */
};

/*
 * Reads fd to its end and sends its messages. A complete one is sent at once; an incomplete
 * one stays here until it is complete, or longer than the ring. Other producers never wait
 * for this input, except inside a message longer than the ring. A producer that drops messages
 * when the ring is full drops a whole block of lines, as far as they were read together. 0, or a
 * negative error of the channel, or -EIO with input->error set.
 */
int frame_send(struct channel *channel, struct frame_input *input);

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

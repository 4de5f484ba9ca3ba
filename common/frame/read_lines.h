/*
 * Sending the messages of an input: what is between delimiters is a message.
 */
#ifndef READ_LINES_H
#define READ_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "frame/frame.h"

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

#endif

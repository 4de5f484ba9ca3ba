/*
 * Sending the messages of an input: each ends with the delimiter.
 */
#ifndef READ_LINES_H
#define READ_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "frame/frame.h"

/* An input to send. The caller fills in the first part; frame_send() reports in the second. */
struct frame_input {
	int fd;
	const struct delimiter *delimiter;
	bool netstrings; /* each message is SIZE:BYTES, whatever the delimiter is */
	/*
	 * Called after each commit, with the number of messages that it completes, and the number
	 * of bytes without delimiters; 0 messages: it was a piece of a long message. This and the
	 * next two may be NULL.
	 */
	void (*sent)(uint32_t messages, size_t bytes);
	void (*dropped)(void); /* like sent(), for messages that were dropped */
	void (*waiting)(void); /* about once a second while no input comes */

	int error;	       /* an errno from reading; 0: the failure was the channel's, or ... */
	const char *malformed; /* ... what is wrong with the netstring, ... */
	uint64_t offset;       /* ... at this byte, counted from 0 */
	bool read;	       /* something was read, which cannot be read again */
};

/*
 * Reads fd to its end and sends its messages. A complete message is sent at once; an incomplete one
 * is kept here until it is complete, or longer than the ring. Other producers never wait for this
 * input, except while a message longer than the ring is being sent. If the ring is full and the
 * producer drops messages, it drops a whole block of lines, as many as were read together. Returns
 * 0, or a negative error of the channel, or -EIO with input->error or input->malformed set.
 */
int frame_send(struct channel *channel, struct frame_input *input);

#endif

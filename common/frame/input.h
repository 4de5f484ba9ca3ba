/*
 * Where messages are read from: a descriptor that may have no input for a while; then the channel
 * is looked after, and a signal ends the wait. For the files of this folder only.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "frame/read_lines.h"

enum { READ_CHUNK = 65536 };

struct input {
	struct channel *channel;
	struct frame_input *asked; /* its descriptor, and where failures are reported */
	bool regular;		   /* a file: reading it does not wait for anybody */
};

struct input input_of(struct channel *channel, struct frame_input *asked);

/* Reads what there is, or waits for it. Returns the number of bytes, 0 at the end, or an error. */
ssize_t input_read(struct input *input, unsigned char *at, size_t size);

/* Notes an errno from reading. Returns the error for the caller to return. */
int input_failed(struct input *input, int error);

/*
 * Reports what became of messages, after a commit (CHANNEL_SENT) or CHANNEL_DROPPED: so many whole
 * messages; or, with 0 messages, a piece of one.
 */
void input_tell(const struct input *input, int result, uint32_t messages, size_t bytes);

#endif

/*
 * Where messages are read from: a descriptor that may keep us waiting, while the channel is looked
 * after and a signal ends the wait. Private to the rooms that frame messages.
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

/* Reads what there is, waiting for it. Bytes, 0 at the end, or an error. */
ssize_t input_read(struct input *input, unsigned char *at, size_t size);

/* Notes an errno from reading; returns what the caller returns. */
int input_failed(struct input *input, int error);

/* After a commit, or what CHANNEL_DROPPED says: whole messages, or 0 and a piece of one. */
void input_tell(const struct input *input, int result, uint32_t messages, size_t bytes);

#endif

/*
 * Standard output, buffered for as long as one delivery is being written: many small messages do
 * not cost a write each, and none is kept back when we go to wait for the next.
 */
#ifndef SINK_H
#define SINK_H

#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"

enum { SINK_BYTES = 65536, SINK_MESSAGES = 4096 };

struct sink {
	struct channel *channel; /* a signal to it ends a write */
	int fd;
	int error; /* the first; nothing is written after it */
	size_t size;
	uint64_t written;	      /* bytes of this delivery */
	uint32_t done;		      /* messages of it that are out with all their bytes */
	uint32_t ended;		      /* messages that end in the buffer, ... */
	uint64_t ends[SINK_MESSAGES]; /* ... where, counted as `written` is */
	unsigned char bytes[SINK_BYTES];
};

/* A new delivery begins. The buffer is empty. */
void sink_begin(struct sink *sink);

void sink_put(struct sink *sink, const void *bytes, size_t size);

/* What was put since the last call was a message. */
void sink_message_end(struct sink *sink);

/* Writes what is left. 0, or what frame_write_bytes() said once; sink->done counts in any case. */
int sink_flush(struct sink *sink);

#endif

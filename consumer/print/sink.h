/*
 * Standard output, buffered while one delivery is written: many small messages do not need a write
 * each, and nothing is kept back during the wait for the next delivery.
 */
#ifndef SINK_H
#define SINK_H

#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"

enum { SINK_BYTES = 65536, SINK_MESSAGES = 4096 };

struct sink {
	struct channel *channel; /* interrupting it ends a write */
	int fd;
	int error; /* the first error; nothing is written after it */
	size_t size;
	uint64_t written;	      /* bytes of this delivery */
	uint32_t done;		      /* messages of it that are written completely */
	uint32_t ended;		      /* messages that end in the buffer, ... */
	uint64_t ends[SINK_MESSAGES]; /* ... and where, counted like `written` */
	unsigned char bytes[SINK_BYTES];
};

/* Begins a new delivery. The buffer is empty. */
void sink_begin(struct sink *sink);

void sink_put(struct sink *sink, const void *bytes, size_t size);

/* What was put since the last call is a whole message. */
void sink_message_end(struct sink *sink);

/*
 * Writes what is left. Returns 0, or the first error of frame_write_bytes(); sink->done is right in
 * any case.
 */
int sink_flush(struct sink *sink);

#endif

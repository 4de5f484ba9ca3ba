#include "consumer/print/sink.h"

#include <string.h>

#include "frame/write.h"

enum { DIRECT_BYTES = SINK_BYTES / 2 }; /* copying more costs more than a write of its own */

void sink_begin(struct sink *sink)
{
	sink->error = 0;
	sink->size = 0;
	sink->written = 0;
	sink->done = sink->ended = 0;
}

static void bytes_write(struct sink *sink, const void *bytes, size_t size)
{
	size_t accepted;

	sink->error = frame_write_bytes(sink->channel, sink->fd, bytes, size, &accepted);
	sink->written += accepted;
}

int sink_flush(struct sink *sink)
{
	uint32_t out = 0;

	if (sink->error == 0 && sink->size > 0)
		bytes_write(sink, sink->bytes, sink->size);
	while (out < sink->ended && sink->ends[out] <= sink->written)
		out++;
	sink->done += out;
	sink->size = 0;
	sink->ended = 0;
	return sink->error;
}

void sink_put(struct sink *sink, const void *bytes, size_t size)
{
	if (size > SINK_BYTES - sink->size)
		sink_flush(sink);
	if (sink->error != 0 || size == 0)
		return;
	if (size >= DIRECT_BYTES) {
		sink_flush(sink);
		if (sink->error == 0)
			bytes_write(sink, bytes, size);
		return;
	}
	memcpy(sink->bytes + sink->size, bytes, size);
	sink->size += size;
}

void sink_message_end(struct sink *sink)
{
	if (sink->error != 0)
		return;
	sink->ends[sink->ended++] = sink->written + sink->size;
	if (sink->ended == SINK_MESSAGES)
		sink_flush(sink);
}

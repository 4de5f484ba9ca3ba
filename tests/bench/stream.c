/* What the peers that are byte streams have in common: write all, read many at once. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_LEAST = 65536 };

struct stream *stream_new(const struct setting *setting, int read_fd, int write_fd)
{
	struct stream *stream = memory_new(sizeof(*stream));

	stream->fds[END_CONSUMER] = read_fd;
	stream->fds[END_PRODUCER] = write_fd;
	stream->message_size = setting->message_size;
	stream->capacity = BUFFER_LEAST;
	if (stream->capacity < setting->message_size)
		stream->capacity = setting->message_size;
	return stream;
}

void stream_attach(void *state, enum peer_end end)
{
	struct stream *stream = state;

	if (end == END_CONSUMER)
		stream->buffer = memory_new(stream->capacity);
	if (stream->busy)
		fcntl(stream->fds[end], F_SETFL, O_NONBLOCK);
}

static void write_all(const struct stream *stream, const unsigned char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t done = write(stream->fds[END_PRODUCER], bytes, size);

		if (done < 0) {
			if (errno != EAGAIN && errno != EINTR)
				die(errno, "write");
			continue;
		}
		bytes += done;
		size -= (size_t)done;
	}
}

void stream_send(void *state, const void *message)
{
	const struct stream *stream = state;

	write_all(stream, message, stream->message_size);
}

void stream_send_many(void *state, const void *messages, size_t count)
{
	const struct stream *stream = state;

	write_all(stream, messages, count * stream->message_size);
}

struct run stream_receive(void *state)
{
	struct stream *stream = state;
	size_t whole;

	/* A part of a message stays for the next time. */
	stream->have -= stream->given;
	memmove(stream->buffer, stream->buffer + stream->given, stream->have);
	while (stream->have < stream->message_size) {
		ssize_t done = read(stream->fds[END_CONSUMER], stream->buffer + stream->have,
				    stream->capacity - stream->have);

		if (done == 0)
			break;
		if (done < 0) {
			if (errno != EAGAIN && errno != EINTR)
				die(errno, "read");
			continue;
		}
		stream->have += (size_t)done;
	}
	whole = stream->have / stream->message_size;
	stream->given = whole * stream->message_size;
	return (struct run){ stream->buffer, whole, stream->message_size };
}

void stream_drop(void *state)
{
	const struct stream *stream = state;

	close(stream->fds[END_PRODUCER]);
	if (stream->fds[END_CONSUMER] != stream->fds[END_PRODUCER])
		close(stream->fds[END_CONSUMER]);
}

/* stdio over a pipe: fwrite and fread gather messages. It has no message borders. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STDIO_BUFFER = 65536 };

struct stdio {
	struct stream *stream;
	FILE *file;
};

static void *stdio_prepare(const struct setting *setting)
{
	struct stdio *stdio = memory_new(sizeof(*stdio));
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		die(errno, "pipe2");
	fcntl(fds[1], F_SETPIPE_SZ, (int)setting->ring_size);
	stdio->stream = stream_new(setting, fds[0], fds[1]);
	return stdio;
}

static void stdio_attach(void *state, enum peer_end end)
{
	struct stdio *stdio = state;

	stream_attach(stdio->stream, end);
	if (end == END_CONSUMER)
		return;
	stdio->file = fdopen(stdio->stream->fds[end], "w");
	if (stdio->file == NULL || setvbuf(stdio->file, NULL, _IOFBF, STDIO_BUFFER) != 0)
		die(errno, "fdopen");
}

static void stdio_send(void *state, const void *message)
{
	struct stdio *stdio = state;

	if (fwrite_unlocked(message, stdio->stream->message_size, 1, stdio->file) != 1)
		die(errno, "fwrite");
}

static void stdio_send_many(void *state, const void *messages, size_t count)
{
	struct stdio *stdio = state;

	if (fwrite_unlocked(messages, stdio->stream->message_size, count, stdio->file) != count)
		die(errno, "fwrite");
}

static void stdio_flush(void *state)
{
	struct stdio *stdio = state;

	if (fflush(stdio->file) != 0)
		die(errno, "fflush");
}

static struct run stdio_receive(void *state)
{
	struct stdio *stdio = state;

	return stream_receive(stdio->stream);
}

static void stdio_drop(void *state)
{
	struct stdio *stdio = state;

	stream_drop(stdio->stream);
}

const struct peer peer_stdio = {
	.name = "stdio",
	.flags = PEER_GATHERS,
	.prepare = stdio_prepare,
	.attach = stdio_attach,
	.send = stdio_send,
	.send_many = stdio_send_many,
	.flush = stdio_flush,
	.receive = stdio_receive,
	.drop = stdio_drop,
};

/* A named pipe. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fifo {
	struct stream *stream;
	char path[128];
};

static void *fifo_prepare(const struct setting *setting)
{
	struct fifo *fifo = memory_new(sizeof(*fifo));
	int fd;

	snprintf(fifo->path, sizeof(fifo->path), "/tmp/%s", setting->name);
	if (mkfifo(fifo->path, 0600) < 0)
		die(errno, "mkfifo");
	/* For both directions: neither end then waits for the other one to open it. */
	fd = open(fifo->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(errno, "open");
	fcntl(fd, F_SETPIPE_SZ, (int)setting->ring_size);
	fifo->stream = stream_new(setting, fd, fd);
	return fifo;
}

static void fifo_attach(void *state, enum peer_end end)
{
	const struct fifo *fifo = state;

	stream_attach(fifo->stream, end);
}

static void fifo_send(void *state, const void *message)
{
	const struct fifo *fifo = state;

	stream_send(fifo->stream, message);
}

static void fifo_send_many(void *state, const void *messages, size_t count)
{
	const struct fifo *fifo = state;

	stream_send_many(fifo->stream, messages, count);
}

static struct run fifo_receive(void *state)
{
	const struct fifo *fifo = state;

	return stream_receive(fifo->stream);
}

static void fifo_drop(void *state)
{
	const struct fifo *fifo = state;

	stream_drop(fifo->stream);
}

static void fifo_remove(void *state)
{
	const struct fifo *fifo = state;

	unlink(fifo->path);
}

const struct peer peer_fifo = {
	.name = "fifo",
	.prepare = fifo_prepare,
	.attach = fifo_attach,
	.send = fifo_send,
	.send_many = fifo_send_many,
	.receive = fifo_receive,
	.drop = fifo_drop,
	.remove = fifo_remove,
};

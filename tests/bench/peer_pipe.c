/* pipe(2), as large as the ring; and one whose both ends never sleep. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void *pipe_prepare(const struct setting *setting)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		die(errno, "pipe2");
	/* Refused above a limit that only root may pass; then it stays as it is. */
	fcntl(fds[1], F_SETPIPE_SZ, (int)setting->ring_size);
	return stream_new(setting, fds[0], fds[1]);
}

static void *pipe_busy_prepare(const struct setting *setting)
{
	struct stream *stream = pipe_prepare(setting);

	stream->busy = true;
	return stream;
}

/* The end is seen only when nobody has the other side open. */
static void pipe_attach(void *state, enum peer_end end)
{
	const struct stream *stream = state;

	stream_attach(state, end);
	close(stream->fds[end == END_PRODUCER ? END_CONSUMER : END_PRODUCER]);
}

static void pipe_detach(void *state, enum peer_end end)
{
	const struct stream *stream = state;

	close(stream->fds[end]);
}

const struct peer peer_pipe = {
	.name = "pipe",
	.flags = PEER_MANY,
	.prepare = pipe_prepare,
	.attach = pipe_attach,
	.send = stream_send,
	.send_many = stream_send_many,
	.receive = stream_receive,
	.detach = pipe_detach,
	.drop = stream_drop,
};

const struct peer peer_pipe_busy = {
	.name = "pipe-busy",
	.flags = PEER_BUSY,
	.prepare = pipe_busy_prepare,
	.attach = pipe_attach,
	.send = stream_send,
	.send_many = stream_send_many,
	.receive = stream_receive,
	.detach = pipe_detach,
	.drop = stream_drop,
};

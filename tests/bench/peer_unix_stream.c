/* AF_UNIX stream sockets. */
#include "bench.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void *unix_stream_prepare(const struct setting *setting)
{
	int fds[2], size = (int)setting->ring_size;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		die(errno, "socketpair");
	/* Cut down to net.core.wmem_max. */
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return stream_new(setting, fds[0], fds[1]);
}

/* The end is seen only when nobody has the other side open. */
static void unix_stream_attach(void *state, enum peer_end end)
{
	const struct stream *stream = state;

	stream_attach(state, end);
	close(stream->fds[end == END_PRODUCER ? END_CONSUMER : END_PRODUCER]);
}

static void unix_stream_detach(void *state, enum peer_end end)
{
	const struct stream *stream = state;

	close(stream->fds[end]);
}

const struct peer peer_unix_stream = {
	.name = "unix-stream",
	.prepare = unix_stream_prepare,
	.attach = unix_stream_attach,
	.send = stream_send,
	.send_many = stream_send_many,
	.receive = stream_receive,
	.detach = unix_stream_detach,
	.drop = stream_drop,
};

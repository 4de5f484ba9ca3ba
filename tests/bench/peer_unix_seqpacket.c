/* AF_UNIX sockets that keep messages apart. */
#include "bench.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct seqpacket {
	int fds[2];
	size_t message_size;
	unsigned char *buffer;
};

static void *seqpacket_prepare(const struct setting *setting)
{
	struct seqpacket *seqpacket = memory_new(sizeof(*seqpacket));
	int size = (int)setting->ring_size;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, seqpacket->fds) < 0)
		die(errno, "socketpair");
	setsockopt(seqpacket->fds[END_PRODUCER], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	seqpacket->message_size = setting->message_size;
	seqpacket->buffer = memory_new(setting->message_size);
	return seqpacket;
}

static void seqpacket_attach(void *state, enum peer_end end)
{
	(void)state;
	(void)end;
}

static void seqpacket_send(void *state, const void *message)
{
	const struct seqpacket *seqpacket = state;
	ssize_t done = send(seqpacket->fds[END_PRODUCER], message, seqpacket->message_size, 0);

	if (done != (ssize_t)seqpacket->message_size)
		die(errno, "send");
}

static struct run seqpacket_receive(void *state)
{
	const struct seqpacket *seqpacket = state;
	ssize_t done =
		recv(seqpacket->fds[END_CONSUMER], seqpacket->buffer, seqpacket->message_size, 0);

	if (done != (ssize_t)seqpacket->message_size)
		die(errno, "recv");
	return (struct run){ seqpacket->buffer, 1, seqpacket->message_size };
}

static void seqpacket_drop(void *state)
{
	const struct seqpacket *seqpacket = state;

	close(seqpacket->fds[0]);
	close(seqpacket->fds[1]);
}

const struct peer peer_unix_seqpacket = {
	.name = "unix-seqpacket",
	.message_max = 131072, /* what net.core.wmem_max lets through where nobody has raised it */
	.prepare = seqpacket_prepare,
	.attach = seqpacket_attach,
	.send = seqpacket_send,
	.receive = seqpacket_receive,
	.drop = seqpacket_drop,
};

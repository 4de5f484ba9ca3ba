/* ZeroMQ, a PUSH and a PULL socket over ipc://. It gathers messages by itself. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

struct zero {
	char path[128], address[160];
	size_t message_size;
	void *context, *socket;
	zmq_msg_t message;
};

static void *zero_prepare(const struct setting *setting)
{
	struct zero *zero = memory_new(sizeof(*zero));

	snprintf(zero->path, sizeof(zero->path), "/tmp/%s", setting->name);
	snprintf(zero->address, sizeof(zero->address), "ipc://%s", zero->path);
	zero->message_size = setting->message_size;
	return zero;
}

static void zero_attach(void *state, enum peer_end end)
{
	struct zero *zero = state;

	zero->context = zmq_ctx_new();
	zero->socket = zmq_socket(zero->context, end == END_PRODUCER ? ZMQ_PUSH : ZMQ_PULL);
	zmq_msg_init(&zero->message);
	if (end == END_PRODUCER ? zmq_connect(zero->socket, zero->address) < 0
				: zmq_bind(zero->socket, zero->address) < 0)
		die(0, "zeromq: %s", zmq_strerror(errno));
}

static void zero_send(void *state, const void *message)
{
	const struct zero *zero = state;

	if (zmq_send(zero->socket, message, zero->message_size, 0) < 0)
		die(0, "zmq_send: %s", zmq_strerror(errno));
}

static struct run zero_receive(void *state)
{
	struct zero *zero = state;

	/* Gives the one before back, too. */
	if (zmq_msg_recv(&zero->message, zero->socket, 0) != (int)zero->message_size)
		die(0, "zmq_msg_recv: %s", zmq_strerror(errno));
	return (struct run){ zmq_msg_data(&zero->message), 1, zero->message_size };
}

static void zero_detach(void *state, enum peer_end end)
{
	struct zero *zero = state;

	(void)end;
	zmq_msg_close(&zero->message);
	zmq_close(zero->socket);
	zmq_ctx_term(zero->context);
}

static void zero_remove(void *state)
{
	const struct zero *zero = state;

	unlink(zero->path);
}

const struct peer peer_zeromq = {
	.name = "zeromq",
	.prepare = zero_prepare,
	.attach = zero_attach,
	.send = zero_send,
	.receive = zero_receive,
	.detach = zero_detach,
	.remove = zero_remove,
};

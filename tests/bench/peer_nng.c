/* nng, a pair of sockets over ipc://. */
#include "bench.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <unistd.h>

struct next_generation {
	char path[128], address[160];
	size_t message_size;
	nng_socket socket;
	nng_msg *message;
};

static void *ng_prepare(const struct setting *setting)
{
	struct next_generation *ng = memory_new(sizeof(*ng));

	snprintf(ng->path, sizeof(ng->path), "/tmp/%s", setting->name);
	snprintf(ng->address, sizeof(ng->address), "ipc://%s", ng->path);
	ng->message_size = setting->message_size;
	return ng;
}

static void ng_check(int error, const char *what)
{
	if (error != 0)
		die(0, "%s: %s", what, nng_strerror(error));
}

static void ng_attach(void *state, enum peer_end end)
{
	struct next_generation *ng = state;

	ng_check(nng_pair0_open(&ng->socket), "nng_pair0_open");
	ng_check(nng_socket_set_size(ng->socket, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
	if (end == END_PRODUCER)
		ng_check(nng_dial(ng->socket, ng->address, NULL, NNG_FLAG_NONBLOCK), "nng_dial");
	else
		ng_check(nng_listen(ng->socket, ng->address, NULL, 0), "nng_listen");
}

static void ng_send(void *state, const void *message)
{
	struct next_generation *ng = state;
	void *bytes = (void *)(uintptr_t)message; /* not written to, but for NNG_FLAG_ALLOC */

	ng_check(nng_send(ng->socket, bytes, ng->message_size, 0), "nng_send");
}

static struct run ng_receive(void *state)
{
	struct next_generation *ng = state;

	if (ng->message != NULL)
		nng_msg_free(ng->message);
	ng_check(nng_recvmsg(ng->socket, &ng->message, 0), "nng_recvmsg");
	return (struct run){ nng_msg_body(ng->message), 1, ng->message_size };
}

static void ng_detach(void *state, enum peer_end end)
{
	struct next_generation *ng = state;

	(void)end;
	if (ng->message != NULL)
		nng_msg_free(ng->message);
	nng_close(ng->socket);
}

static void ng_remove(void *state)
{
	const struct next_generation *ng = state;

	unlink(ng->path);
}

const struct peer peer_nng = {
	.name = "nng",
	.prepare = ng_prepare,
	.attach = ng_attach,
	.send = ng_send,
	.receive = ng_receive,
	.detach = ng_detach,
	.remove = ng_remove,
};

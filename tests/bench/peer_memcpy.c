/* The other limit: one process copies each message into a ring that nobody reads. */
#include "bench.h"

#include <string.h>

struct copies {
	size_t message_size, ring_size, at;
	unsigned char *ring;
};

static void *memcpy_prepare(const struct setting *setting)
{
	struct copies *copies = memory_new(sizeof(*copies));

	copies->message_size = setting->message_size;
	copies->ring_size = setting->ring_size / setting->message_size * setting->message_size;
	copies->ring = shared_new(copies->ring_size);
	return copies;
}

static void memcpy_attach(void *state, enum peer_end end)
{
	(void)state;
	(void)end;
}

static void *memcpy_reserve(void *state)
{
	const struct copies *copies = state;

	return copies->ring + copies->at;
}

static void memcpy_commit(void *state)
{
	struct copies *copies = state;

	copies->at += copies->message_size;
	if (copies->at == copies->ring_size)
		copies->at = 0;
	/* The compiler shall not find out that nobody reads it. */
	__asm__ volatile("" : : "r"(copies->ring) : "memory");
}

static void memcpy_send(void *state, const void *message)
{
	const struct copies *copies = state;

	memcpy(memcpy_reserve(state), message, copies->message_size);
	memcpy_commit(state);
}

const struct peer peer_memcpy = {
	.name = "memcpy",
	.flags = PEER_LIMIT | PEER_ALONE,
	.prepare = memcpy_prepare,
	.attach = memcpy_attach,
	.send = memcpy_send,
	.reserve = memcpy_reserve,
	.commit = memcpy_commit,
};

/* Boost.Interprocess's message_queue: a mutex, two conditions and a heap of priorities. */
#include "bench.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <new>

using boost::interprocess::message_queue;
namespace ipc = boost::interprocess;

namespace
{
struct queue {
	char name[64];
	size_t message_size;
	unsigned char *buffer;
	message_queue *opened;
};

void *prepare(const struct setting *setting)
{
	auto *state = static_cast<queue *>(memory_new(sizeof(queue)));
	size_t depth = setting->ring_size / setting->message_size;

	snprintf(state->name, sizeof(state->name), "%s", setting->name);
	state->message_size = setting->message_size;
	state->buffer = static_cast<unsigned char *>(memory_new(setting->message_size));
	/* It inserts by priority: a deeper one is no faster. */
	message_queue made(ipc::create_only, state->name, depth < 1024 ? depth : 1024,
			   setting->message_size, ipc::permissions(0600));
	return state;
}

void attach(void *state, enum peer_end)
{
	auto *own = static_cast<queue *>(state);

	own->opened = new message_queue(ipc::open_only, own->name);
}

void send(void *state, const void *message)
{
	auto *own = static_cast<queue *>(state);

	own->opened->send(message, own->message_size, 0);
}

struct run receive(void *state)
{
	auto *own = static_cast<queue *>(state);
	message_queue::size_type size;
	unsigned priority;

	own->opened->receive(own->buffer, own->message_size, size, priority);
	if (size != own->message_size)
		die(0, "boost-queue: a message of %zu bytes", static_cast<size_t>(size));
	return { own->buffer, 1, own->message_size };
}

void remove_queue(void *state)
{
	message_queue::remove(static_cast<queue *>(state)->name);
}
} // namespace

extern "C" const struct peer peer_boost_queue = {
	.name = "boost-queue",
	.prepare = prepare,
	.attach = attach,
	.send = send,
	.receive = receive,
	.remove = remove_queue,
};

/*
 * What most introductions show, and what this project began with: one message in shared memory,
 * an interprocess_mutex, an interprocess_condition and a flag that says whether it is there.
 */
#include "bench.h"

#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <cstring>
#include <new>
#include <sys/mman.h>

namespace ipc = boost::interprocess;

namespace
{
struct shared {
	ipc::interprocess_mutex mutex;
	ipc::interprocess_condition changed;
	bool has_data;
	unsigned char message[256];
};

struct handshake {
	struct shared *shared;
	size_t message_size;
	unsigned char received[256];
};

void *prepare(const struct setting *setting)
{
	auto *own = static_cast<handshake *>(memory_new(sizeof(handshake)));

	own->message_size = setting->message_size;
	own->shared = new (shared_new(sizeof(struct shared))) struct shared();
	return own;
}

void attach(void *, enum peer_end)
{
}

void send(void *state, const void *message)
{
	auto *own = static_cast<handshake *>(state);
	ipc::scoped_lock<ipc::interprocess_mutex> lock(own->shared->mutex);

	while (own->shared->has_data)
		own->shared->changed.wait(lock);
	std::memcpy(own->shared->message, message, own->message_size);
	own->shared->has_data = true;
	own->shared->changed.notify_one();
}

struct run receive(void *state)
{
	auto *own = static_cast<handshake *>(state);
	ipc::scoped_lock<ipc::interprocess_mutex> lock(own->shared->mutex);

	while (!own->shared->has_data)
		own->shared->changed.wait(lock);
	std::memcpy(own->received, own->shared->message, own->message_size);
	own->shared->has_data = false;
	own->shared->changed.notify_one();
	return { own->received, 1, own->message_size };
}

void remove_memory(void *state)
{
	munmap(static_cast<handshake *>(state)->shared, sizeof(struct shared));
}
} // namespace

extern "C" const struct peer peer_boost_handshake = {
	.name = "boost-handshake",
	.message_max = sizeof(shared::message),
	.prepare = prepare,
	.attach = attach,
	.send = send,
	.receive = receive,
	.remove = remove_memory,
};

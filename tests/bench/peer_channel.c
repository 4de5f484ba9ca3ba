/* We. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/owner.h"

/*
 * In a block each message ends with a delimiter. The benchmark's messages of 8 bytes do: their
 * upper four bytes are all ones, and the lower four, the number, never are.
 */
enum { MARK_SIZE = 4 };

struct ours {
	struct channel *channel;
	char name[CHANNEL_NAME_MAX + 1];
	size_t message_size, ring_size;
};

static void *channel_prepare(const struct setting *setting)
{
	struct ours *ours = memory_new(sizeof(*ours));

	snprintf(ours->name, sizeof(ours->name), "%s", setting->name);
	ours->message_size = setting->message_size;
	ours->ring_size = setting->ring_size;
	return ours;
}

_Noreturn static void ours_failed(const struct ours *ours, int rc, const char *what)
{
	char cause[256];

	die(0, "channel: %s: %s", what, channel_explain(ours->channel, rc, cause, sizeof(cause)));
}

static void ours_attach(void *state, enum peer_end end)
{
	struct ours *ours = state;
	struct channel_options options = { .name = ours->name,
					   .owner = getuid(),
					   .size = ours->ring_size };
	enum channel_role role = end == END_PRODUCER ? CHANNEL_PRODUCER : CHANNEL_CONSUMER;
	int rc;

	ours->channel = channel_new();
	if (ours->channel == NULL)
		die(ENOMEM, "channel_new");
	rc = channel_attach(ours->channel, role, &options);
	if (rc < 0)
		ours_failed(ours, rc, "attach");
}

static void ours_send(void *state, const void *message)
{
	struct ours *ours = state;
	int rc = channel_send(ours->channel, message, ours->message_size, 0);

	if (rc < 0)
		ours_failed(ours, rc, "send");
}

/* Many messages in one call: as one block. */
static void ours_send_many(void *state, const void *messages, size_t count)
{
	struct ours *ours = state;
	struct channel_block block = { .size = count * ours->message_size,
				       .messages = (uint32_t)count,
				       .delimiter_size = MARK_SIZE };
	int rc = channel_send_block(ours->channel, messages, &block);

	if (rc < 0)
		ours_failed(ours, rc, "send many");
}

static void *ours_reserve(void *state)
{
	struct ours *ours = state;
	unsigned char *at;
	size_t room;
	int rc = channel_reserve(ours->channel, ours->message_size, ours->message_size, &at, &room);

	if (rc < 0)
		ours_failed(ours, rc, "reserve");
	return at;
}

static void ours_commit(void *state)
{
	struct ours *ours = state;
	struct channel_block block = { .size = ours->message_size, .messages = 1 };
	int rc = channel_commit(ours->channel, &block);

	if (rc < 0)
		ours_failed(ours, rc, "commit");
}

static struct run ours_receive(void *state)
{
	struct ours *ours = state;
	struct channel_delivery delivery;
	int rc = channel_receive(ours->channel, UINT32_MAX, 0, DEADLINE_NEVER, &delivery);

	if (rc < 0)
		ours_failed(ours, rc, "receive");
	if (rc == CHANNEL_ENDED)
		return (struct run){ 0 };
	if (delivery.size != delivery.messages * ours->message_size)
		die(0, "channel: a delivery of %u messages has %zu bytes", delivery.messages,
		    delivery.size);
	return (struct run){ delivery.bytes, delivery.messages, ours->message_size };
}

static void ours_detach(void *state, enum peer_end end)
{
	struct ours *ours = state;

	(void)end;
	channel_detach(ours->channel, 0);
	channel_free(ours->channel);
}

/* Only what a run that failed has left. */
static void ours_remove(void *state)
{
	const struct ours *ours = state;
	char object[SEGMENT_NAME_MAX], path[SEGMENT_NAME_MAX + 16];

	owner_object_name(object, getuid(), ours->name);
	snprintf(path, sizeof(path), "/dev/shm%s", object);
	unlink(path);
}

const struct peer peer_channel = {
	.name = "channel",
	.flags = PEER_OURS | PEER_MANY,
	.prepare = channel_prepare,
	.attach = ours_attach,
	.send = ours_send,
	.send_many = ours_send_many,
	.reserve = ours_reserve,
	.commit = ours_commit,
	.receive = ours_receive,
	.detach = ours_detach,
	.remove = ours_remove,
};

/* POSIX message queues. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>

enum { DEPTH_MAX = 1024, DEPTH_DEFAULT = 10, BYTES_MAX = 400000 /* RLIMIT_MSGQUEUE, half */ };

struct queue {
	mqd_t queue;
	char name[128];
	size_t message_size;
	char *buffer;
};

static void *mq_prepare(const struct setting *setting)
{
	struct queue *queue = memory_new(sizeof(*queue));
	struct mq_attr attributes = { .mq_msgsize = (long)setting->message_size };
	long depth = BYTES_MAX / ((long)setting->message_size + 64);

	snprintf(queue->name, sizeof(queue->name), "/%s", setting->name);
	queue->message_size = setting->message_size;
	queue->buffer = memory_new(setting->message_size);
	/* More than 10 messages are for root, or whoever has raised fs.mqueue.msg_max. */
	attributes.mq_maxmsg = depth < DEPTH_MAX ? depth : DEPTH_MAX;
	queue->queue = mq_open(queue->name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
	if (queue->queue == (mqd_t)-1) {
		attributes.mq_maxmsg = DEPTH_DEFAULT;
		queue->queue = mq_open(queue->name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
	}
	if (queue->queue == (mqd_t)-1)
		die(errno, "mq_open");
	return queue;
}

static void mq_attach(void *state, enum peer_end end)
{
	(void)state;
	(void)end;
}

static void mq_put(void *state, const void *message)
{
	const struct queue *queue = state;

	if (mq_send(queue->queue, message, queue->message_size, 0) < 0)
		die(errno, "mq_send");
}

static struct run mq_take(void *state)
{
	const struct queue *queue = state;

	if (mq_receive(queue->queue, queue->buffer, queue->message_size, NULL) < 0)
		die(errno, "mq_receive");
	return (struct run){ (const unsigned char *)queue->buffer, 1, queue->message_size };
}

static void mq_drop(void *state)
{
	const struct queue *queue = state;

	mq_close(queue->queue);
}

static void mq_remove(void *state)
{
	const struct queue *queue = state;

	mq_unlink(queue->name);
}

const struct peer peer_posix_mq = {
	.name = "posix-mq",
	.message_max = 8192,
	.prepare = mq_prepare,
	.attach = mq_attach,
	.send = mq_put,
	.receive = mq_take,
	.drop = mq_drop,
	.remove = mq_remove,
};

/*
 * libqb's ring buffer, which corosync and pacemaker use: with a semaphore that the receiver
 * sleeps on, and without one. Its sender never sleeps: it is told to try again.
 */
#include "bench.h"

#include <errno.h>
#include <qb/qbrb.h>
#include <sched.h>
#include <stdio.h>

struct qb {
	char name[64];
	size_t message_size, ring_size;
	uint32_t flags;
	qb_ringbuffer_t *maker, *ring;
	bool taken;
};

static struct qb *qb_new(const struct setting *setting, uint32_t flags)
{
	struct qb *qb = memory_new(sizeof(*qb));

	snprintf(qb->name, sizeof(qb->name), "%s", setting->name);
	qb->message_size = setting->message_size;
	qb->ring_size = setting->ring_size;
	qb->flags = flags | QB_RB_FLAG_SHARED_PROCESS;
	qb->maker = qb_rb_open(qb->name, qb->ring_size, qb->flags | QB_RB_FLAG_CREATE, 0);
	if (qb->maker == NULL)
		die(errno, "qb_rb_open");
	return qb;
}

static void *qb_prepare(const struct setting *setting)
{
	return qb_new(setting, 0);
}

static void *qb_busy_prepare(const struct setting *setting)
{
	return qb_new(setting, QB_RB_FLAG_NO_SEMAPHORE);
}

static void qb_attach(void *state, enum peer_end end)
{
	struct qb *qb = state;

	(void)end;
	qb->ring = qb_rb_open(qb->name, qb->ring_size, qb->flags, 0);
	if (qb->ring == NULL)
		die(errno, "qb_rb_open");
}

static void *qb_reserve(void *state)
{
	struct qb *qb = state;

	for (unsigned tries = 1;; tries++) {
		void *at = qb_rb_chunk_alloc(qb->ring, qb->message_size);

		if (at != NULL)
			return at;
		cpu_relax();
		if (tries % 1000 == 0)
			sched_yield();
	}
}

static void qb_commit(void *state)
{
	struct qb *qb = state;
	int rc = qb_rb_chunk_commit(qb->ring, qb->message_size);

	if (rc < 0)
		die(-rc, "qb_rb_chunk_commit");
}

static void qb_send(void *state, const void *message)
{
	struct qb *qb = state;
	unsigned tries = 0;
	ssize_t rc;

	while ((rc = qb_rb_chunk_write(qb->ring, message, qb->message_size)) == -EAGAIN) {
		cpu_relax();
		if (++tries % 1000 == 0)
			sched_yield();
	}
	if (rc < 0)
		die((int)-rc, "qb_rb_chunk_write");
}

static struct run qb_receive(void *state)
{
	struct qb *qb = state;
	void *at;
	ssize_t size;

	if (qb->taken)
		qb_rb_chunk_reclaim(qb->ring);
	/* Without a semaphore it does not wait. */
	while ((size = qb_rb_chunk_peek(qb->ring, &at, -1)) <= 0)
		if (size < 0 && size != -ETIMEDOUT && size != -EBADMSG && size != -EAGAIN)
			die((int)-size, "qb_rb_chunk_peek");
	if (size != (ssize_t)qb->message_size)
		die(0, "libqb: a message of %zd bytes", size);
	qb->taken = true;
	return (struct run){ at, 1, qb->message_size };
}

/* The one who made it removes it. */
static void qb_remove(void *state)
{
	struct qb *qb = state;

	qb_rb_close(qb->maker);
}

const struct peer peer_libqb = {
	.name = "libqb",
	.prepare = qb_prepare,
	.attach = qb_attach,
	.send = qb_send,
	.reserve = qb_reserve,
	.commit = qb_commit,
	.receive = qb_receive,
	.remove = qb_remove,
};

const struct peer peer_libqb_busy = {
	.name = "libqb-busy",
	.flags = PEER_BUSY,
	.prepare = qb_busy_prepare,
	.attach = qb_attach,
	.send = qb_send,
	.reserve = qb_reserve,
	.commit = qb_commit,
	.receive = qb_receive,
	.remove = qb_remove,
};

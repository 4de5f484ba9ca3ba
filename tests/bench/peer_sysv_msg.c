/* System V message queues. */
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

struct sysv {
	int id;
	size_t message_size;
	struct envelope {
		long type;
		unsigned char message[8192];
	} envelope;
};

static void *sysv_prepare(const struct setting *setting)
{
	struct sysv *sysv = memory_new(sizeof(*sysv));
	struct msqid_ds status;

	sysv->message_size = setting->message_size;
	sysv->envelope.type = 1;
	sysv->id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	if (sysv->id < 0 || msgctl(sysv->id, IPC_STAT, &status) < 0)
		die(errno, "msgget");
	/* More than kernel.msgmnb is for root; else it stays as it is. */
	status.msg_qbytes = setting->ring_size;
	msgctl(sysv->id, IPC_SET, &status);
	return sysv;
}

static void sysv_attach(void *state, enum peer_end end)
{
	(void)state;
	(void)end;
}

static void sysv_send(void *state, const void *message)
{
	struct sysv *sysv = state;

	memcpy(sysv->envelope.message, message, sysv->message_size);
	if (msgsnd(sysv->id, &sysv->envelope, sysv->message_size, 0) < 0)
		die(errno, "msgsnd");
}

static struct run sysv_receive(void *state)
{
	struct sysv *sysv = state;

	if (msgrcv(sysv->id, &sysv->envelope, sizeof(sysv->envelope.message), 0, 0) < 0)
		die(errno, "msgrcv");
	return (struct run){ sysv->envelope.message, 1, sysv->message_size };
}

static void sysv_remove(void *state)
{
	const struct sysv *sysv = state;

	msgctl(sysv->id, IPC_RMID, NULL);
}

const struct peer peer_sysv_msg = {
	.name = "sysv-msg",
	.message_max = 8192,
	.prepare = sysv_prepare,
	.attach = sysv_attach,
	.send = sysv_send,
	.receive = sysv_receive,
	.remove = sysv_remove,
};

/*
 * iceoryx 2, messages without a copy through memory that its daemon, iox-roudi, hands out. One
 * receiver looks a while, then sleeps on a waitset; the other only looks, and needs no waitset,
 * which the sender would have to post. The daemon is started and stopped here.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <iceoryx_binding_c/enums.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 256, DAEMON_STARTS_MS = 10000, LOOKS_BEFORE_SLEEP = 1000 };

struct ice {
	char name[64];
	size_t message_size;
	iox_pub_storage_t publisher_room;
	iox_sub_storage_t subscriber_room;
	iox_ws_storage_t waitset_room;
	bool busy;
	iox_pub_t publisher;
	iox_sub_t subscriber;
	iox_ws_t waitset;
	void *loan;
	const void *taken;
};

static pid_t daemon_pid;
static unsigned users, attached; /* of the daemon; of this process */

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

_Noreturn static void daemon_become(pid_t driver, int says_to)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != driver)
		_exit(1);
	dup2(says_to, STDOUT_FILENO);
	dup2(says_to, STDERR_FILENO);
	execlp("iox-roudi", "iox-roudi", "-m", "off", (char *)NULL);
	die(errno, "cannot run iox-roudi");
}

/* Reads what the daemon says until it says that it is ready. */
static void daemon_await(int says)
{
	char text[4096] = "";
	size_t size = 0;

	while (strstr(text, "ready") == NULL) {
		struct pollfd ready = { .fd = says, .events = POLLIN };
		ssize_t some;

		if (size == sizeof(text) - 1 || poll(&ready, 1, DAEMON_STARTS_MS) <= 0)
			die(0, "iox-roudi does not start: %s", text);
		some = read(says, text + size, sizeof(text) - 1 - size);
		if (some <= 0)
			die(0, "iox-roudi does not start: %s", text);
		size += (size_t)some;
		text[size] = '\0';
	}
}

static void ice_start(void)
{
	pid_t driver = getpid();
	int says[2];

	if (users++ > 0)
		return;
	if (pipe2(says, O_CLOEXEC) < 0)
		die(errno, "pipe2");
	daemon_pid = fork();
	if (daemon_pid < 0)
		die(errno, "fork");
	if (daemon_pid == 0)
		daemon_become(driver, says[1]);
	close(says[1]);
	daemon_await(says[0]);
	/* Stays open, so that the daemon may go on talking; nobody listens, and it says little. */
}

static void ice_stop(void)
{
	if (--users > 0)
		return;
	kill(daemon_pid, SIGTERM);
	waitpid(daemon_pid, NULL, 0);
}

static void *ice_prepare(const struct setting *setting)
{
	struct ice *ice = memory_new(sizeof(*ice));

	snprintf(ice->name, sizeof(ice->name), "%s", setting->name);
	ice->message_size = setting->message_size;
	return ice;
}

static void *ice_busy_prepare(const struct setting *setting)
{
	struct ice *ice = ice_prepare(setting);

	ice->busy = true;
	return ice;
}

/* The daemon, as it comes, has 200 chunks of 128 KiB and 10 of 4 MiB, with a header in each. */
static uint64_t depth_for(size_t message_size)
{
	if (message_size >= 1 << 19)
		return 4;
	return message_size >= 1 << 14 ? 16 : DEPTH_MAX;
}

static void subscriber_new(struct ice *ice)
{
	iox_sub_options_t options;

	iox_sub_options_init(&options);
	options.queueCapacity = depth_for(ice->message_size);
	options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	ice->subscriber =
		iox_sub_init(&ice->subscriber_room, "bench", ice->name, "message", &options);
	if (ice->busy)
		return;
	ice->waitset = iox_ws_init(&ice->waitset_room);
	if (iox_ws_attach_subscriber_state(ice->waitset, ice->subscriber, SubscriberState_HAS_DATA,
					   0, NULL) != WaitSetResult_SUCCESS)
		die(0, "iceoryx: cannot attach the subscriber");
}

static void publisher_new(struct ice *ice)
{
	iox_pub_options_t options;

	iox_pub_options_init(&options);
	options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	ice->publisher =
		iox_pub_init(&ice->publisher_room, "bench", ice->name, "message", &options);
}

static void ice_attach(void *state, enum peer_end end)
{
	struct ice *ice = state;
	char name[64];

	if (attached++ == 0) {
		snprintf(name, sizeof(name), "bench.%d", getpid());
		iox_set_loglevel(Iceoryx_LogLevel_Off);
		iox_runtime_init(name);
	}
	if (end == END_PRODUCER)
		publisher_new(ice);
	else
		subscriber_new(ice);
}

static void *ice_reserve(void *state)
{
	struct ice *ice = state;

	/* What is sent before somebody has subscribed is lost. */
	while (!iox_pub_has_subscribers(ice->publisher))
		pause_ms(1);
	for (;;) {
		enum iox_AllocationResult result =
			iox_pub_loan_chunk(ice->publisher, &ice->loan, (uint32_t)ice->message_size);

		if (result == AllocationResult_SUCCESS)
			return ice->loan;
		/* Of large messages there are few; the receiver has them. */
		if (result != AllocationResult_RUNNING_OUT_OF_CHUNKS)
			die(0, "iceoryx: no memory for a message: %d", (int)result);
		cpu_relax();
	}
}

static void ice_commit(void *state)
{
	const struct ice *ice = state;

	iox_pub_publish_chunk(ice->publisher, ice->loan);
}

static void ice_send(void *state, const void *message)
{
	const struct ice *ice = state;

	memcpy(ice_reserve(state), message, ice->message_size);
	ice_commit(state);
}

static struct run ice_receive(void *state)
{
	struct ice *ice = state;

	if (ice->taken != NULL)
		iox_sub_release_chunk(ice->subscriber, ice->taken);
	for (unsigned looks = 0;; looks++) {
		iox_notification_info_t notified;
		uint64_t missed;

		if (iox_sub_take_chunk(ice->subscriber, &ice->taken) == ChunkReceiveResult_SUCCESS)
			return (struct run){ ice->taken, 1, ice->message_size };
		if (!ice->busy && looks >= LOOKS_BEFORE_SLEEP)
			iox_ws_wait(ice->waitset, &notified, 1, &missed);
		else
			cpu_relax();
	}
}

static void subscriber_end(struct ice *ice)
{
	if (ice->taken != NULL)
		iox_sub_release_chunk(ice->subscriber, ice->taken);
	if (!ice->busy) {
		iox_ws_detach_subscriber_state(ice->waitset, ice->subscriber,
					       SubscriberState_HAS_DATA);
		iox_ws_deinit(ice->waitset);
	}
	iox_sub_deinit(ice->subscriber);
}

static void ice_detach(void *state, enum peer_end end)
{
	struct ice *ice = state;

	if (end == END_PRODUCER)
		iox_pub_deinit(ice->publisher);
	else
		subscriber_end(ice);
	/*
	 * The library tells the daemon only at exit() that this process has gone. Otherwise the
	 * daemon, when it ends, tries to kill it, and aborts as it is not there.
	 */
	if (--attached == 0)
		exit(0);
}

const struct peer peer_iceoryx = {
	.name = "iceoryx",
	.start = ice_start,
	.prepare = ice_prepare,
	.attach = ice_attach,
	.send = ice_send,
	.reserve = ice_reserve,
	.commit = ice_commit,
	.receive = ice_receive,
	.detach = ice_detach,
	.stop = ice_stop,
};

const struct peer peer_iceoryx_busy = {
	.name = "iceoryx-busy",
	.flags = PEER_BUSY,
	.start = ice_start,
	.prepare = ice_busy_prepare,
	.attach = ice_attach,
	.send = ice_send,
	.reserve = ice_reserve,
	.commit = ice_commit,
	.receive = ice_receive,
	.detach = ice_detach,
	.stop = ice_stop,
};

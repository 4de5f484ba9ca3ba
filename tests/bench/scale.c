/*
 * scale [-q] [-r ROUNDS] [SERIES]...: how the cost of a message grows with the number of
 * producers and consumers, the ring's size, the number of channels, the number of messages, and
 * with a consumer that lags. One line of JSON for each point on standard output.
 *
 * Cost is wall time, and processor time of all processes, for each message. Nobody is pinned:
 * there are more processes than processors. Each message's number is verified: those of one
 * producer come in order to a consumer, and all of them come to somebody.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
	ROUNDS_MAX = 101,
	PROCESSES_MAX = 64,
	CHANNELS_MAX = 1000,
	MESSAGE_SIZE = 64,
	STUCK_S = 120,
	LAG_EVERY = 20000, /* messages; more than a ring of 1 MiB holds */
	LAG_NS = 2000000
};

struct point {
	const char *series;
	const struct peer *peer;
	unsigned producers, consumers, channels;
	size_t ring_size;
	uint64_t messages;
	bool lags;
};

/* Shared by the driver and all processes. */
struct tally {
	_Atomic uint32_t ready, go;
	_Atomic uint64_t received, sum, last_ns;
};

struct job {
	const struct point *point;
	struct tally *tally;
	void *lines[CHANNELS_MAX];
};

/* What a message says, and in its last word once more. */
struct content {
	uint32_t producer, channel;
	uint64_t number;
	unsigned char rest[MESSAGE_SIZE - 24];
	uint64_t again;
};

_Static_assert(sizeof(struct content) == MESSAGE_SIZE, "a message has no padding");

static void nap(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

static void lines_attach(const struct job *job, enum peer_end end)
{
	for (unsigned i = 0; i < job->point->channels; i++)
		job->point->peer->attach(job->lines[i], end);
	atomic_fetch_add(&job->tally->ready, 1);
}

static void lines_detach(const struct job *job, enum peer_end end)
{
	for (unsigned i = 0; i < job->point->channels; i++)
		job->point->peer->detach(job->lines[i], end);
}

/* This producer's part of all messages. */
static uint64_t share(const struct point *point, unsigned producer)
{
	return point->messages / point->producers +
	       (producer < point->messages % point->producers ? 1 : 0);
}

static void produce(const struct job *job, unsigned producer)
{
	const struct point *point = job->point;
	struct content content = { .producer = producer };
	uint64_t count = share(point, producer);

	lines_attach(job, END_PRODUCER);
	while (atomic_load(&job->tally->go) == 0)
		nap(50000);
	for (uint64_t i = 0; i < count; i++) {
		content.number = content.again = i;
		point->peer->send(job->lines[content.channel], &content);
		if (++content.channel == point->channels)
			content.channel = 0;
	}
	lines_detach(job, END_PRODUCER);
}

struct received {
	uint64_t messages, sum;
	uint64_t next[PROCESSES_MAX]; /* of each producer, no smaller number may come */
};

static void check(const struct point *point, struct received *received, const unsigned char *at)
{
	struct content content;

	memcpy(&content, at, sizeof(content));
	if (content.producer >= point->producers || content.number != content.again ||
	    content.number < received->next[content.producer])
		die(0, "%s: message %llu of producer %u after %llu", point->peer->name,
		    (unsigned long long)content.number, content.producer,
		    (unsigned long long)received->next[content.producer]);
	received->next[content.producer] = content.number + 1;
	received->messages++;
	received->sum += content.number;
	if (point->lags && received->messages % LAG_EVERY == 0)
		nap(LAG_NS);
}

/* Takes from one channel after the other what is there. Returns whether all are over. */
static void consume(const struct job *job)
{
	const struct point *point = job->point;
	struct received received = { 0 };
	uint64_t now, last, turn = 0;

	lines_attach(job, END_CONSUMER);
	for (unsigned open = point->channels; open > 0; turn++) {
		struct run run = point->peer->receive(job->lines[turn % point->channels]);

		if (run.count == 0)
			open--;
		for (size_t i = 0; i < run.count; i++)
			check(point, &received, run.at + i * run.stride);
	}
	now = now_ns();
	last = atomic_load(&job->tally->last_ns);
	while (last < now && !atomic_compare_exchange_weak(&job->tally->last_ns, &last, now))
		;
	atomic_fetch_add(&job->tally->received, received.messages);
	atomic_fetch_add(&job->tally->sum, received.sum);
	lines_detach(job, END_CONSUMER);
}

static pid_t process_start(const struct job *job, unsigned number)
{
	pid_t driver = getpid(), pid = fork();

	if (pid < 0)
		die(errno, "fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != driver)
		_exit(1);
	alarm(STUCK_S);
	if (number < job->point->consumers)
		consume(job);
	else
		produce(job, number - job->point->consumers);
	_exit(0);
}

static void lines_new(struct job *job)
{
	char name[64];
	struct setting setting = { .name = name,
				   .message_size = MESSAGE_SIZE,
				   .ring_size = job->point->ring_size };

	for (unsigned i = 0; i < job->point->channels; i++) {
		snprintf(name, sizeof(name), "scale.%d.%u", getpid(), i);
		job->lines[i] = job->point->peer->prepare(&setting);
	}
}

static void lines_drop(const struct job *job)
{
	for (unsigned i = 0; i < job->point->channels; i++)
		if (job->point->peer->drop != NULL)
			job->point->peer->drop(job->lines[i]);
}

static void lines_remove(const struct job *job)
{
	for (unsigned i = 0; i < job->point->channels; i++) {
		if (job->point->peer->remove != NULL)
			job->point->peer->remove(job->lines[i]);
		free(job->lines[i]);
	}
}

/* Waits until all are attached, or one of them has ended. */
static bool all_ready(const struct job *job, unsigned processes)
{
	siginfo_t ended = { 0 };

	while (atomic_load(&job->tally->ready) < processes) {
		if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0)
			return false;
		nap(200000);
	}
	return true;
}

static bool processes_end(const pid_t pids[], unsigned count, bool well)
{
	if (!well)
		for (unsigned i = 0; i < count; i++)
			kill(pids[i], SIGKILL);
	for (unsigned i = 0; i < count; i++) {
		int status;

		if (wait(&status) < 0)
			die(errno, "wait");
		if (status != 0 && well) {
			for (unsigned k = 0; k < count; k++)
				kill(pids[k], SIGKILL);
			well = false;
		}
	}
	return well;
}

static double cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

static uint64_t sum_expected(const struct point *point)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < point->producers; i++) {
		uint64_t count = share(point, i);

		sum += count * (count - 1) / 2;
	}
	return sum;
}

/* Returns whether it went well: then *wall and *cpu are ns for each message. */
static bool measure(const struct point *point, double *wall, double *cpu)
{
	unsigned processes = point->producers + point->consumers;
	pid_t pids[PROCESSES_MAX];
	struct job *job = memory_new(sizeof(*job));
	uint64_t began;
	bool well;

	job->point = point;
	job->tally = shared_new(sizeof(*job->tally));
	lines_new(job);
	for (unsigned i = 0; i < processes; i++)
		pids[i] = process_start(job, i);
	lines_drop(job);
	well = all_ready(job, processes);
	*cpu = cpu_ns();
	began = now_ns();
	atomic_store(&job->tally->go, 1);
	well = processes_end(pids, processes, well);
	*wall = (double)(job->tally->last_ns - began) / (double)point->messages;
	*cpu = (cpu_ns() - *cpu) / (double)point->messages;
	if (well &&
	    (job->tally->received != point->messages || job->tally->sum != sum_expected(point))) {
		fprintf(stderr, "scale: %llu messages came, not %llu\n",
			(unsigned long long)job->tally->received,
			(unsigned long long)point->messages);
		well = false;
	}
	lines_remove(job);
	munmap(job->tally, sizeof(*job->tally));
	free(job);
	return well;
}

static unsigned rounds = 3, failures;

static void point_run(const struct point *point)
{
	double walls[ROUNDS_MAX], cpus[ROUNDS_MAX], cpu = 0;
	unsigned done = 0;

	for (unsigned i = 0; i < rounds; i++) {
		if (measure(point, &walls[done], &cpus[done]))
			cpu += cpus[done++];
		else
			failures++;
	}
	printf("{\"scene\":\"scale\",\"series\":\"%s\",\"peer\":\"%s\",\"producers\":%u,"
	       "\"consumers\":%u,\"channels\":%u,\"ring\":%zu,\"messages\":%llu,\"size\":%d,"
	       "\"lags\":%s,\"unit\":\"ns\",\"failures\":%u,\"cpu_ns\":%.6g,",
	       point->series, point->peer->name, point->producers, point->consumers,
	       point->channels, point->ring_size, (unsigned long long)point->messages, MESSAGE_SIZE,
	       point->lags ? "true" : "false", rounds - done, done > 0 ? cpu / done : 0);
	values_print(walls, done);
	printf("}\n");
	fflush(stdout);
}

/* ---- the series ---- */

static bool quick;

static struct point point_usual(const char *series)
{
	return (struct point){ .series = series,
			       .peer = &peer_channel,
			       .producers = 1,
			       .consumers = 1,
			       .channels = 1,
			       .ring_size = 1 << 20,
			       .messages = quick ? 200000 : 2000000 };
}

static void series_endpoints(void)
{
	struct point point = point_usual("endpoints");

	point.messages /= 4;
	for (point.consumers = 1; point.consumers <= 8; point.consumers *= quick ? 4 : 2) {
		for (point.producers = 1; point.producers <= 16; point.producers *= quick ? 4 : 2) {
			point.peer = &peer_channel;
			point_run(&point);
			point.peer = &peer_pipe;
			point_run(&point);
		}
	}
}

static void series_ring(void)
{
	struct point point = point_usual("ring");
	size_t most = quick ? (size_t)1 << 26 : (size_t)1 << 30;

	for (point.ring_size = 1 << 16; point.ring_size <= most; point.ring_size *= quick ? 32 : 4)
		point_run(&point);
}

static void series_channels(void)
{
	struct point point = point_usual("channels");

	point.ring_size = 1 << 16;
	for (point.channels = 1; point.channels <= CHANNELS_MAX; point.channels *= 10)
		point_run(&point);
}

static void series_messages(void)
{
	struct point point = point_usual("messages");
	uint64_t most = quick ? 1000000 : 100000000;

	for (point.messages = 1000; point.messages <= most; point.messages *= 10)
		point_run(&point);
}

static void series_lag(void)
{
	struct point point = point_usual("lag");

	point_run(&point);
	point.lags = true;
	point_run(&point);
}

static const struct {
	const char *name;
	void (*run)(void);
} all_series[] = { { "endpoints", series_endpoints },
		   { "ring", series_ring },
		   { "channels", series_channels },
		   { "messages", series_messages },
		   { "lag", series_lag } };

enum { SERIES = sizeof(all_series) / sizeof(all_series[0]) };

/* Runs the series of that name, or all if it is NULL. Returns how many. */
static unsigned series_run(const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SERIES; i++) {
		if (name == NULL || strcmp(name, all_series[i].name) == 0) {
			all_series[i].run();
			count++;
		}
	}
	return count;
}

_Noreturn static void usage(void)
{
	fputs("usage: scale [-q] [-r ROUNDS] [endpoints|ring|channels|messages|lag]...\n", stderr);
	exit(2);
}

int main(int argc, char *argv[])
{
	struct rlimit files;
	int option;

	while ((option = getopt(argc, argv, "qr:")) != -1) {
		if (option == 'q')
			quick = true;
		else if (option != 'r' || (rounds = (unsigned)atoi(optarg)) < 1 ||
			 rounds > ROUNDS_MAX)
			usage();
	}
	/* A channel keeps a descriptor, and there are a thousand. */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (optind == argc)
		series_run(NULL);
	for (int i = optind; i < argc; i++)
		if (series_run(argv[i]) == 0)
			usage();
	return failures == 0 ? 0 : 1;
}

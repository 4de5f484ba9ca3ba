/*
 * bench [OPTION]... [SCENE[:SIZE]]...: how fast messages get from one process to another, with
 * us and with others. One line of JSON for each scene, peer and size on standard output, what
 * goes on at the moment on standard error.
 *
 *   -r ROUNDS   rounds of each measurement, of which the median counts (5)
 *   -t MS       how long one measurement takes, after a warm-up of a quarter of it (200)
 *   -p NAMES    only these peers, with commas between
 *   -c A,B      processors of the sender and of the receiver (0,1); "none": do not pin
 *   -s BYTES    in flight at most, where it can be chosen (1 MiB, or four messages)
 *   -V          write and verify every word of a message, not three of them
 *   -l          list the peers, and what is missing
 *
 * In one round each peer has its turn, so whatever else happens on the machine hits all of them.
 * Each measurement has two new processes. Exit status: 0, or 1 if a peer failed, or 2 for usage.
 */
#include <errno.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "play.h"

enum { ROUNDS_MAX = 101, CELLS_MAX = 64, STUCK_S = 20, NS_PER_MS = 1000000 };

static const struct known_peer {
	const struct peer *peer; /* NULL: its library was not there */
	const char *name, *package;
} known_peers[] = {
	{ &peer_channel, "channel", "" },
	{ &peer_libqb, "libqb", "libqb-dev" },
	{ &peer_libqb_busy, "libqb-busy", "libqb-dev" },
	{ &peer_zeromq, "zeromq", "libzmq3-dev" },
	{ &peer_nng, "nng", "libnng-dev" },
	{ &peer_iceoryx, "iceoryx", "libiceoryx-binding-c-dev iceoryx" },
	{ &peer_iceoryx_busy, "iceoryx-busy", "libiceoryx-binding-c-dev iceoryx" },
	{ &peer_boost_queue, "boost-queue", "g++ libboost-dev" },
	{ &peer_boost_handshake, "boost-handshake", "g++ libboost-dev" },
	{ &peer_pipe, "pipe", "" },
	{ &peer_pipe_busy, "pipe-busy", "" },
	{ &peer_stdio, "stdio", "" },
	{ &peer_fifo, "fifo", "" },
	{ &peer_unix_stream, "unix-stream", "" },
	{ &peer_unix_seqpacket, "unix-seqpacket", "" },
	{ &peer_posix_mq, "posix-mq", "" },
	{ &peer_sysv_msg, "sysv-msg", "" },
	{ &peer_futex_ring, "futex-ring", "" },
	{ &peer_futex_safe, "futex-safe", "" },
	{ &peer_spin_ring, "spin-ring", "" },
	{ &peer_memcpy, "memcpy", "" },
};

enum { PEERS = sizeof(known_peers) / sizeof(known_peers[0]) };

static const char *const scene_names[SCENES] = { "oneway",  "ends",	"batch",
						 "inplace", "pingpong", "asleep" };

static struct {
	unsigned rounds;
	uint64_t measure_ns;
	const char *only;
	int processors[2]; /* -1: not pinned */
	size_t ring_size;
} options = { .rounds = 5, .measure_ns = 200 * NS_PER_MS, .processors = { 0, 1 } };

/* One scene with one size: what to measure of each peer, and what came out. */
struct cell {
	enum scene scene;
	size_t message_size;
	struct result {
		unsigned rounds, failures;
		double values[ROUNDS_MAX]; /* messages per second, or ns for each */
		struct histogram times;
	} results[PEERS];
};

/* ---- one measurement ---- */

static void pin(int processor)
{
	cpu_set_t set;

	if (processor < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die(errno, "cannot run on processor %d", processor);
}

static pid_t process_start(const struct play *play, void (*part)(const struct play *),
			   int processor)
{
	pid_t driver = getpid(), pid = fork();

	if (pid < 0)
		die(errno, "fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != driver)
		_exit(1);
	pin(processor);
	alarm(STUCK_S + (unsigned)(play->measure_ns / 250000000));
	part(play);
	/* Not exit(): what the libraries have set up in the driver is not ours to end. */
	_exit(0);
}

/* Both have to end well. If one does not, the other one is not waited for. */
static bool processes_end(const pid_t pids[], unsigned count)
{
	bool well = true;

	for (unsigned ended = 0; ended < count; ended++) {
		int status;
		pid_t pid = wait(&status);

		/* Only what we started here; a daemon's end is no end of these. */
		while (pid >= 0 && pid != pids[0] && pid != pids[1])
			pid = wait(&status);
		if (pid < 0)
			die(errno, "wait");
		if (status == 0)
			continue;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			fprintf(stderr, "bench: stuck\n");
		if (well && ended == 0 && count == 2)
			kill(pid == pids[0] ? pids[1] : pids[0], SIGKILL);
		well = false;
	}
	return well;
}

static void *line_new(const struct peer *peer, size_t message_size, const char *way)
{
	static unsigned lines;
	char name[64];
	struct setting setting = { .name = name,
				   .message_size = message_size,
				   .ring_size = options.ring_size };

	snprintf(name, sizeof(name), "bench.%d.%u.%s", getpid(), lines++, way);
	if (setting.ring_size == 0) {
		setting.ring_size = 1 << 20;
		while (setting.ring_size < 4 * message_size)
			setting.ring_size *= 2;
	}
	return peer->prepare(&setting);
}

static void line_drop(const struct peer *peer, void *line)
{
	if (line != NULL && peer->drop != NULL)
		peer->drop(line);
}

static void line_remove(const struct peer *peer, void *line)
{
	if (line != NULL && peer->remove != NULL)
		peer->remove(line);
	free(line);
}

static double value_of(const struct play *play)
{
	const struct control *control = play->control;

	if (play->scene == ASLEEP)
		return (double)histogram_quantile(&control->times, 0.5);
	if (play->scene == PINGPONG)
		return (double)control->elapsed_ns / (double)control->messages;
	return (double)control->messages * 1e9 /
	       (double)(control->elapsed_ns > control->sending_ns ? control->elapsed_ns
								  : control->sending_ns);
}

static void measure(const struct peer *peer, const struct cell *cell, struct result *result)
{
	struct play play = { .peer = peer,
			     .scene = cell->scene,
			     .message_size = cell->message_size,
			     .warm_ns = options.measure_ns / 4,
			     .measure_ns = options.measure_ns };
	unsigned processes = (peer->flags & PEER_ALONE) != 0 ? 1 : 2;
	pid_t pids[2] = { -1, -1 };

	play.control = shared_new(sizeof(*play.control));
	play.there = line_new(peer, play.message_size, "there");
	if (play.scene == PINGPONG)
		play.back = line_new(peer, play.message_size, "back");
	pids[0] = process_start(&play, play_first, options.processors[0]);
	if (processes == 2)
		pids[1] = process_start(&play, play_second, options.processors[1]);
	line_drop(peer, play.there);
	line_drop(peer, play.back);
	if (processes_end(pids, processes) && play.control->messages > 0) {
		result->values[result->rounds++] = value_of(&play);
		histogram_merge(&result->times, &play.control->times);
	} else {
		result->failures++;
	}
	line_remove(peer, play.there);
	line_remove(peer, play.back);
	munmap(play.control, sizeof(*play.control));
}

/* ---- what to measure ---- */

static bool name_listed(const char *list, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = list; at != NULL; at = strchr(at, ',')) {
		at += *at == ',';
		if (strncmp(at, name, size) == 0 && (at[size] == ',' || at[size] == '\0'))
			return true;
	}
	return false;
}

static bool chosen(const struct known_peer *known)
{
	return known->peer != NULL &&
	       (options.only == NULL || name_listed(options.only, known->name));
}

/* Can this peer do it at all? */
static bool plays(const struct peer *peer, const struct cell *cell)
{
	bool alone = (peer->flags & PEER_ALONE) != 0, busy = (peer->flags & PEER_BUSY) != 0;

	if (peer->message_max != 0 && cell->message_size > peer->message_max)
		return false;
	if ((peer->flags & PEER_GATHERS) != 0 && cell->scene != BATCH)
		return false;
	if ((peer->flags & PEER_ASLEEP) != 0 && cell->scene != ASLEEP)
		return false;
	switch (cell->scene) {
	case BATCH:
		return peer->send_many != NULL;
	case INPLACE:
		return peer->reserve != NULL;
	case PINGPONG:
		return !alone;
	case ASLEEP:
		return !alone && !busy;
	default:
		return true;
	}
}

static void progress(const char *scene, size_t size, const char *name)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%-10s %8zu %-20s\r", scene, size, name);
}

static void cell_round(struct cell *cell)
{
	for (unsigned i = 0; i < PEERS; i++) {
		/* One that has failed twice has said why. */
		if (!chosen(&known_peers[i]) || !plays(known_peers[i].peer, cell) ||
		    cell->results[i].failures == 2)
			continue;
		progress(scene_names[cell->scene], cell->message_size, known_peers[i].name);
		measure(known_peers[i].peer, cell, &cell->results[i]);
	}
}

/* ---- what came out ---- */

static void times_print(const struct histogram *times)
{
	static const double parts[] = { 0.01,  0.05,  0.1,   0.2,    0.3,    0.4,     0.5,
					0.6,   0.7,   0.8,   0.9,    0.95,   0.98,    0.99,
					0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999, 1 };

	printf(",\"times\":%llu,\"percentiles_ns\":[", (unsigned long long)times->total);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf("%s[%g,%llu]", i == 0 ? "" : ",", parts[i] * 100,
		       (unsigned long long)histogram_quantile(times, parts[i]));
	printf("]");
}

static void result_print(const struct cell *cell, const struct known_peer *known,
			 struct result *result)
{
	bool latency = cell->scene == PINGPONG || cell->scene == ASLEEP;
	unsigned flags = known->peer->flags;

	printf("{\"scene\":\"%s\",\"size\":%zu,\"peer\":\"%s\",\"kind\":\"%s\",\"busy\":%s,"
	       "\"unit\":\"%s\",\"failures\":%u,",
	       scene_names[cell->scene], cell->message_size, known->name,
	       (flags & PEER_OURS) != 0	   ? "ours"
	       : (flags & PEER_LIMIT) != 0 ? "limit"
					   : "peer",
	       (flags & PEER_BUSY) != 0 ? "true" : "false", latency ? "ns" : "messages/s",
	       result->failures);
	values_print(result->values, result->rounds);
	if (result->times.total > 0)
		times_print(&result->times);
	printf("}\n");
}

/* Returns whether all of them went well. */
static bool cell_print(struct cell *cell)
{
	bool well = true;

	for (unsigned i = 0; i < PEERS; i++) {
		struct result *result = &cell->results[i];

		if (result->rounds + result->failures == 0)
			continue;
		result_print(cell, &known_peers[i], result);
		well = well && result->failures == 0;
	}
	fflush(stdout);
	return well;
}

static void about_print(void)
{
	const char *comma = "";

	printf("{\"scene\":\"about\",\"compiler\":\"%s\",\"libc\":\"glibc %s\","
	       "\"processors\":[%d,%d],\"rounds\":%u,\"measure_ms\":%llu,\"missing\":[",
	       __VERSION__, gnu_get_libc_version(), options.processors[0], options.processors[1],
	       options.rounds, (unsigned long long)(options.measure_ns / NS_PER_MS));
	for (unsigned i = 0; i < PEERS; i++) {
		if (known_peers[i].peer != NULL)
			continue;
		printf("%s{\"peer\":\"%s\",\"packages\":\"%s\"}", comma, known_peers[i].name,
		       known_peers[i].package);
		comma = ",";
	}
	printf("]}\n");
}

static void peers_list(void)
{
	for (unsigned i = 0; i < PEERS; i++) {
		if (known_peers[i].peer != NULL)
			printf("%s\n", known_peers[i].name);
		else
			printf("%s is missing: install %s (Debian)\n", known_peers[i].name,
			       known_peers[i].package);
	}
}

/* ---- the command line ---- */

_Noreturn static void usage(void)
{
	fprintf(stderr, "usage: bench [-r ROUNDS] [-t MS] [-p PEER,...] [-c A,B|none] [-s BYTES] "
			"[-l] [SCENE[:SIZE]]...\n"
			"scenes: oneway ends batch inplace pingpong asleep\n");
	exit(2);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || value < least || value > most)
		usage();
	return value;
}

static void processors_set(const char *text)
{
	if (strcmp(text, "none") == 0)
		options.processors[0] = options.processors[1] = -1;
	else if (sscanf(text, "%d,%d", &options.processors[0], &options.processors[1]) != 2)
		usage();
}

static struct cell *cell_new(enum scene scene, size_t message_size)
{
	struct cell *cell = memory_new(sizeof(*cell));

	cell->scene = scene;
	cell->message_size = message_size;
	return cell;
}

/* Adds the cells that SCENE or SCENE:SIZE means. */
static unsigned cells_add(struct cell *cells[], unsigned count, const char *text)
{
	static const size_t sizes[SCENES][8] = {
		[ONEWAY] = { 8, 64, 512, 4096, 65536, 1 << 20 },
		[ENDS] = { 65536, 1 << 20 },
		[BATCH] = { 8 },
		[INPLACE] = { 65536, 1 << 20 },
		[PINGPONG] = { 64 },
		[ASLEEP] = { 64 },
	};
	const char *colon = strchr(text, ':');
	size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
	unsigned scene = 0;

	while (scene < SCENES && (strlen(scene_names[scene]) != length ||
				  strncmp(text, scene_names[scene], length) != 0))
		scene++;
	if (scene == SCENES)
		usage();
	for (unsigned i = 0; colon == NULL ? sizes[scene][i] != 0 : i == 0; i++) {
		size_t size = colon == NULL ? sizes[scene][i] : number(colon + 1, 8, 1 << 30);

		if (count == CELLS_MAX || size % 8 != 0 || (scene == BATCH && size != 8) ||
		    (scene == ASLEEP && size < 32))
			usage();
		cells[count++] = cell_new((enum scene)scene, size);
	}
	return count;
}

static void daemons_start(void)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (chosen(&known_peers[i]) && known_peers[i].peer->start != NULL)
			known_peers[i].peer->start();
}

static void daemons_stop(void)
{
	for (unsigned i = 0; i < PEERS; i++)
		if (chosen(&known_peers[i]) && known_peers[i].peer->stop != NULL)
			known_peers[i].peer->stop();
}

int main(int argc, char *argv[])
{
	struct cell *cells[CELLS_MAX];
	unsigned count = 0;
	bool well = true;
	int option;

	while ((option = getopt(argc, argv, "r:t:p:c:s:l")) != -1) {
		switch (option) {
		case 'r':
			options.rounds = (unsigned)number(optarg, 1, ROUNDS_MAX);
			break;
		case 't':
			options.measure_ns = number(optarg, 1, 10000) * NS_PER_MS;
			break;
		case 'p':
			options.only = optarg;
			break;
		case 'c':
			processors_set(optarg);
			break;
		case 's':
			options.ring_size = number(optarg, 4096, UINT32_MAX);
			break;
		case 'l':
			peers_list();
			return 0;
		default:
			usage();
		}
	}
	for (int i = optind; i < argc; i++)
		count = cells_add(cells, count, argv[i]);
	for (unsigned i = 0; optind == argc && i < SCENES; i++)
		count = cells_add(cells, count, scene_names[i]);

	about_print();
	fflush(stdout);
	daemons_start();
	for (unsigned round = 0; round < options.rounds; round++)
		for (unsigned i = 0; i < count; i++)
			cell_round(cells[i]);
	daemons_stop();
	progress("", 0, "");
	for (unsigned i = 0; i < count; i++) {
		well = cell_print(cells[i]) && well;
		free(cells[i]);
	}
	return well ? 0 : 1;
}

/*
 * startup [-r ROUNDS] OUTPUT asleep|together NAME RECEIVER SENDER [NAME RECEIVER SENDER]...
 *
 * How long it takes to get one short message from one command to another: from before the
 * spawning until both have ended and the receiver's output, which must be OUTPUT and a newline,
 * is here. With "asleep" the receiver was started before and sleeps. In each round every NAME
 * has its turn. No shell: a command is words with spaces between; <FILE and >FILE redirect.
 *
 * startup memory FIFO: reserves as much memory as a channel does by default, and then is cat. What
 * must not fail for want of memory later takes it at once, so this is the limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "channel/channel.h"
#include "shared_buffer.h"

enum {
	WORDS_MAX = 32,
	ROUNDS_MAX = 1001,
	PAIRS_MAX = 16,
	OUTPUT_MAX = 256,
	COMMAND_MAX = 4096,
	STUCK_MS = 10000
};

/* So many looks in a row, a millisecond apart, have to find it asleep. */
enum { ASLEEP_LOOKS = 10 };

struct pair {
	const char *name, *receiver, *sender;
	unsigned rounds, failures;
	double values[ROUNDS_MAX];
};

static const char *wanted_output;
static bool asleep;

static void redirect(const char *word)
{
	int fd = word[0] == '<' ? open(word + 1, O_RDONLY) : open(word + 1, O_WRONLY);

	if (fd < 0)
		die(errno, "cannot open \"%s\"", word + 1);
	dup2(fd, word[0] == '<' ? STDIN_FILENO : STDOUT_FILENO);
	close(fd);
}

_Noreturn static void become(char *command, int output)
{
	char *words[WORDS_MAX + 1], *rest = NULL;
	unsigned count = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (output >= 0)
		dup2(output, STDOUT_FILENO);
	for (char *word = strtok_r(command, " ", &rest); word != NULL && count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest)) {
		if (word[0] == '<' || word[0] == '>')
			redirect(word);
		else
			words[count++] = word;
	}
	words[count] = NULL;
	execvp(words[0], words);
	die(errno, "cannot run \"%s\"", words[0]);
}

/*
 * output: where its standard output goes, unless the command says otherwise; -1: nowhere. Not
 * posix_spawn(), which returns only when the child has opened its files, and a FIFO takes time.
 */
static pid_t start(const char *command, int output)
{
	char copy[COMMAND_MAX];
	pid_t pid;

	snprintf(copy, sizeof(copy), "%s", command);
	pid = fork();
	if (pid < 0)
		die(errno, "fork");
	if (pid == 0)
		become(copy, output);
	return pid;
}

static char state_of(pid_t pid)
{
	char path[64], text[512];
	const char *end;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return '?';
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return '?';
	text[size] = '\0';
	end = strrchr(text, ')');
	return end == NULL ? '?' : end[2];
}

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void asleep_await(pid_t pid)
{
	for (unsigned looks = 0, found = 0; looks < STUCK_MS && found < ASLEEP_LOOKS; looks++) {
		char state = state_of(pid);

		if (state == 'Z')
			return; /* the limit, which does not wait for anybody */
		found = state == 'S' ? found + 1 : 0;
		nap_ms(1);
	}
}

/* Reads until nobody can write any more. Returns whether that was what it should be. */
static bool output_right(int fd)
{
	char text[OUTPUT_MAX];
	size_t size = 0, wanted = strlen(wanted_output);

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t some;

		if (poll(&ready, 1, STUCK_MS) <= 0 || size == sizeof(text))
			return false;
		some = read(fd, text + size, sizeof(text) - size);
		if (some <= 0)
			break;
		size += (size_t)some;
	}
	return size == wanted + 1 && memcmp(text, wanted_output, wanted) == 0 &&
	       text[wanted] == '\n';
}

static bool ended_well(pid_t pid, bool kill_it)
{
	int status;

	if (kill_it)
		kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void pair_round(struct pair *pair)
{
	pid_t receiver, sender;
	uint64_t began;
	int fds[2];
	bool right, well;

	if (pipe2(fds, O_CLOEXEC) < 0)
		die(errno, "pipe2");
	began = now_ns();
	receiver = start(pair->receiver, fds[1]);
	close(fds[1]);
	if (asleep) {
		asleep_await(receiver);
		began = now_ns();
	}
	sender = start(pair->sender, -1);
	right = output_right(fds[0]);
	well = ended_well(sender, !right);
	well = ended_well(receiver, !right) && well && right;
	if (well)
		pair->values[pair->rounds++] = (double)(now_ns() - began);
	else
		pair->failures++;
	close(fds[0]);
}

static void pair_print(struct pair *pair)
{
	printf("{\"scene\":\"message-%s\",\"peer\":\"%s\",\"kind\":\"%s\",\"unit\":\"ns\","
	       "\"failures\":%u,",
	       asleep ? "asleep" : "together", pair->name,
	       strcmp(pair->name, "shm") == 0	    ? "ours"
	       : strncmp(pair->name, "shm", 3) == 0 ? "variant"
	       : strcmp(pair->name, "spawn") == 0 || strcmp(pair->name, "fifo-memory") == 0
		       ? "limit"
		       : "peer",
	       pair->failures);
	values_print(pair->values, pair->rounds);
	printf("}\n");
}

static int memory_then_cat(const char *fifo)
{
	char name[64], bytes[4096];
	ssize_t size;
	int fd;

	snprintf(name, sizeof(name), "/shm-channel-bench.%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		die(errno, "shm_open");
	shm_unlink(name);
	errno = posix_fallocate(fd, 0,
				(off_t)(sizeof(struct shared_buffer) + CHANNEL_SIZE_DEFAULT));
	if (errno != 0)
		die(errno, "posix_fallocate");
	fd = open(fifo, O_RDONLY);
	if (fd < 0)
		die(errno, "cannot open \"%s\"", fifo);
	while ((size = read(fd, bytes, sizeof(bytes))) > 0)
		if (write(STDOUT_FILENO, bytes, (size_t)size) != size)
			die(errno, "write");
	return 0;
}

int main(int argc, char *argv[])
{
	static struct pair pairs[PAIRS_MAX];
	unsigned rounds = 30, count = 0;
	bool well = true;

	if (argc == 3 && strcmp(argv[1], "memory") == 0)
		return memory_then_cat(argv[2]);
	if (argc > 2 && strcmp(argv[1], "-r") == 0) {
		rounds = (unsigned)atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (argc < 6 || argc % 3 != 0 || rounds < 1 || rounds > ROUNDS_MAX ||
	    argc / 3 - 1 > PAIRS_MAX) {
		fputs("usage: startup [-r ROUNDS] OUTPUT asleep|together NAME RECEIVER SENDER "
		      "...\n"
		      "       startup memory FIFO\n",
		      stderr);
		return 2;
	}
	wanted_output = argv[1];
	asleep = strcmp(argv[2], "asleep") == 0;
	for (int i = 3; i < argc; i += 3)
		pairs[count++] = (struct pair){ .name = argv[i],
						.receiver = argv[i + 1],
						.sender = argv[i + 2] };
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < count; i++)
			pair_round(&pairs[i]);
	for (unsigned i = 0; i < count; i++) {
		pair_print(&pairs[i]);
		well = well && pairs[i].failures == 0;
	}
	return well ? 0 : 1;
}

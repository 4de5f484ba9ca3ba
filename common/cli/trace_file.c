/* --trace: the file that events are written to. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/trace_file.h"
#include "cli/trace_json.h"

/* The file's lock is held only while the file's end is checked, but its holder may be stopped. */
enum { LOCK_TRIES = 200, LOCK_PAUSE_NS = 10000000, CHUNK_SIZE = 16384 };

static struct trace_file {
	struct trace_sink sink;
	const struct cli_settings *settings;
	int fd;
	atomic_bool failed;
} file;

/* Several threads may notice it; one of them reports it. From then on nothing is written. */
static void failed(int error)
{
	if (!atomic_exchange(&file.failed, true))
		cli_error(file.settings, "cannot write trace \"%s\": %s; going on without it",
			  file.settings->trace, strerror(error));
}

/*
 * Appends whole lines in one call: other processes append to the file, too. After a partial write,
 * which would make the rest unreadable, no more is written.
 */
static void append(const char *lines, size_t size)
{
	ssize_t written;

	if (size == 0 || atomic_load(&file.failed))
		return;
	do
		written = write(file.fd, lines, size);
	while (written < 0 && errno == EINTR);
	if (written < 0)
		failed(errno);
	else if ((size_t)written < size)
		failed(ENOSPC);
}

static void write_events(const struct trace_sink *sink, struct trace *trace,
			 const struct trace_event *events, size_t count)
{
	char chunk[CHUNK_SIZE];
	size_t used = 0;

	(void)sink;
	if (!trace->named)
		used = trace_json_names(trace, file.settings->tool->name, chunk);
	trace->named = true;
	for (size_t i = 0; i < count; i++) {
		if (used > sizeof(chunk) - TRACE_JSON_MAX) {
			append(chunk, used);
			used = 0;
		}
		used += trace_json_event(trace, &events[i], chunk + used);
	}
	append(chunk, used);
}

/* ---- opening ---- */

__attribute__((noreturn)) static void refuse(const char *cause)
{
	cli_error(file.settings, "cannot open trace \"%s\": %s", file.settings->trace, cause);
	exit(CLI_FAILED);
}

/*
 * Opens the file with a descriptor that is none of our standard streams, nor of the commands that
 * we start.
 */
static int open_high(const char *path)
{
	/* Opening must not wait: neither for a reader of a FIFO nor for a stopped terminal. */
	int low = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
	int fd;

	if (low < 0 || low > STDERR_FILENO)
		return low;
	fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(low);
	return fd;
}

static void lock_file(void)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	for (int i = 0; flock(file.fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			refuse(strerror(errno));
		if (i == LOCK_TRIES)
			refuse("another process keeps it locked");
		nanosleep(&pause, NULL);
	}
}

/* Begins the file if it is empty, or checks that lines can be appended to it. */
static void begin_file(off_t size)
{
	char first[2], last[1];

	if (size == 0) {
		append("[\n", 2);
		return;
	}
	if (pread(file.fd, first, 2, 0) != 2 || memcmp(first, "[\n", 2) != 0)
		refuse("it exists and is not a trace: name another file");
	if (pread(file.fd, last, 1, size - 1) != 1)
		refuse(strerror(errno));
	if (size > 2 && last[0] != '\n')
		append("\n", 1); /* the process that was writing that line was killed */
	else if (size > 2 && pread(file.fd, first, 2, size - 2) == 2 && first[0] == ']')
		refuse("it is complete, with its \"]\": remove it, or name another file");
}

void cli_trace_open(struct cli_settings *settings)
{
	struct stat status;

	if (settings->trace == NULL)
		return;
	if (!trace_json_built())
		cli_not_built(settings, "--trace", "libjansson");
	file.settings = settings;
	file.fd = open_high(settings->trace);
	if (file.fd < 0 || fstat(file.fd, &status) < 0)
		refuse(strerror(errno));
	if (!S_ISREG(status.st_mode) && (!S_ISCHR(status.st_mode) || isatty(file.fd)))
		refuse("it is not a file, and writing to it could hold up the messages");
	lock_file();
	if (fstat(file.fd, &status) < 0)
		refuse(strerror(errno));
	begin_file(S_ISREG(status.st_mode) ? status.st_size : 0);
	flock(file.fd, LOCK_UN);
	file.sink.write = write_events;
	settings->channel.trace = &file.sink;
}

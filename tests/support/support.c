#include "tests/support/support.h"
#include "channel/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64 };

uint64_t test_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void test_note(const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	fprintf(stderr, "[NOTE] %s\n", line);
}

void test_pause(void)
{
	struct timespec pause = { .tv_nsec = 1000000 };

	nanosleep(&pause, NULL);
}

/* Returns a setting that tests/run.sh passes in the environment. */
static const char *setting(const char *variable)
{
	const char *value = getenv(variable);

	cr_assert_not_null(value, "%s is not set: run the tests through tests/run.sh", variable);
	return value;
}

const char *channel_name(char name[NAME_SIZE])
{
	static unsigned count;

	snprintf(name, NAME_SIZE, "test-%s-%ld-%u", setting("TEST_RUN"), (long)getpid(), count++);
	return name;
}

/* ---- the object from outside ---- */

const char *object_path(const char *name)
{
	static char path[512];
	char object[SEGMENT_NAME_MAX];

	owner_object_name(object, geteuid(), name);
	snprintf(path, sizeof(path), "/dev/shm%s", object);
	return path;
}

bool object_exists(const char *name)
{
	return access(object_path(name), F_OK) == 0;
}

void object_remove(const char *name)
{
	unlink(object_path(name));
}

void object_plant(const char *name, const void *bytes, size_t size)
{
	int fd = open(object_path(name), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

void object_write(const char *name, size_t offset, const void *value, size_t size)
{
	int fd = open(object_path(name), O_RDWR | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, value, size, (off_t)offset), (ssize_t)size);
	close(fd);
}

struct object_view object_look(const char *name)
{
	struct object_view view = { 0 };
	const struct shared_buffer *shared;
	struct stat status;
	int fd = open(object_path(name), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return view;
	if (fstat(fd, &status) != 0 || (size_t)status.st_size < sizeof(*shared)) {
		close(fd);
		return view;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED)
		return view;
	if (atomic_load(&shared->header.magic) == MAGIC_READY) {
		const struct producers *producers = &shared->producers;
		const struct consumers *consumers = &shared->consumers;

		view.exists = true;
		view.producers = (unsigned)__builtin_popcountll(producers->side.attached);
		view.consumers = (unsigned)__builtin_popcountll(consumers->side.attached);
		view.head = consumers->head;
		view.tail = producers->tail;
		view.waiting_turn = producers->waiting_turn;
		view.waiting_ack = producers->waiting_ack;
		view.waiting_consumers = producers->waiting_consumers;
		view.waiting_data = consumers->waiting_data;
		view.waiting_piece = consumers->waiting_piece;
		view.room_wanted = producers->room_wanted;
		view.turn = producers->turn;
		view.events = producers->events;
		view.told = consumers->groups[0].told;
		view.groups = (unsigned)__builtin_popcount(consumers->groups_used);
		for (int i = 0; i < SLOT_COUNT; i++) {
			unsigned owner = (unsigned)(consumers->groups[0].claims[i].owner & 0xff);

			view.claims += owner != OWNER_FREE;
			view.orphans += owner == OWNER_NONE;
			view.producer_tid[i] = producers->side.slots[i].tid;
			view.consumer_tid[i] = consumers->side.slots[i].tid;
		}
	}
	munmap((void *)(uintptr_t)shared, sizeof(*shared));
	return view;
}

unsigned char *object_contents(const char *name, size_t *size)
{
	int fd = open(object_path(name), O_RDONLY | O_CLOEXEC);
	unsigned char *bytes;
	struct stat status;

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &status), 0);
	*size = (size_t)status.st_size;
	bytes = malloc(*size + 1);
	cr_assert_eq(pread(fd, bytes, *size, 0), (ssize_t)*size);
	close(fd);
	return bytes;
}

/* ---- tools as other processes ---- */

/*
 * The file is opened once more by its path: only then do two processes that write to it at once
 * take turns, as for any other file. With the descriptor of memfd_create() both may write to the
 * same place.
 */
static int memory_file(void)
{
	int unopened = memfd_create("test", MFD_CLOEXEC), fd;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", unopened);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	close(unopened);
	return fd;
}

int bytes_file(const void *bytes, size_t size)
{
	int fd = memory_file();

	while (size > 0) {
		ssize_t put = write(fd, bytes, size);

		cr_assert_gt(put, 0);
		bytes = (const char *)bytes + put;
		size -= (size_t)put;
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

const char *tool_path(const char *name)
{
	static char paths[4][4096];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", setting("TOOLS"), name);
	return path;
}

struct tool tool_start_argv(int input, int output, const char *const *argv)
{
	struct tool tool = { .output = memory_file(), .errors = memory_file() };
	bool by_name = strchr(argv[0], '/') == NULL && strncmp(argv[0], "shm-", 4) == 0;
	const char *path = by_name ? tool_path(argv[0]) : argv[0];
	pid_t parent = getpid();

	tool.pid = fork();
	cr_assert_geq(tool.pid, 0);
	if (tool.pid == 0) {
		/* The child must neither fail an assertion nor return. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(125);
		if (input < 0)
			input = open("/dev/null", O_RDONLY);
		dup2(input, STDIN_FILENO);
		dup2(output >= 0 ? output : tool.output, STDOUT_FILENO);
		dup2(tool.errors, STDERR_FILENO);
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		for (int number = 1; number < 32; number++)
			signal(number, SIG_DFL);
		execvp(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return tool;
}

static void arguments_gather(const char **argv, const char *name, va_list arguments)
{
	int count = 0;

	argv[count++] = name;
	while ((argv[count] = va_arg(arguments, const char *)) != NULL)
		cr_assert_lt(++count, ARGUMENTS_MAX);
}

struct tool tool_start(const char *name, ...)
{
	const char *argv[ARGUMENTS_MAX + 1];
	va_list arguments;

	va_start(arguments, name);
	arguments_gather(argv, name, arguments);
	va_end(arguments);
	return tool_start_argv(-1, -1, argv);
}

struct tool tool_start_fds(int input, int output, const char *name, ...)
{
	const char *argv[ARGUMENTS_MAX + 1];
	va_list arguments;

	va_start(arguments, name);
	arguments_gather(argv, name, arguments);
	va_end(arguments);
	return tool_start_argv(input, output, argv);
}

bool tool_ended(const struct tool *tool)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)tool->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

int tool_end_within(struct tool *tool, unsigned seconds)
{
	uint64_t until = test_now_ms() + (uint64_t)seconds * 1000;
	int status;

	while (!tool_ended(tool)) {
		if (test_now_ms() >= until) {
			char *errors = tool_errors(tool);

			cr_assert_fail("a process did not end within %u s; it said: %s", seconds,
				       errors);
		}
		test_pause();
	}
	cr_assert_eq(waitpid(tool->pid, &status, 0), tool->pid);
	tool->pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int tool_end(struct tool *tool)
{
	return tool_end_within(tool, DEADLINE_S);
}

void tool_kill(struct tool *tool)
{
	kill(tool->pid, SIGKILL);
	tool_end(tool);
}

static char *file_read(int fd, size_t *size)
{
	struct stat status;
	char *text;
	size_t have = 0;

	cr_assert_eq(fstat(fd, &status), 0);
	text = malloc((size_t)status.st_size + 1);
	cr_assert_not_null(text);
	while (have < (size_t)status.st_size) {
		ssize_t got = pread(fd, text + have, (size_t)status.st_size - have, (off_t)have);

		if (got <= 0)
			break;
		have += (size_t)got;
	}
	text[have] = '\0';
	if (size != NULL)
		*size = have;
	return text;
}

char *tool_output(const struct tool *tool, size_t *size)
{
	return file_read(tool->output, size);
}

char *tool_errors(const struct tool *tool)
{
	return file_read(tool->errors, NULL);
}

void tool_free(struct tool *tool)
{
	close(tool->output);
	close(tool->errors);
}

void expect_output(const struct tool *tool, const char *expected)
{
	char *output = tool_output(tool, NULL);

	cr_expect_str_eq(output, expected, "output is \"%s\", not \"%s\"", output, expected);
	free(output);
}

bool errors_contain(const struct tool *tool, const char *part)
{
	char *errors = tool_errors(tool);
	bool contain = strstr(errors, part) != NULL;

	free(errors);
	return contain;
}

void expect_bytes(const struct tool *tool, const void *expected, size_t size)
{
	size_t got;
	char *output = tool_output(tool, &got);

	cr_expect_eq(got, size, "%zu bytes came, not %zu", got, size);
	cr_expect(got == size && memcmp(output, expected, size) == 0, "other bytes came");
	free(output);
}

bool output_is(const struct tool *tool, const char *expected)
{
	char *output = tool_output(tool, NULL);
	bool same = strcmp(output, expected) == 0;

	free(output);
	return same;
}

int errors_count(const struct tool *tool, const char *part)
{
	char *errors = tool_errors(tool);
	int count = 0;

	for (const char *at = errors; (at = strstr(at, part)) != NULL; at++)
		count++;
	free(errors);
	return count;
}

void expect_errors_contain(const struct tool *tool, const char *part)
{
	char *errors = tool_errors(tool);

	cr_expect_not_null(strstr(errors, part), "errors are \"%s\", without \"%s\"", errors, part);
	free(errors);
}

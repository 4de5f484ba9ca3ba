/*
 * Full and short: a full /dev/shm, resource limits, signals all the time, the wall clock,
 * and locks whose holder is stopped.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel.h"

enum { PROMPT_MS = 3000 }; /* how long after Ctrl-C, or after the time of -w, a tool may live */

/* ---- what the tests here share ---- */

/* Waits for its end: `status`, and one line that names the cause. */
static void expect_end(struct tool *tool, int status, const char *part)
{
	int got = tool_end(tool);
	char *errors = tool_errors(tool);
	size_t line = strcspn(errors, "\n");

	cr_expect_eq(got, status, "ended with %d, not %d: %s", got, status, errors);
	cr_expect_not_null(strstr(errors, part), "said \"%s\", without \"%s\"", errors, part);
	cr_expect(errors[line] == '\n' && errors[line + 1] == '\0',
		  "said \"%s\", which is not one line", errors);
	free(errors);
	tool_free(tool);
}

static void expect_refused(struct tool tool, const char *part)
{
	expect_end(&tool, 1, part);
}

static void put(const char *name, const char *message)
{
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, message), 0);
	tool_free(&tool);
}

/* Takes what is left; then the channel must be gone. */
static void expect_rest(const char *name, int status, const char *expected)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-e"), status);
	expect_output(&tool, expected);
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

static char *numbered_lines(int count, size_t *size)
{
	char *text = malloc((size_t)count * 64), *to = text;

	cr_assert_not_null(text);
	for (int i = 0; i < count; i++)
		to += sprintf(to, "%d %.*s\n", i, i % 40,
			      "########################################");
	*size = (size_t)(to - text);
	return text;
}

/* Asserts that the output is exactly these bytes. */
static void expect_bytes(const struct tool *tool, const char *expected, size_t size)
{
	size_t got;
	char *output = tool_output(tool, &got);

	cr_expect_eq(got, size, "%zu bytes came, not %zu", got, size);
	cr_expect(got == size && memcmp(output, expected, size) == 0, "other bytes came");
	free(output);
}

static bool said(const struct tool *tool, const char *part)
{
	char *errors = tool_errors(tool);
	bool found = strstr(errors, part) != NULL;

	free(errors);
	return found;
}

/* The state letter in /proc/PID/stat. */
static int state_of(pid_t pid)
{
	char path[64], text[512] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	state = strrchr(text, ')');
	return state != NULL ? state[2] : '?';
}

/* The system call it is in, and its arguments; -1: none, -2: the kernel does not tell. */
static long syscall_of(pid_t pid, unsigned long arguments[3])
{
	char path[64], text[256] = "";
	long number = -1;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/syscall", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -2;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return -2;
	if (sscanf(text, "%ld %lx %lx %lx", &number, &arguments[0], &arguments[1], &arguments[2]) !=
	    4)
		return -1;
	return number;
}

static void stop(pid_t pid)
{
	kill(pid, SIGSTOP);
	WAIT_FOR(state_of(pid) == 'T');
}

/* ---- a full /dev/shm ---- */

static void write_text(const char *path, const char *format, unsigned id)
{
	char text[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), format, id, id);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		test_note("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/*
 * Gives this test, and what it starts, a /dev/shm of its own with these mount options;
 * skips the test where that is not permitted. The mount ends with the test's process.
 */
static void small_memory(const char *options)
{
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNS) != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
			test_note("no mount namespace here: a full /dev/shm is not tested");
			test_skip("needs a mount namespace");
		}
		write_text("/proc/self/setgroups", "deny", 0);
		write_text("/proc/self/uid_map", "%u %u 1", uid);
		write_text("/proc/self/gid_map", "%u %u 1", gid);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
		test_note("no tmpfs of our own here (%s): a full /dev/shm is not tested",
			  strerror(errno));
		test_skip("needs to mount a tmpfs");
	}
}

/* Takes all the memory that is left. */
static void memory_fill(void)
{
	static const char zeros[4096];
	int fd = open("/dev/shm/filler", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	cr_assert_eq(errno, ENOSPC);
	close(fd);
}

/* Bytes that a channel with that ring takes. */
static size_t object_bytes(size_t ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct shared_buffer) + page - 1) / page * page + ring;
}

/* Numbered lines through a channel that exists; its consumer, if any, was started before. */
static void lines_flow(const char *name, struct tool *consumer)
{
	size_t size;
	char *text = numbered_lines(100000, &size);
	int input = bytes_file(text, size);
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	if (consumer == NULL) {
		struct tool late;

		WAIT_FOR(object_look(name).tail != 0); /* else it sees an earlier stream's end */
		late = tool_start("shm-consume", "-C", name, NULL);
		cr_expect_eq(tool_end(&late), 0);
		expect_bytes(&late, text, size);
		tool_free(&late);
	} else {
		cr_expect_eq(tool_end(consumer), 0);
		expect_bytes(consumer, text, size);
		tool_free(consumer);
	}
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input);
	free(text);
	cr_expect(!object_exists(name));
}

Test(limits, a_channel_that_does_not_fit_is_refused_and_another_goes_on, .timeout = 60)
{
	char a[NAME_SIZE], b[NAME_SIZE], needed[64];
	struct agent holder;

	small_memory("size=2m");
	channel_name(a);
	channel_name(b);
	holder = agent_start();
	agent_expect(&holder, "ok", "attach producer %s", a);
	snprintf(needed, sizeof(needed), "%zu bytes are needed", object_bytes(1 << 20));
	expect_refused(tool_start("shm-produce", "-C", b, "x", NULL), needed);
	expect_refused(tool_start("shm-produce", "-C", b, "-n", "x", NULL), "No space left");
	expect_refused(tool_start("shm-consume", "-C", b, NULL), needed);
	expect_refused(tool_start("shm-consume", "-C", b, "-w", "9", "--new", NULL), "--size");
	cr_expect(!object_exists(b));
	agent_quit(&holder);
	lines_flow(a, NULL);
}

/* All memory was reserved: no SIGBUS when a page is touched for the first time. */
Test(limits, a_waiting_consumer_does_not_mind_that_the_memory_fills_up, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	small_memory("size=2m");
	consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	memory_fill();
	lines_flow(name, &consumer);
}

Test(limits, a_waiting_producer_does_not_mind_that_the_memory_fills_up, .timeout = 60)
{
	struct tool producer;
	char name[NAME_SIZE];
	int ends[2];

	small_memory("size=2m");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	producer = tool_start_fds(ends[0], -1, "shm-produce", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).producers == 1);
	memory_fill();
	close(ends[0]);
	close(ends[1]);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	lines_flow(name, NULL);
}

Test(limits, deaths_are_repaired_in_a_full_memory, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	small_memory("size=2m");
	channel_name(name);
	producer = agent_start();
	agent_expect(&producer, "ok", "attach producer %s", name);
	memory_fill();
	for (int round = 0; round < 5; round++) {
		consumer = agent_start();
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		agent_expect(&producer, "ok", "sendn 100000");
		cr_assert_str_not_empty(agent_ask(&consumer, "receive"));
		agent_expect(&consumer, "ok", "check");
		agent_kill(&consumer);
		consumer = agent_start();
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		cr_assert_str_not_empty(agent_ask(&consumer, "receive"));
		agent_expect(&consumer, "ok", "check");
		agent_expect(&consumer, "ok", "acknowledge");
		agent_quit(&consumer);
		agent_expect(&producer, "ok", "piece 1000 more");
		agent_kill(&producer);
		producer = agent_start();
		agent_expect(&producer, "ok", "attach producer %s", name);
	}
	agent_quit(&producer);
	expect_rest(name, 4, "");
}

Test(limits, when_there_is_room_again_the_same_command_works, .timeout = 60)
{
	char name[NAME_SIZE];

	small_memory("size=2m");
	channel_name(name);
	memory_fill();
	expect_refused(tool_start("shm-produce", "-C", name, "x", NULL), " 0 are free");
	expect_refused(tool_start("shm-consume", "-C", name, NULL), " 0 are free");
	cr_expect(!object_exists(name));
	unlink("/dev/shm/filler");
	put(name, "x");
	expect_rest(name, 0, "x\n");
}

/* Each sees the same free memory; what several take at once is not enough for one. */
Test(limits, creators_that_race_for_the_last_memory_get_it_or_an_error, .timeout = 60)
{
	enum { CREATORS = 6, ROUNDS = 20 };

	small_memory("size=2m");
	for (int round = 0; round < ROUNDS; round++) {
		struct tool tools[CREATORS];
		char names[CREATORS][NAME_SIZE];

		for (int i = 0; i < CREATORS; i++)
			tools[i] =
				tool_start("shm-produce", "-C", channel_name(names[i]), "x", NULL);
		for (int i = 0; i < CREATORS; i++) {
			int status = tool_end(&tools[i]);

			cr_expect(status == 0 || (status == 1 && said(&tools[i], "No space left")));
			cr_expect_eq(object_exists(names[i]), status == 0);
			tool_free(&tools[i]);
			if (status == 0)
				expect_rest(names[i], 0, "x\n");
		}
	}
}

/* It is not for lack of bytes. */
Test(limits, a_memory_without_room_for_another_name_says_no_nonsense, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	small_memory("size=2m,nr_inodes=1");
	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 1);
	expect_errors_contain(&tool, "No space left");
	cr_expect(!said(&tool, " 0 bytes are needed"), "as if that were too much");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 1);
	expect_errors_contain(&tool, "No space left");
	cr_expect(!said(&tool, " 0 bytes are needed"), "as if that were too much");
	tool_free(&tool);
}

Test(limits, a_container_with_64_mib_has_room_for_the_default_and_names_its_option, .timeout = 60)
{
	char name[NAME_SIZE], needed[64];
	struct tool tool;

	small_memory("size=64m");
	channel_name(name);
	lines_flow(name, NULL);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "32M", "y"), 0);
	tool_free(&tool);
	expect_rest(name, 0, "y\n");

	snprintf(needed, sizeof(needed), "%zu bytes are needed", object_bytes(64 << 20));
	expect_refused(tool_start("shm-produce", "-C", name, "-s", "64M", "x", NULL), "--shm-size");
	expect_refused(tool_start("shm-consume", "-C", name, "-s", "64M", NULL), "--shm-size");
	expect_refused(tool_start("shm-produce", "-C", name, "-s", "33M", "x", NULL), needed);
	expect_refused(tool_start("shm-consume", "-C", name, "-s", "4G", NULL), "--size");
	cr_expect(!object_exists(name));
}

Test(limits, a_memory_that_may_only_be_read_is_a_clear_error, .timeout = 60)
{
	char name[NAME_SIZE];

	small_memory("size=2m");
	cr_assert_eq(mount(NULL, "/dev/shm", NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL),
		     0);
	channel_name(name);
	expect_refused(tool_start("shm-produce", "-C", name, "x", NULL), "Read-only");
	expect_refused(tool_start("shm-consume", "-C", name, NULL), "Read-only");
}

/* ---- resource limits ---- */

static void need_prlimit(void)
{
	struct tool tool = tool_start("prlimit", "--version", NULL);
	int status = tool_end(&tool);

	tool_free(&tool);
	if (status != 0) {
		test_note("no prlimit here: resource limits are not tested");
		test_skip("needs prlimit of util-linux");
	}
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* that needs files of its own */
}

#define LIMITED(limit, tool, ...) tool_start("prlimit", limit, tool_path(tool), __VA_ARGS__, NULL)

Test(limits, one_free_descriptor_is_enough_and_nothing_is_left, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	tool = LIMITED("--nofile=4", "shm-produce", "-C", name, "x");
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = LIMITED("--nofile=4", "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_expect(!object_exists(name), "the last one out removes the object");
	object_remove(name);

	/* the same when it comes to nothing */
	tool = tool_start("prlimit", "--nofile=4", "prlimit", "--fsize=100000",
			  tool_path("shm-produce"), "-C", name, "x", NULL);
	expect_refused(tool, "File too large");
	cr_expect(!object_exists(name));
	object_remove(name);
}

Test(limits, an_input_that_cannot_be_opened_for_lack_of_descriptors_is_named, .timeout = 60)
{
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	expect_refused(LIMITED("--nofile=4", "shm-produce", "-C", name, "-i", "/etc/passwd"),
		       "cannot open \"/etc/passwd\": "); /* in the words of its C library */
	expect_rest(name, 4, ""); /* a consumer learns that this producer has failed */
}

/*
 * The dynamic linker needs a descriptor, too, so the limit must come later: while the tool
 * is held up by its own first words, which do not fit into a pipe.
 */
static void attach_without_descriptors(const char *name, const char *tool, const char *operand)
{
	const struct rlimit three = { 3, 3 };
	unsigned long arguments[3] = { 0 };
	char text[4096], *words, *to;
	size_t size = 0, filled = 0;
	struct tool process;
	uint64_t until;
	int ends[2];
	long number;
	ssize_t got;

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	memset(text, ' ', sizeof(text));
	for (size_t step = sizeof(text); step > 0; step = step > 1 ? 1 : 0)
		while ((got = write(ends[1], text, step)) > 0)
			filled += (size_t)got;
	cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
	process = tool_start_fds(-1, ends[1], "sh", "-c", "exec \"$0\" \"$@\" 2>&1",
				 tool_path(tool), "-v", "-C", name, operand, NULL);
	close(ends[1]);
	until = test_now_ms() + DEADLINE_S * 1000;
	do { /* C libraries differ in how they write to it */
		number = syscall_of(process.pid, arguments);
		cr_assert(!tool_ended(&process) && test_now_ms() < until);
		if (number != SYS_write && number != SYS_writev)
			test_pause();
	} while (number != SYS_write && number != SYS_writev && number != -2);
	if (number == -2) {
		tool_kill(&process);
		close(ends[0]);
		test_note("no /proc/PID/syscall here: a tool without descriptors is not tested");
		test_skip("needs to know where another process is");
	}
	cr_expect_eq(arguments[0], 2UL, "its words go to standard error");
	cr_assert_eq(prlimit(process.pid, RLIMIT_NOFILE, &three, NULL), 0);
	words = malloc(filled + sizeof(text));
	cr_assert_not_null(words);
	while (size < filled + sizeof(text) - 1 &&
	       (got = read(ends[0], words + size, filled + sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	words[size] = '\0';
	close(ends[0]);
	cr_expect_eq(tool_end(&process), 1);
	tool_free(&process);
	to = strstr(words, "shm-");
	cr_expect(to != NULL && strstr(to, "cannot attach to channel") != NULL &&
			  (strstr(to, "open files") != NULL || strstr(to, "descriptors") != NULL),
		  "said \"%s\"", to != NULL ? to : "nothing");
	free(words);
	cr_expect(!object_exists(name));
}

Test(limits, a_tool_without_a_free_descriptor_says_so, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	attach_without_descriptors(name, "shm-produce", "x");
	attach_without_descriptors(name, "shm-consume", "-q");
}

/* Limits that a program without a sanitizer does well with, and a ring of 16M does not. */
#define SPACE_FOR_SMALL "--as=25165824"
#define SPACE_FOR_RING	"--as=46137344"

static void need_address_limit(void)
{
	struct tool tool;
	int status;

	need_prlimit();
	tool = LIMITED(SPACE_FOR_SMALL, "shm-produce", "--version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0) {
		test_note("the tools do not start in 24 MiB (a sanitizer?): RLIMIT_AS is not "
			  "tested");
		test_skip("needs tools that start in 24 MiB of address space");
	}
}

Test(limits, a_ring_that_does_not_fit_into_the_address_space_is_refused, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_address_limit();
	channel_name(name);
	expect_refused(LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "-s", "16M", "x"),
		       "memory");
	cr_expect(!object_exists(name));
	expect_refused(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name, "-s", "16M"), "memory");
	cr_expect(!object_exists(name));

	/* one that exists is refused as well, and not harmed */
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "16M", "x"), 0);
	tool_free(&tool);
	expect_refused(LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "y"), "memory");
	expect_refused(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name), "memory");
	expect_refused(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name, "-e"), "memory");
	expect_rest(name, 0, "x\n");

	/* and what fits works */
	tool = LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "-s", "1M", "z");
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "z\n");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(limits, a_message_that_does_not_fit_into_memory_is_never_passed_off_as_whole, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_address_limit();
	channel_name(name);
	/* shorter than the ring, so it is gathered in memory first: it comes by a pipe */
	tool = tool_start("sh", "-c", "head -c 15000000 /dev/zero | prlimit \"$@\"", "sh",
			  SPACE_FOR_RING, tool_path("shm-produce"), "-C", name, "-s", "16M", NULL);
	expect_refused(tool, "memory");
	expect_rest(name, 4, "");
}

Test(limits, a_channel_larger_than_files_may_be_is_refused, .timeout = 60)
{
	static const char *const limits[] = { "--fsize=0", "--fsize=4", "--fsize=8", "--fsize=100",
					      "--fsize=1000000" };
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	static const char hint[] =
		"(ulimit -f unlimited, or a smaller --size)\n1\n"; /* with the status */
	char name[NAME_SIZE], expected[256], *output;
	struct tool tool;

	need_prlimit();
	channel_name(name);
	for (size_t i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
		/* a pipe, as what it says goes to a file here, and that is limited, too */
		tool = tool_start("sh", "-c", "{ prlimit \"$@\" </dev/null; echo $?; } 2>&1 | cat",
				  "sh", limits[i / 2], tool_path(tools[i % 2]), "-C", name, NULL);
		cr_expect_eq(tool_end(&tool), 0);
		snprintf(expected, sizeof(expected),
			 "%s: cannot attach to channel \"%s\": File too large: ", tools[i % 2],
			 name);
		output = tool_output(&tool, NULL);
		cr_expect_eq(strncmp(output, expected, strlen(expected)), 0, "%s", output);
		snprintf(expected, sizeof(expected), "files of this process may have %s %s",
			 strchr(limits[i / 2], '=') + 1, hint);
		cr_expect_not_null(strstr(output, expected), "%s", output);
		free(output);
		tool_free(&tool);
		cr_expect(!object_exists(name), "%s %s", limits[i / 2], tools[i % 2]);
	}
}

Test(limits, a_limit_for_files_does_not_limit_a_channel_that_exists, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	put(name, "x");
	tool = LIMITED("--fsize=1000", "shm-produce", "-C", name, "y");
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = LIMITED("--fsize=1000", "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "x\ny\n");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(limits, what_does_not_fit_into_the_output_file_comes_to_the_next_consumer, .timeout = 60)
{
	enum { FITS = 100000 };
	struct tool producer, first, second;
	size_t size, got, whole;
	char *text = numbered_lines(20000, &size), *output;
	int input = bytes_file(text, size);
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	cr_assert_eq(tool_end(&producer), 0); /* all of it fits into the ring */
	tool_free(&producer);
	first = LIMITED("--fsize=100000", "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&first), 1);
	expect_errors_contain(&first, "cannot write standard output: File too large");
	output = tool_output(&first, &got);
	cr_expect_eq(got, (size_t)FITS);
	cr_expect_eq(memcmp(output, text, FITS), 0);
	free(output);
	tool_free(&first);

	for (whole = FITS; text[whole - 1] != '\n'; whole--)
		;
	second = tool_start("shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&second), 0);
	expect_bytes(&second, text + whole, size - whole);
	tool_free(&second);
	close(input);
	free(text);
	cr_expect(!object_exists(name));
}

/* ---- signals all the time ---- */

enum {
	STORM_US = 50,
	STORM_MESSAGES = 20000,
	LONG_MESSAGE = 300000,
	STORM_ROUNDS = 5,
	STORM_SIGNALS =
		100 /* at least, in all rounds; a slow machine delivers fewer than it should */
};

static volatile sig_atomic_t storm_signals;

static void storm_signal(int number)
{
	(void)number;
	storm_signals++;
}

/*
 * From now on a signal interrupts this thread every 50 µs, and no system call is restarted.
 * Until storm_end(): nothing of Criterion's, and no new process (fork would never end).
 */
static void storm_begin(void)
{
	const struct itimerval often = { .it_interval.tv_usec = STORM_US,
					 .it_value.tv_usec = STORM_US };
	struct sigaction action = { .sa_handler = storm_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void storm_end(void)
{
	const struct itimerval never = { 0 };

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
}

static struct channel_options storm_options(const char *name, uint64_t size)
{
	return (struct channel_options){ .name = name,
					 .owner = geteuid(),
					 .size = size,
					 .timeout_ns = DEADLINE_S * UINT64_C(1000000000) };
}

/* The numbered lines, then one long line: what is sent and received here. */
static char *storm_text(size_t *size)
{
	char *text = numbered_lines(STORM_MESSAGES, size), *longer;

	longer = realloc(text, *size + LONG_MESSAGE + 1);
	cr_assert_not_null(longer);
	text = longer;
	memset(text + *size, 'L', LONG_MESSAGE);
	*size += LONG_MESSAGE;
	text[(*size)++] = '\n';
	return text;
}

/* These tests are an endpoint themselves. */
static void need_tools_like_us(void)
{
	const char *foreign = getenv("FOREIGN_TOOLS");

	if (foreign != NULL && *foreign != '\0')
		test_skip("the tools have another C library than this test");
}

Test(limits, a_channel_is_made_in_a_storm_of_signals, .timeout = 60)
{
	static const uint64_t sizes[] = { 4096, 1 << 20, 16 << 20 };
	struct channel *channel = channel_new();
	char name[NAME_SIZE];

	cr_assert_not_null(channel);
	channel_name(name);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct channel_options options = storm_options(name, sizes[i]);
		int rc;

		storm_begin();
		rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
		if (rc == 0)
			channel_detach(channel, 0);
		storm_end();
		cr_expect_eq(rc, 0, "%d", rc);
		cr_expect(!object_exists(name));
	}
	channel_free(channel);
}

/* Sends the text, line by line, to a tool. */
static void send_in_a_storm(const char *text, size_t size)
{
	struct channel *channel = channel_new();
	struct channel_options options;
	const char *line = text;
	struct tool consumer;
	char name[NAME_SIZE];
	int rc;

	cr_assert_not_null(channel);
	channel_name(name);
	options = storm_options(name, 65536);
	consumer = tool_start("shm-consume", "-C", name, "-s", "64K", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	storm_begin();
	rc = channel_attach(channel, CHANNEL_PRODUCER, &options);
	while (rc == 0 && line < text + size) {
		const char *end = memchr(line, '\n', (size_t)(text + size - line));

		rc = channel_send(channel, line, (size_t)(end - line), 0);
		line = end + 1;
	}
	if (rc == 0)
		rc = channel_wait_acknowledged(channel);
	channel_detach(channel, 0);
	storm_end();
	cr_assert_eq(rc, 0, "%d before byte %zu", rc, (size_t)(line - text));
	cr_expect_eq(tool_end(&consumer), 0);
	expect_bytes(&consumer, text, size);
	tool_free(&consumer);
	channel_free(channel);
	cr_expect(!object_exists(name));
}

/* Receives the text, line by line, from a tool. */
static void receive_in_a_storm(const char *text, size_t size)
{
	struct channel *channel = channel_new();
	int input = bytes_file(text, size), rc;
	struct channel_options options;
	char *got = malloc(size);
	struct tool producer;
	char name[NAME_SIZE];
	size_t have = 0;

	cr_assert_not_null(channel);
	cr_assert_not_null(got);
	channel_name(name);
	options = storm_options(name, 65536);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "64K", NULL);
	WAIT_FOR(object_look(name).producers == 1);
	storm_begin();
	rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
	if (rc == 0)
		rc = CHANNEL_DELIVERED;
	while (rc == CHANNEL_DELIVERED) {
		struct channel_delivery delivery;

		rc = channel_receive(channel, 1, 0, 0, &delivery);
		if (rc == CHANNEL_DELIVERED && delivery.size <= size - have) {
			memcpy(got + have, delivery.bytes, delivery.size);
			have += delivery.size;
		}
	}
	channel_detach(channel, 0);
	storm_end();
	cr_assert_eq(rc, CHANNEL_ENDED, "%d after %zu bytes", rc, have);
	cr_expect_eq(have, size - 1, "of a message in pieces the delimiter is not sent");
	cr_expect_eq(memcmp(got, text, have), 0);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input);
	channel_free(channel);
	free(got);
	cr_expect(!object_exists(name));
}

Test(limits, every_message_is_sent_once_in_a_storm_of_signals, .timeout = 60)
{
	size_t size;
	char *text;

	need_tools_like_us();
	text = storm_text(&size);

	for (int round = 0; round < STORM_ROUNDS; round++)
		send_in_a_storm(text, size);
	cr_expect_gt(storm_signals, STORM_SIGNALS, "%d signals", (int)storm_signals);
	free(text);
}

Test(limits, every_message_is_received_once_in_a_storm_of_signals, .timeout = 60)
{
	size_t size;
	char *text;

	need_tools_like_us();
	text = storm_text(&size);

	for (int round = 0; round < STORM_ROUNDS; round++)
		receive_in_a_storm(text, size);
	cr_expect_gt(storm_signals, STORM_SIGNALS, "%d signals", (int)storm_signals);
	free(text);
}

Test(limits, a_wait_is_as_long_as_asked_for_in_a_storm_of_signals, .timeout = 60)
{
	struct agent producer = agent_start();
	struct channel *channel = channel_new();
	struct channel_delivery delivery;
	struct channel_options options;
	char name[NAME_SIZE];
	uint64_t start, end;
	int rc;

	need_tools_like_us();
	cr_assert_not_null(channel);
	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	options = storm_options(name, 65536);
	rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
	cr_assert_eq(rc, 0);
	start = test_now_ms();
	storm_begin();
	rc = channel_receive(channel, 1, 0, UINT64_C(1500000000), &delivery);
	storm_end();
	end = test_now_ms();
	cr_expect_eq(rc, -ETIMEDOUT);
	cr_expect_geq(end - start, 1499);
	cr_expect_lt(end - start, 1500 + PROMPT_MS);
	channel_detach(channel, 0);
	channel_free(channel);
	agent_quit(&producer);
	expect_rest(name, 0, "");
}

/* Stops and continues them without a pause until they end. What they wait for is interrupted. */
static void stop_and_go(const struct tool *tools, int count)
{
	uint64_t until = test_now_ms() + DEADLINE_S * 1000;
	const struct timespec pause = { .tv_nsec = STORM_US * 1000 };
	bool running;

	do {
		running = false;
		for (int i = 0; i < count; i++) {
			if (tool_ended(&tools[i]))
				continue;
			running = true;
			kill(tools[i].pid, SIGSTOP);
			kill(tools[i].pid, SIGCONT);
		}
		nanosleep(&pause, NULL);
		cr_assert_lt(test_now_ms(), until, "they do not get on");
	} while (running);
}

Test(limits, tools_that_are_stopped_and_continued_all_the_time_lose_nothing, .timeout = 120)
{
	static const char *const sizes[] = { "4K", "1M" };
	size_t size;
	char *text = storm_text(&size);

	for (int i = 0; i < 4 * STORM_ROUNDS; i++) {
		int input = bytes_file(text, size);
		struct tool tools[2];
		char name[NAME_SIZE];

		channel_name(name);
		tools[0] = tool_start("shm-consume", "-C", name, "-s", sizes[i % 2], NULL);
		tools[1] = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", sizes[i % 2],
					  NULL);
		stop_and_go(tools, 2);
		cr_expect_eq(tool_end(&tools[0]), 0);
		cr_expect_eq(tool_end(&tools[1]), 0);
		expect_bytes(&tools[0], text, size);
		tool_free(&tools[0]);
		tool_free(&tools[1]);
		close(input);
		cr_expect(!object_exists(name));
	}
	free(text);
}

Test(limits, a_timeout_is_kept_by_a_tool_that_is_stopped_and_continued, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool tool;
	char name[NAME_SIZE];
	uint64_t start = test_now_ms(), end;

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	tool = tool_start("shm-consume", "-C", name, "-w", "1.5", NULL);
	stop_and_go(&tool, 1);
	end = test_now_ms();
	cr_expect_eq(tool_end(&tool), 124);
	cr_expect_geq(end - start, 1500);
	cr_expect_lt(end - start, 1500 + PROMPT_MS);
	tool_free(&tool);
	agent_quit(&producer);
	expect_rest(name, 0, "");
}

/* ---- the wall clock ---- */

/* In a system call that waits by the wall clock, to a point in time? */
static bool waits_by_wall_clock(long number, const unsigned long arguments[3])
{
	enum { CLOCK_REALTIME_FLAG = 256 };

#ifdef SYS_futex
	if (number == SYS_futex)
		return (arguments[1] & CLOCK_REALTIME_FLAG) != 0;
#endif
#ifdef SYS_futex_time64
	if (number == SYS_futex_time64)
		return (arguments[1] & CLOCK_REALTIME_FLAG) != 0;
#endif
#ifdef SYS_clock_nanosleep
	if (number == SYS_clock_nanosleep)
		return arguments[0] == CLOCK_REALTIME && (arguments[1] & TIMER_ABSTIME) != 0;
#endif
	return false;
}

/* Looks many times what a waiting process is in. */
static void expect_monotonic(const struct tool *tool, const char *what)
{
	unsigned long arguments[3] = { 0 };
	int seen = 0;

	for (int look = 0; look < 200; look++) {
		long number = syscall_of(tool->pid, arguments);

		if (number == -2) {
			test_note("no /proc/PID/syscall here: by which clock the tools wait is "
				  "not tested");
			test_skip("needs to know where another process is");
		}
		seen += number >= 0;
		cr_assert(!waits_by_wall_clock(number, arguments),
			  "waiting for %s it follows the wall clock: system call %ld (%lx, %lx)",
			  what, number, arguments[0], arguments[1]);
		test_pause();
	}
	cr_expect_gt(seen, 0, "waiting for %s it was never seen asleep", what);
}

/*
 * This machine's clock is not set for a test. But a wait that a step of the wall clock could
 * shorten or lengthen has to name that clock to the kernel, and that can be seen.
 */
Test(limits, no_wait_follows_the_wall_clock, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool first, second, consumer;
	char name[NAME_SIZE];
	int ends[2], lock;

	cr_log_info("the wall clock is not set back and forth here: it is everybody's");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, "-s", "4K", "-w", "60", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	expect_monotonic(&consumer, "data");

	agent_expect(&holder, "ok", "attach producer %s", name);
	agent_expect(&holder, "ok", "lock consumer");
	first = tool_start("shm-consume", "-C", name, "-w", "60", NULL);
	WAIT_FOR(state_of(first.pid) == 'S');
	expect_monotonic(&first, "the consumers' lock");
	tool_kill(&first);
	tool_free(&first);
	tool_kill(&consumer);
	tool_free(&consumer);
	agent_expect(&holder, "ok", "unlock consumer");

	agent_expect(&holder, "ok", "sendn 4000");
	first = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-w", "60", NULL);
	WAIT_FOR(object_look(name).producers == 2);
	expect_monotonic(&first, "input");
	cr_assert_eq(write(ends[1],
			   "a line that does not fit any more, as the ring is full, as "
			   "full as it can be with just one message in it\n",
			   106),
		     106);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	expect_monotonic(&first, "room");
	second = tool_start("shm-produce", "-C", name, "-w", "60", "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	expect_monotonic(&second, "the turn");
	tool_kill(&second);
	tool_free(&second);
	tool_kill(&first);
	tool_free(&first);

	agent_tell(&holder, "ack");
	first = tool_start("shm-produce", "-C", name, "-a", "-w", "60", "-i", "/dev/null", NULL);
	WAIT_FOR((object_look(name).waiting_ack & ~UINT64_C(1)) != 0);
	expect_monotonic(&first, "the acknowledgement");
	tool_kill(&first);
	tool_free(&first);

	lock = open(object_path(name), O_RDWR | O_CLOEXEC);
	cr_assert_geq(lock, 0);
	cr_assert_eq(flock(lock, LOCK_EX), 0);
	first = tool_start("shm-produce", "-C", name, "-w", "60", "x", NULL);
	WAIT_FOR(state_of(first.pid) == 'S');
	expect_monotonic(&first, "the file's lock");
	tool_kill(&first);
	tool_free(&first);
	close(lock);
	close(ends[0]);
	close(ends[1]);
	agent_kill(&holder);
	object_remove(name);
}

/* ---- locks whose holder is stopped ---- */

/* Ctrl-C, and it ends soon, by that signal. */
static void interrupt(struct tool *tool, const char *what)
{
	uint64_t start = test_now_ms(), end;
	int status;

	kill(tool->pid, SIGINT);
	status = tool_end(tool);
	end = test_now_ms();
	cr_expect_eq(status, 128 + SIGINT, "%s: ended with %d", what, status);
	cr_expect_lt(end - start, PROMPT_MS, "%s: took %d ms", what, (int)(end - start));
	tool_free(tool);
}

/* -w, and it ends in time, naming the holder. */
static void time_out(struct tool *tool, uint64_t start, const char *what, const char *part)
{
	uint64_t end;

	expect_end(tool, 124, part);
	end = test_now_ms();
	cr_expect_geq(end - start, 500);
	cr_expect_lt(end - start, 500 + PROMPT_MS, "%s: took %d ms", what, (int)(end - start));
}

static const char *process_named(const struct agent *agent)
{
	static char name[32];

	snprintf(name, sizeof(name), "process %ld", (long)agent->tool.pid);
	return name;
}

static void newcomers_wait_for(const char *lock)
{
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	struct agent holder = agent_start();
	char name[NAME_SIZE], what[128];

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	agent_expect(&holder, "ok", "%s", lock);
	stop(holder.tool.pid);
	for (int i = 0; i < 2; i++) {
		uint64_t start = test_now_ms();
		struct tool tool = tool_start(tools[i], "-C", name, "-w", "0.5", NULL);

		snprintf(what, sizeof(what), "%s at \"%s\"", tools[i], lock);
		time_out(&tool, start, what, process_named(&holder));
		tool = tool_start(tools[i], "-C", name, "-v", NULL);
		WAIT_FOR(said(&tool, i == 0 ? "preparing data" : "waiting for shared memory"));
		WAIT_FOR(state_of(tool.pid) == 'S');
		interrupt(&tool, what);
	}
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

Test(limits, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_producers_lock, .timeout = 60)
{
	newcomers_wait_for("lock producer");
}

Test(limits, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_consumers_lock, .timeout = 60)
{
	newcomers_wait_for("lock consumer");
}

Test(limits, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_file_lock, .timeout = 60)
{
	newcomers_wait_for("flock");
}

/* What holds it is no tool of ours, so the channel does not know it; the kernel does. */
Test(limits, a_file_lock_held_by_a_stranger_is_said_to_be_held, .timeout = 60)
{
	char name[NAME_SIZE], held[80];
	struct tool tool;
	uint64_t start;
	int fd;

	channel_name(name);
	put(name, "x");
	snprintf(held, sizeof(held), "its lock is held by process %ld", (long)getpid());
	fd = open(object_path(name), O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_SH), 0);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "0.5", NULL);
	time_out(&tool, start, "shm-consume", held);
	tool = tool_start("shm-produce", "-C", name, "-v", "y", NULL);
	WAIT_FOR(said(&tool, "preparing data"));
	WAIT_FOR(state_of(tool.pid) == 'S');
	interrupt(&tool, "shm-produce");
	close(fd);
	expect_rest(name, 0, "x\n");
}

/* They are attached; then somebody is stopped with their lock in hand. */
static void endpoints_leave_without(const char *lock)
{
	struct agent holder = agent_start();
	struct tool waiting, holding, writing, full;
	int input[2], output[2], text;
	char name[NAME_SIZE], *bytes;
	size_t size;

	bytes = numbered_lines(20000, &size);
	text = bytes_file(bytes, size);
	free(bytes);
	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s size=65536", name);
	/* one that holds messages, as nobody reads what it writes, and one that has none */
	holding = tool_start_fds(-1, output[1], "shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	full = tool_start_fds(text, -1, "shm-produce", "-C", name, NULL);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	writing = tool_start_fds(input[0], -1, "shm-produce", "-C", name, NULL);
	WAIT_FOR(object_look(name).producers == 3);
	waiting = tool_start("shm-produce", "-C", name, "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);

	agent_expect(&holder, "ok", "%s", lock);
	stop(holder.tool.pid);
	interrupt(&waiting, "a producer that waits for its turn");
	interrupt(&writing, "a producer that waits for input");
	interrupt(&full, "a producer that waits for room");
	interrupt(&holding, "a consumer that writes");
	agent_kill(&holder);
	for (int i = 0; i < 2; i++) {
		close(input[i]);
		close(output[i]);
	}
	close(text);
	full = tool_start("shm-consume", "-C", name, "-w", "10", NULL);
	cr_expect_eq(tool_end(&full), 4); /* nothing is stuck */
	tool_free(&full);
	cr_expect(!object_exists(name));
}

Test(limits, endpoints_honour_ctrl_c_when_the_producers_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("lock producer");
}

Test(limits, endpoints_honour_ctrl_c_when_the_consumers_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("lock consumer");
}

Test(limits, endpoints_honour_ctrl_c_when_the_file_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("flock");
}

Test(limits, a_sleeping_consumer_times_out_when_its_lock_is_held, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool tool, other;
	char name[NAME_SIZE];
	uint64_t start;

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	other = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "1.5", NULL);
	WAIT_FOR(object_look(name).consumers == 2);
	agent_expect(&holder, "ok", "lock consumer");
	stop(holder.tool.pid);
	cr_expect_eq(tool_end(&tool), 124);
	cr_expect_lt(test_now_ms() - start, 1500 + PROMPT_MS);
	expect_errors_contain(&tool, process_named(&holder));
	tool_free(&tool);
	interrupt(&other, "a consumer that slept");
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

/* The wait for a message and the one for the lock on the way to it are one wait. */
Test(limits, a_lock_that_is_taken_late_does_not_begin_the_timeout_anew, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool tool;
	char name[NAME_SIZE];
	uint64_t start, end;

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "3", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	WAIT_FOR(test_now_ms() >= start + 2200);
	agent_expect(&holder, "ok", "lock consumer");
	stop(holder.tool.pid);
	expect_end(&tool, 124, process_named(&holder));
	end = test_now_ms();
	cr_expect_geq(end - start, 3000);
	cr_expect_lt(end - start, 3000 + PROMPT_MS, "took %d ms", (int)(end - start));
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

/* Not a lock, but others wait for it in the same way. */
Test(limits, a_producer_stopped_inside_a_long_message_is_named, .timeout = 60)
{
	struct tool slow, tool;
	char name[NAME_SIZE], part[64], bytes[8192];
	uint64_t start;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	slow = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-s", "4K", NULL);
	memset(bytes, 'b', sizeof(bytes));
	cr_assert_eq(write(ends[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	WAIT_FOR(object_look(name).turn == 1);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	stop(slow.pid);
	start = test_now_ms();
	tool = tool_start("shm-produce", "-C", name, "-w", "0.5", "x", NULL);
	snprintf(part, sizeof(part), "process %ld, is first", (long)slow.pid);
	time_out(&tool, start, "shm-produce", part);
	tool = tool_start("shm-produce", "-C", name, "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	interrupt(&tool, "a producer that waits for its turn");
	kill(slow.pid, SIGCONT);
	close(ends[1]);
	tool = tool_start("shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&slow), 0);
	cr_expect_eq(tool_end(&tool), 4); /* two have given up */
	expect_bytes(&tool, bytes, sizeof(bytes));
	tool_free(&tool);
	tool_free(&slow);
	close(ends[0]);
	cr_expect(!object_exists(name));
}

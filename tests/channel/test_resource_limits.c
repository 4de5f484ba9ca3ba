/* Resource limits: file descriptors, address space, and the size of files (setrlimit(2)). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

static void need_prlimit(void)
{
	struct tool tool = tool_start("prlimit", "--version", NULL);
	int status = tool_end(&tool);

	tool_free(&tool);
	if (status != 0) {
		test_note("no prlimit here: resource limits are not tested");
		test_skip("needs prlimit of util-linux");
	}
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* that one needs descriptors of its own */
}

#define LIMITED(limit, tool, ...) tool_start("prlimit", limit, tool_path(tool), __VA_ARGS__, NULL)

Test(resource_limits, one_free_descriptor_is_enough_and_nothing_is_left, .timeout = 60)
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

	/* and so if attaching fails */
	tool = tool_start("prlimit", "--nofile=4", "prlimit", "--fsize=100000",
			  tool_path("shm-produce"), "-C", name, "x", NULL);
	expect_failure(tool, "File too large");
	cr_expect(!object_exists(name));
	object_remove(name);
}

Test(resource_limits, an_input_that_cannot_be_opened_for_lack_of_descriptors_is_named,
     .timeout = 60)
{
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	expect_failure(LIMITED("--nofile=4", "shm-produce", "-C", name, "-i", "/etc/passwd"),
		       "cannot open \"/etc/passwd\": "); /* as the C library says it */
	expect_rest(name, 4, ""); /* a consumer learns that this producer has failed */
}

/*
 * The dynamic linker needs a descriptor, too, so the limit must come later: while the tool is
 * blocked in writing its first words, which do not fit into a pipe.
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
		number = process_system_call(process.pid, arguments);
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

Test(resource_limits, a_tool_without_a_free_descriptor_says_so, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	attach_without_descriptors(name, "shm-produce", "x");
	attach_without_descriptors(name, "shm-consume", "-q");
}

/*
 * Limits of the address space in which a program without a sanitizer does well; a ring of 16M does
 * not fit.
 */
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

Test(resource_limits, a_ring_that_does_not_fit_into_the_address_space_is_refused, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_address_limit();
	channel_name(name);
	expect_failure(LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "-s", "16M", "x"),
		       "memory");
	cr_expect(!object_exists(name));
	expect_failure(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name, "-s", "16M"), "memory");
	cr_expect(!object_exists(name));

	/* a channel that exists is refused as well, and not harmed */
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "16M", "x"), 0);
	tool_free(&tool);
	expect_failure(LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "y"), "memory");
	expect_failure(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name), "memory");
	expect_failure(LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name, "-e"), "memory");
	expect_rest(name, 0, "x\n");

	/* a channel that fits works */
	tool = LIMITED(SPACE_FOR_SMALL, "shm-produce", "-C", name, "-s", "1M", "z");
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = LIMITED(SPACE_FOR_SMALL, "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "z\n");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(resource_limits, a_message_that_does_not_fit_into_memory_is_never_passed_off_as_whole,
     .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_address_limit();
	channel_name(name);
	/*
	 * the message is shorter than the ring, so it is gathered in memory first: it comes by a
	 * pipe
	 */
	tool = tool_start("sh", "-c", "head -c 15000000 /dev/zero | prlimit \"$@\"", "sh",
			  SPACE_FOR_RING, tool_path("shm-produce"), "-C", name, "-s", "16M", NULL);
	expect_failure(tool, "memory");
	expect_rest(name, 4, "");
}

Test(resource_limits, a_channel_larger_than_files_may_be_is_refused, .timeout = 60)
{
	static const char *const limits[] = { "--fsize=0", "--fsize=4", "--fsize=8", "--fsize=100",
					      "--fsize=1000000" };
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	static const char hint[] =
		"(ulimit -f unlimited, or a smaller --size)\n1\n"; /* with the exit status */
	char name[NAME_SIZE], expected[256], *output;
	struct tool tool;

	need_prlimit();
	channel_name(name);
	for (size_t i = 0; i < 2 * sizeof(limits) / sizeof(limits[0]); i++) {
		/* through a pipe, as a file for what the tool says would be limited, too */
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

Test(resource_limits, a_limit_for_files_does_not_limit_a_channel_that_exists, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	need_prlimit();
	channel_name(name);
	message_send(name, "x");
	tool = LIMITED("--fsize=1000", "shm-produce", "-C", name, "y");
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = LIMITED("--fsize=1000", "shm-consume", "-C", name);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "x\ny\n");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(resource_limits, what_does_not_fit_into_the_output_file_comes_to_the_next_consumer,
     .timeout = 60)
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

/*
 * What the two tools understand and print: options, numbers, help, inputs, the story. What
 * they meet in shared memory is in test_cli_objects.c, how they end in test_cli_status.c.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs a tool to its end and frees it; the errors, one line, must contain `part`. */
static void refuse(int status, const char *part, const char *const *argv)
{
	struct tool tool = tool_start_argv(-1, -1, argv);
	int got = tool_end(&tool);
	char *errors = tool_errors(&tool);
	char what[2048] = "";

	for (int i = 0; argv[i] != NULL; i++) {
		strncat(what, argv[i], 300);
		strcat(what, " ");
	}
	cr_expect_eq(got, status, "%sended with %d, not %d: %s", what, got, status, errors);
	cr_expect_not_null(strstr(errors, part), "%ssaid \"%s\", without \"%s\"", what, errors,
			   part);
	cr_expect(strncmp(errors, argv[0], strlen(argv[0])) == 0 &&
			  strncmp(errors + strlen(argv[0]), ": ", 2) == 0,
		  "%ssaid \"%s\", not \"tool: ...\"", what, errors);
	cr_expect(strchr(errors, '\n') != NULL && strchr(errors, '\n')[1] == '\0',
		  "%ssaid \"%s\", which is not one line", what, errors);
	if (status == 2)
		cr_expect_not_null(strstr(errors, "--help"), "%ssaid \"%s\", without --help", what,
				   errors);
	expect_output(&tool, "");
	free(errors);
	tool_free(&tool);
}

#define REFUSE(status, part, ...) refuse(status, part, (const char *const[]){ __VA_ARGS__, NULL })

/* Both tools, usage errors. */
#define REFUSE_BOTH(part, ...)                                                                     \
	do {                                                                                       \
		REFUSE(2, part, "shm-produce", __VA_ARGS__);                                       \
		REFUSE(2, part, "shm-consume", __VA_ARGS__);                                       \
	} while (0)

/* Every test here that gives no name gets one of its own. */
static const char *own_default(char name[NAME_SIZE])
{
	channel_name(name);
	setenv("SHM_CHANNEL", name, 1);
	return name;
}

static void make_file(char path[64], const char *bytes, size_t size)
{
	int fd;

	strcpy(path, "/tmp/shm-channel-test-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

/* ---- usage errors ---- */

Test(command_line, refuses_a_bad_channel_name, .timeout = 60)
{
	static const char *const bad[] = { "",	 "a/b",	  "a b", "/a",	"..\n", "na\xc3\xafve",
					   "a*", "$HOME", "a:b", "\x7f" };
	char name[202];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("channel name", "-C", bad[i]);
	memset(name, 'n', 201);
	name[201] = '\0';
	REFUSE_BOTH("channel name", "--channel", name);
	REFUSE_BOTH("\"a/b\"", "-C", "a/b");
}

Test(command_line, refuses_a_bad_channel_name_in_the_environment, .timeout = 30)
{
	setenv("SHM_CHANNEL", "../../etc", 1);
	REFUSE_BOTH("channel name \"../../etc\"", "-q");
	REFUSE_BOTH("$SHM_CHANNEL", "-q");
}

Test(command_line, refuses_a_bad_size, .timeout = 60)
{
	static const char *const bad[] = { "",
					   "0",
					   "x",
					   "-1",
					   "+4096",
					   "1X",
					   "1KK",
					   "1 K",
					   "K",
					   "4.5M",
					   "5G",
					   " 1",
					   "0K",
					   "0x10",
					   "18446744073709551615K",
					   "99999999999999999999999" };
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("size", "-s", bad[i]);
	REFUSE_BOTH("\"1X\"", "--size=1X");
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_a_bad_timeout, .timeout = 60)
{
	static const char *const bad[] = { "",	  "x",	 "-1",	"1s", "1.2.3", ".",
					   "nan", "inf", "1 2", " 1", "0x1" };
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("timeout", "-w", bad[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE(2, "idle", "shm-consume", "-f", "--idle", bad[i]);
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_a_bad_spin, .timeout = 60)
{
	static const char *const bad[] = { "", "on", "AUTO", "-1", "1ms", "1.2.3", "." };
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("spin", "--spin", bad[i]);
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_a_bad_mode, .timeout = 60)
{
	static const char *const bad[] = { "",	     "x",     "9",     "0800",
					   "-1",     "01600", "0777",  "0700",
					   "04600",  "0000",  "0066",  "0400",
					   "00600x", "rw",    " 0600", "666666666666666" };
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("mode", "-m", bad[i]);
	cr_assert(!object_exists(name));
}

/* Whoever may only read a channel can hold up all others: that is asked for twice or not at all. */
Test(command_line, refuses_a_mode_for_readers_that_does_not_say_so, .timeout = 60)
{
	static const char *const bad[] = { "0644", "0640", "0604", "0664", "0646", "644" };
	char name[NAME_SIZE];
	struct tool tool;

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("to allow that: ", "-m", bad[i]);
	REFUSE_BOTH("bad mode", "-m", "0644,reader");
	REFUSE_BOTH("bad mode", "-m", ",readers");
	cr_assert(!object_exists(name));
	for (int i = 0; i < 2; i++) {
		const char *mode = i == 0 ? "0644,readers" : "0620";

		cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-m", mode, "x"), 0);
		tool_free(&tool);
		cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-m", mode), 0);
		tool_free(&tool);
	}
}

Test(command_line, refuses_a_bad_delimiter, .timeout = 60)
{
	static const char *const bad[] = { "\\q", "\\", "a\\", "\\x", "\\x1", "\\xg0", "\\x0g" };
	char name[NAME_SIZE], text[257];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE_BOTH("delimiter", "-D", bad[i]);
	memset(text, 'd', 256);
	text[256] = '\0';
	REFUSE_BOTH("255", "-D", text);
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_a_bad_count, .timeout = 30)
{
	static const char *const bad[] = { "",	 "0",	"-1", "x",
					   "1x", "1.5", " 1", "99999999999999999999999" };
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE(2, "count", "shm-consume", "-c", bad[i]);
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_what_needs_a_command_without_one, .timeout = 30)
{
	static const char *const options[][2] = {
		{ "-j", "2" },		{ "--retries", "1" },	    { "--retry-delay", "1" },
		{ "--max-time", "1" },	{ "--on-failure", "skip" }, { "--dead-letter", "x" },
		{ "--batch", "2,0.5" },
	};
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		REFUSE(2, "-- COMMAND", "shm-consume", options[i][0], options[i][1]);
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_bad_values_of_what_a_command_needs, .timeout = 60)
{
	static const char *const bad[][2] = {
		{ "-j", "65" },
		{ "-j", "x" },
		{ "-j", "-1" },
		{ "-b", "0" },
		{ "-b", "1000001" },
		{ "-b", "" },
		{ "-b", "1," },
		{ "-b", ",1" },
		{ "-b", "1,x" },
		{ "-b", "1,1,1" },
		{ "--retries", "" },
		{ "--retries", "-1" },
		{ "--retries", "1000001" },
		{ "--max-time", "x" },
		{ "--retry-delay", "-1" },
		{ "--on-failure", "ignore" },
		{ "--on-failure", "" },
		{ "--dead-letter", "a/b" },
		{ "--dead-letter", "" },
	};
	char name[NAME_SIZE];

	own_default(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSE(2, "bad ", "shm-consume", bad[i][0], bad[i][1], "--", "true");
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_an_unknown_owner, .timeout = 30)
{
	REFUSE_BOTH("\"no such person\"", "--owner", "no such person");
	REFUSE_BOTH("user", "--owner", "99999999999999");
}

Test(command_line, refuses_unknown_options_and_missing_arguments, .timeout = 60)
{
	char name[NAME_SIZE];

	own_default(name);
	REFUSE_BOTH("-Z", "-Z");
	REFUSE_BOTH("-Z", "-qZ");
	REFUSE_BOTH("--bogus", "--bogus");
	REFUSE_BOTH("-C", "-C");
	REFUSE_BOTH("argument", "-C");
	REFUSE_BOTH("--channel", "--channel");
	REFUSE_BOTH("argument", "--timeout");
	REFUSE_BOTH("--new", "--new=3");
	REFUSE_BOTH("-D", "-q", "-D");
	/* what only the other tool has */
	REFUSE(2, "--follow", "shm-produce", "--follow");
	REFUSE(2, "-c", "shm-produce", "-c", "3");
	REFUSE(2, "--wait-ack", "shm-consume", "--wait-ack");
	REFUSE(2, "-i", "shm-consume", "-i", "/dev/null");
	cr_assert(!object_exists(name));
}

Test(command_line, refuses_options_that_contradict, .timeout = 30)
{
	char name[NAME_SIZE];

	own_default(name);
	REFUSE(2, "--follow", "shm-consume", "-e", "-f");
	REFUSE(2, "--exit-empty", "shm-consume", "-f", "-e");
	REFUSE(2, "--follow", "shm-consume", "-n", "-f");
	REFUSE(2, "--idle", "shm-consume", "--idle", "1");
	REFUSE(2, "{}", "shm-consume", "-b", "2", "--", "echo", "{}");
	REFUSE(2, "--dead-letter", "shm-consume", "--on-failure", "dead", "--", "true");
	REFUSE(2, "--on-failure dead", "shm-consume", "--dead-letter", "x", "--", "true");
	REFUSE(2, "the channel itself", "shm-consume", "--on-failure", "dead", "--dead-letter",
	       name, "--", "true");
	REFUSE(2, "--json-lines", "shm-consume", "--json");
	REFUSE(2, "--json-lines", "shm-consume", "--json", "--", "cat");
	REFUSE(2, "--json goes with --stats", "shm-produce", "--json", "x");
	REFUSE(2, "--wait-ack", "shm-produce", "-a", "-n", "x");
	REFUSE(2, "-i -", "shm-produce", "-i", "-", "x");
	REFUSE(2, "-i -", "shm-produce", "-i", "-", "-i", "-");
	cr_assert(!object_exists(name));
}

Test(command_line, hints_at_the_count_when_the_consumer_gets_an_operand, .timeout = 30)
{
	char name[NAME_SIZE];

	own_default(name);
	REFUSE(2, "-c 5", "shm-consume", "5");
	REFUSE(2, "-c 5", "shm-consume", "5", "--", "cat");
	REFUSE(2, "-C gzip; a command for each message: -- gzip", "shm-consume", "gzip", "-9");
	REFUSE(2, "operand \"./x\"; to run a command for each message: -- ./x", "shm-consume",
	       "./x");
	REFUSE(2, "-- gzip", "shm-consume", "-D", "--", "gzip");
	REFUSE(2, "no command", "shm-consume", "--");
	cr_assert(!object_exists(name));
}

/* ---- numbers that are good ---- */

static uint64_t made_size(const char *size)
{
	struct tool tool;
	char name[NAME_SIZE];
	struct stat status;
	int got;

	channel_name(name);
	got = tool_run(&tool, "shm-produce", "-C", name, "-s", size, "x");
	cr_assert_eq(got, 0, "-s %s", size);
	tool_free(&tool);
	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
	return (uint64_t)status.st_size - sizeof(struct shared_buffer);
}

Test(command_line, rounds_a_size_up_to_a_power_of_two, .timeout = 30)
{
	cr_expect_eq(made_size("4096"), 4096u);
	cr_expect_eq(made_size("4097"), 8192u);
	cr_expect_eq(made_size("5K"), 8192u);
	cr_expect_eq(made_size("64K"), 65536u);
	cr_expect_eq(made_size("3M"), 4u << 20);
	cr_expect_geq(made_size("1"), 4096u);
}

Test(command_line, makes_a_ring_of_1_MiB_by_default, .timeout = 30)
{
	char name[NAME_SIZE];
	struct stat status;
	struct tool tool;

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 0);
	tool_free(&tool);
	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_expect_eq(status.st_size, (off_t)sizeof(struct shared_buffer) + (1 << 20));
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, takes_the_channel_from_the_environment_and_the_option_before_it, .timeout = 30)
{
	char by_option[NAME_SIZE], by_environment[NAME_SIZE];
	struct tool tool;

	channel_name(by_option);
	own_default(by_environment);
	cr_assert_eq(tool_run(&tool, "shm-produce", "environment"), 0);
	tool_free(&tool);
	cr_assert(object_exists(by_environment));
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", by_option, "option"), 0);
	tool_free(&tool);
	cr_assert(object_exists(by_option));
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", by_option), 0);
	expect_output(&tool, "option\n");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume"), 0);
	expect_output(&tool, "environment\n");
	tool_free(&tool);
	cr_assert(!object_exists(by_option));
	cr_assert(!object_exists(by_environment));
}

Test(command_line, accepts_the_longest_name_and_every_permitted_character, .timeout = 30)
{
	char name[201], first[NAME_SIZE];
	struct tool tool;

	channel_name(first); /* begins like no other test's */
	snprintf(name, sizeof(name), "%s.abcXYZ_09-.", first);
	memset(name + strlen(name), 'n', sizeof(name) - 1 - strlen(name));
	name[200] = '\0';
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 0);
	tool_free(&tool);
	cr_assert(object_exists(name));
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

/* ---- help and version ---- */

static void expect_help(const char *name, const char *const *words)
{
	struct tool tool;
	char *help;

	cr_assert_eq(tool_run(&tool, name, "--help"), 0);
	help = tool_output(&tool, NULL);
	for (int i = 0; words[i] != NULL; i++)
		cr_expect_not_null(strstr(help, words[i]), "%s --help does not name \"%s\"", name,
				   words[i]);
	for (char *line = strtok(help, "\n"); line != NULL; line = strtok(NULL, "\n"))
		cr_expect_leq(strlen(line), 80u, "too wide: %s", line);
	expect_errors_contain(&tool, "");
	free(help);
	help = tool_errors(&tool);
	cr_expect_str_empty(help);
	free(help);
	tool_free(&tool);
}

#define COMMON_WORDS                                                                               \
	"-C, --channel", "-s, --size", "-m, --mode", "--owner", "--trust-owner", "--new",          \
		"-w, --timeout", "-n, --nonblock", "-D, --delimiter", "-0, --null", "--framing",   \
		"--trace", "--progress[=WHEN]", "--stats", "-q, --quiet", "-v, --verbose",         \
		"-h, --help", "-V, --version"

Test(command_line, names_all_options_in_the_help_within_80_columns, .timeout = 30)
{
	static const char *const produce[] = {
		COMMON_WORDS, "-i, --input",	"-k, --key", "--when-full", "--wait-consumers",
		"--hold",     "-a, --wait-ack", "--end",     "--groups",    "shm-produce",
		NULL
	};
	static const char *const consume[] = { COMMON_WORDS,
					       "-c, --count",
					       "-e, --exit-empty",
					       "-f, --follow",
					       "--idle",
					       "--peek",
					       "--tap",
					       "-b, --batch",
					       "-j, --jobs",
					       "--retries",
					       "--retry-delay",
					       "--max-time",
					       "--on-failure",
					       "--dead-letter",
					       "-- COMMAND",
					       "-g, --group",
					       "--from",
					       "--durable",
					       "--remove-group",
					       "--format",
					       "--json-lines",
					       "--list",
					       "--status",
					       "--watch [SEC]",
					       "--remove",
					       "--force",
					       "--doctor",
					       "shm-consume",
					       NULL };

	expect_help("shm-produce", produce);
	expect_help("shm-consume", consume);
}

Test(command_line, prints_help_and_version_by_letter_and_by_name, .timeout = 30)
{
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	static const char *const options[][2] = { { "-h", "--help" }, { "-V", "--version" } };

	for (int i = 0; i < 4; i++) {
		struct tool letter, word;
		char *a, *b;

		cr_assert_eq(tool_run(&letter, tools[i / 2], options[i % 2][0]), 0);
		cr_assert_eq(tool_run(&word, tools[i / 2], options[i % 2][1]), 0);
		a = tool_output(&letter, NULL);
		b = tool_output(&word, NULL);
		cr_expect_str_not_empty(a);
		cr_expect_str_eq(a, b);
		cr_expect_not_null(strstr(a, tools[i / 2]));
		free(a);
		free(b);
		tool_free(&letter);
		tool_free(&word);
	}
}

Test(command_line, fails_when_help_or_version_cannot_be_written, .timeout = 30)
{
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	static const char *const options[] = { "--help", "--version" };
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	cr_assert_geq(full, 0);
	for (int i = 0; i < 4; i++) {
		struct tool tool = tool_start_fds(-1, full, tools[i / 2], options[i % 2], NULL);
		char *errors;

		cr_expect_eq(tool_end(&tool), 1);
		expect_errors_contain(&tool, strerror(ENOSPC));
		errors = tool_errors(&tool);
		cr_expect(strncmp(errors, tools[i / 2], strlen(tools[i / 2])) == 0, "%s", errors);
		free(errors);
		tool_free(&tool);
	}
	close(full);
}

/* ---- inputs ---- */

Test(command_line, makes_each_operand_a_message, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "one", "", "two\nlines", "4"), 0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-D", "|", "-c", "4"), 0);
	expect_output(&tool, "one||two\nlines|4|");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-n"), 3);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, takes_messages_that_begin_with_a_dash_after_two_dashes, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "--", "-v", "--help", "--", "-"),
		     0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "-v\n--help\n--\n-\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, never_touches_standard_input_when_there_is_a_message, .timeout = 30)
{
	int ends[2], ready = 0, file = bytes_file("keep\n", 5);
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	cr_assert_eq(write(ends[1], "keep\n", 5), 5);
	tool = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "message", NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(ioctl(ends[0], FIONREAD, &ready), 0);
	cr_assert_eq(ready, 5);
	tool = tool_start_fds(file, -1, "shm-produce", "-C", name, "another", NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(lseek(file, 0, SEEK_CUR), 0);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "message\nanother\n");
	tool_free(&tool);
	close(file);
	close(ends[0]);
	close(ends[1]);
	cr_assert(!object_exists(name));
}

Test(command_line, does_not_read_standard_input_for_the_consumer_either, .timeout = 30)
{
	int file = bytes_file("keep\n", 5);
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "message"), 0);
	tool_free(&tool);
	tool = tool_start_fds(file, -1, "shm-consume", "-C", name, NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(lseek(file, 0, SEEK_CUR), 0);
	close(file);
	cr_assert(!object_exists(name));
}

Test(command_line, makes_each_input_file_one_message, .timeout = 30)
{
	int input = bytes_file("from\nstandard input", 19);
	char name[NAME_SIZE], one[64], empty[64];
	struct tool tool;

	channel_name(name);
	make_file(one, "two\nlines\n", 10);
	make_file(empty, "", 0);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-i", one, "-i", "-", "--input",
			      empty, "-D", "never used", NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	close(input);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-D", "|", "-c", "3"), 0);
	expect_output(&tool, "two\nlines\n|from\nstandard input||");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-i", one, "operand"), 0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-D", "|"), 0);
	expect_output(&tool, "two\nlines\n|operand|");
	tool_free(&tool);
	unlink(one);
	unlink(empty);
	cr_assert(!object_exists(name));
}

Test(command_line, fails_on_a_missing_input_before_anything_is_made, .timeout = 30)
{
	char name[NAME_SIZE], one[64];

	own_default(name);
	make_file(one, "x", 1);
	REFUSE(1, "\"/nonexistent/file\": No such file", "shm-produce", "-i", "/nonexistent/file");
	REFUSE(1, "\"/nonexistent/file\"", "shm-produce", "-i", one, "-i", "/nonexistent/file");
	unlink(one);
	cr_assert(!object_exists(name));
}

Test(command_line, fails_on_an_input_that_cannot_be_read_and_the_consumer_knows, .timeout = 30)
{
	struct tool consumer;
	char name[NAME_SIZE], one[64];

	own_default(name);
	make_file(one, "whole", 5);
	REFUSE(1, "\"/tmp\": Is a directory", "shm-produce", "-i", one, "-i", "/tmp");
	unlink(one);
	cr_assert_eq(tool_run(&consumer, "shm-consume"), 4);
	expect_output(&consumer, "whole\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(command_line, fails_on_an_input_without_permission, .timeout = 30)
{
	char name[NAME_SIZE], one[64];

	if (geteuid() == 0)
		test_skip("root may read every file");
	own_default(name);
	make_file(one, "x", 1);
	chmod(one, 0);
	REFUSE(1, "Permission denied", "shm-produce", "-i", one);
	unlink(one);
	cr_assert(!object_exists(name));
}

/* All pipes of a user count together: see common/input.c. */
Test(command_line, makes_a_pipe_larger_but_no_more_than_256_KiB_and_never_smaller, .timeout = 30)
{
	static const int sizes[] = { 65536, 512 << 10 };
	char name[NAME_SIZE];

	own_default(name);
	for (int i = 0; i < 2; i++) {
		int input[2], size;
		struct tool tool;

		cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
		size = fcntl(input[1], F_SETPIPE_SZ, sizes[i]);
		if (size < 0)
			test_skip("this user has no room for such a pipe");
		tool = tool_start_fds(input[0], -1, "shm-produce", NULL);
		close(input[1]);
		cr_expect_eq(tool_end(&tool), 0);
		tool_free(&tool);
		size = fcntl(input[0], F_GETPIPE_SZ);
		if (i == 0)
			cr_expect(size == sizes[0] || size == 256 << 10, "%d", size);
		else
			cr_expect_eq(size, sizes[1], "%d", size);
		close(input[0]);
		object_remove(name);
	}
}

Test(command_line, fails_on_a_directory_as_standard_input, .timeout = 30)
{
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tool tool, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	tool = tool_start_fds(folder, -1, "shm-produce", "-C", name, NULL);
	cr_assert_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "shm-produce: cannot read standard input: Is a directory");
	tool_free(&tool);
	close(folder);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* ---- standard streams that are closed ---- */

/* A shell that ends as the tool it becomes. */
#define SHELL(script, ...) tool_start("sh", "-c", script, "sh", __VA_ARGS__, NULL)

Test(command_line, fails_when_standard_input_is_closed, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	tool = SHELL("exec \"$TOOLS/shm-produce\" -C \"$1\" <&-", name);
	cr_assert_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "shm-produce: cannot read standard input");
	tool_free(&tool);
	tool = SHELL("exec \"$TOOLS/shm-produce\" -C \"$1\" -i - <&-", name);
	cr_assert_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "shm-produce: cannot read standard input");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, works_without_the_streams_that_are_not_needed, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	tool = SHELL("exec \"$TOOLS/shm-produce\" -C \"$1\" -v a b <&- >&- 2>&-", name);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = SHELL("exec \"$TOOLS/shm-consume\" -C \"$1\" <&- 2>&-", name);
	cr_assert_eq(tool_end(&tool), 0);
	expect_output(&tool, "a\nb\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, fails_when_standard_output_is_closed_and_keeps_the_message, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "kept"), 0);
	tool_free(&tool);
	tool = SHELL("exec \"$TOOLS/shm-consume\" -C \"$1\" <&- >&-", name);
	cr_assert_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "shm-consume: cannot write standard output");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "kept\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

/* ---- the story ---- */

static void expect_errors(const struct tool *tool, const char *expected)
{
	char *errors = tool_errors(tool);

	cr_expect_str_eq(errors, expected, "errors are \"%s\", not \"%s\"", errors, expected);
	free(errors);
}

Test(command_line, tells_the_story_in_the_words_of_the_demonstration, .timeout = 30)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, "-v", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	expect_errors(&consumer, "consumer: waiting for shared memory...\n"
				 "consumer: connected to shared memory!\n"
				 "consumer: waiting for data...\n");
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "--verbose", "hello"), 0);
	expect_errors(&producer, "producer: preparing data...\n"
				 "producer: data ready, notifying consumer\n"
				 "producer: finishing process.\n");
	expect_output(&producer, "");
	cr_assert_eq(tool_end(&consumer), 0);
	expect_errors(&consumer, "consumer: waiting for shared memory...\n"
				 "consumer: connected to shared memory!\n"
				 "consumer: waiting for data...\n"
				 "consumer: received data: hello\n"
				 "consumer: finishing process.\n");
	expect_output(&consumer, "hello\n");
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(command_line, tells_the_story_escaped_and_cut, .timeout = 30)
{
	static const char escape[] = "\x1b[2J\a\ttab\r\xff\x9b";
	struct tool producer, consumer;
	char name[NAME_SIZE], text[200], *errors, *line;

	channel_name(name);
	memset(text, 'a', 100);
	text[100] = '\0';
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, text, escape), 0);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-v"), 0);
	errors = tool_errors(&consumer);
	line = strstr(errors, "consumer: received data: ");
	cr_assert_not_null(line);
	cr_expect_eq(strspn(line + strlen("consumer: received data: "), "a"), 64u, "%s", line);
	cr_assert_not_null(strstr(line + 1, "consumer: received data: "));
	for (const char *c = errors; *c != '\0'; c++)
		cr_assert(*c == '\n' || (*c >= 0x20 && *c < 0x7f), "a byte 0x%02x",
			  (unsigned char)*c);
	free(errors);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(command_line, tells_of_each_line_of_a_block, .timeout = 30)
{
	int input = bytes_file("a\n\nb", 4);
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	cr_assert_eq(tool_end(&producer), 0);
	expect_errors(&producer, "");
	close(input);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-v"), 0);
	expect_errors(&consumer, "consumer: waiting for shared memory...\n"
				 "consumer: connected to shared memory!\n"
				 "consumer: waiting for data...\n"
				 "consumer: received data: a\n"
				 "consumer: received data: \n"
				 "consumer: received data: b\n"
				 "consumer: finishing process.\n");
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* ---- notes ---- */

Test(command_line, notes_another_size_unless_quiet, .timeout = 30)
{
	struct tool tool;
	char name[NAME_SIZE], *errors;

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "64K", "a"), 0);
	expect_errors(&tool, "");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "60K", "b"), 0);
	expect_errors(&tool, ""); /* which is 64K */
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "c"), 0);
	expect_errors(&tool, ""); /* the default asks for nothing */
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "4K", "d"), 0);
	expect_errors_contain(&tool, "shm-produce: ");
	expect_errors_contain(&tool, "65536");
	expect_errors_contain(&tool, "4096");
	expect_errors_contain(&tool, name);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "4K", "-q", "e"), 0);
	expect_errors(&tool, "");
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-s", "1M", "-c", "1"), 0);
	expect_errors_contain(&tool, "shm-consume: ");
	errors = tool_errors(&tool);
	cr_expect_not_null(strstr(errors, "65536"));
	free(errors);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-s", "1M", "--quiet"), 0);
	expect_errors(&tool, "");
	expect_output(&tool, "b\nc\nd\ne\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(command_line, prints_errors_even_when_quiet, .timeout = 30)
{
	char name[NAME_SIZE];

	own_default(name);
	REFUSE(2, "count", "shm-consume", "-q", "-c", "0");
	REFUSE(1, "No such file", "shm-produce", "-q", "-i", "/nonexistent/file");
	cr_assert(!object_exists(name));
}

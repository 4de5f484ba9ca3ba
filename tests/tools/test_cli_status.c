/*
 * How the tools end: every exit status, by itself, by a signal, by a stream that ends or
 * breaks off, by a reader that has gone or a disk that is full.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { SIGNAL_COUNT = 3 };

/* Runs a tool to its end: status and output. */
#define EXPECT(status, output, ...)                                                                \
	do {                                                                                       \
		struct tool tool_ = tool_start(__VA_ARGS__, NULL);                                 \
		int got_ = tool_end(&tool_);                                                       \
		char *errors_ = tool_errors(&tool_);                                               \
                                                                                                   \
		cr_expect_eq(got_, status, "ended with %d, not %d: %s", got_, status, errors_);    \
		expect_output(&tool_, output);                                                     \
		free(errors_);                                                                     \
		tool_free(&tool_);                                                                 \
	} while (0)

#define SHELL(script, ...) tool_start("sh", "-c", script, "sh", __VA_ARGS__, NULL)

struct pipe {
	int read, write;
};

static struct pipe pipe_open(void)
{
	struct pipe made;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	made = (struct pipe){ ends[0], ends[1] };
	return made;
}

static void feed(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* A message of this many bytes as a NUL-terminated text. */
static char *text_of(size_t size)
{
	char *text = malloc(size + 1);

	cr_assert_not_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 23);
	text[size] = '\0';
	return text;
}

/* 10-byte lines "line 0000\n" and so on; free() it. */
static char *lines_of(unsigned first, unsigned count)
{
	char *text = malloc(count * 10 + 1), *at = text;

	cr_assert_not_null(text);
	*at = '\0';
	for (unsigned i = 0; i < count; i++)
		at += sprintf(at, "line %04u\n", (first + i) % 10000);
	return text;
}

/* A producer with this on standard input, run to its end. */
static int produce_text(const char *name, const char *text)
{
	int input = bytes_file(text, strlen(text)), status;
	struct tool tool = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	status = tool_end(&tool);
	tool_free(&tool);
	return status;
}

/* ---- signals while waiting ---- */

Test(cli_status, a_signal_ends_a_consumer_that_waits, .timeout = 60)
{
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct tool consumer;
		char name[NAME_SIZE], *errors;

		channel_name(name);
		consumer = tool_start("shm-consume", "-C", name, i == 1 ? "-f" : "-q", NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		kill(consumer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&consumer, 3), 128 + signals[i]);
		errors = tool_errors(&consumer);
		cr_expect_str_empty(errors, "%s", errors);
		free(errors);
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
}

Test(cli_status, a_signal_ends_a_producer_that_waits_for_input, .timeout = 60)
{
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct pipe input = pipe_open();
		struct tool producer, consumer;
		char name[NAME_SIZE];

		channel_name(name);
		producer = tool_start_fds(input.read, -1, "shm-produce", "-C", name, NULL);
		consumer = tool_start("shm-consume", "-C", name, NULL);
		feed(input.write, "whole\nnot ended");
		WAIT_FOR(output_is(&consumer, "whole\n"));
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		cr_expect_eq(tool_end(&consumer), 4);
		expect_output(&consumer, "whole\n");
		tool_free(&producer);
		tool_free(&consumer);
		close(input.read);
		close(input.write);
		cr_assert(!object_exists(name));
	}
}

Test(cli_status, a_signal_ends_a_producer_that_waits_for_room, .timeout = 60)
{
	char *text = lines_of(0, 2000);

	for (int i = 0; i < SIGNAL_COUNT; i++) {
		int input = bytes_file(text, strlen(text));
		struct tool producer, consumer;
		char name[NAME_SIZE], *output;
		size_t size;

		channel_name(name);
		producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", NULL);
		close(input);
		WAIT_FOR((object_look(name).room_wanted & 1) != 0);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
		output = tool_output(&consumer, &size);
		cr_expect(size > 0 && size % 10 == 0 && memcmp(output, text, size) == 0);
		free(output);
		tool_free(&producer);
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
	free(text);
}

Test(cli_status, a_signal_ends_a_producer_that_waits_for_its_turn_or_for_an_acknowledgement,
     .timeout = 60)
{
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct agent inside = agent_start();
		struct tool producer;
		char name[NAME_SIZE];

		channel_name(name);
		agent_expect(&inside, "ok", "attach producer %s size=4096", name);
		agent_expect(&inside, "ok", "piece 100 more"); /* keeps the turn */
		producer = tool_start("shm-produce", "-C", name, "x", NULL);
		WAIT_FOR(object_look(name).waiting_turn != 0);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		tool_free(&producer);
		agent_quit(&inside);
		EXPECT(4, "", "shm-consume", "-C", name);
		cr_assert(!object_exists(name));

		producer = tool_start("shm-produce", "-C", name, "-a", "sent", NULL);
		WAIT_FOR(object_look(name).waiting_ack != 0);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		tool_free(&producer);
		EXPECT(4, "sent\n", "shm-consume", "-C", name);
		cr_assert(!object_exists(name));
	}
}

/* ---- signals in the middle of work ---- */

Test(cli_status, a_signal_in_a_write_gives_the_message_back, .timeout = 60)
{
	char *text = text_of(100000), *expected = malloc(100002);

	cr_assert_not_null(expected);
	sprintf(expected, "%s\n", text);
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct pipe output = pipe_open();
		struct tool consumer;
		char name[NAME_SIZE];
		int space = fcntl(output.write, F_SETPIPE_SZ, 4096), ready = 0;

		channel_name(name);
		EXPECT(0, "", "shm-produce", "-C", name, text);
		consumer = tool_start_fds(-1, output.write, "shm-consume", "-C", name, NULL);
		WAIT_FOR(ioctl(output.read, FIONREAD, &ready) == 0 && ready >= space);
		kill(consumer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&consumer, 3), 128 + signals[i]);
		tool_free(&consumer);
		EXPECT(0, expected, "shm-consume", "-C", name);
		close(output.read);
		close(output.write);
		cr_assert(!object_exists(name));
	}
	free(text);
	free(expected);
}

Test(cli_status, a_signal_in_a_write_of_a_block_gives_back_what_was_not_written, .timeout = 60)
{
	char *text = lines_of(0, 3000);

	for (int other = 0; other < 2; other++) {
		struct pipe output = pipe_open();
		struct tool consumer;
		char name[NAME_SIZE], *rest, written[65536];
		int space = fcntl(output.write, F_SETPIPE_SZ, 4096), ready = 0;
		size_t size;
		ssize_t got;

		channel_name(name);
		cr_assert_eq(produce_text(name, text), 0);
		consumer = tool_start_fds(-1, output.write, "shm-consume", "-C", name, "-D",
					  other ? "|" : "\\n", NULL);
		WAIT_FOR(ioctl(output.read, FIONREAD, &ready) == 0 && ready >= space / 2);
		kill(consumer.pid, SIGTERM);
		cr_expect_eq(tool_end_within(&consumer, 3), 128 + SIGTERM);
		tool_free(&consumer);
		close(output.write);
		got = read(output.read, written, sizeof(written));
		cr_assert(got > 0 && got < 30000);
		for (ssize_t at = 0; at < got; at++)
			cr_assert_eq(written[at] == '|' ? '\n' : written[at], text[at]);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
		rest = tool_output(&consumer, &size);
		/* whole lines were delivered, everything after them comes again */
		cr_expect_eq(size, strlen(text) - (size_t)got / 10 * 10);
		cr_expect_eq(memcmp(rest, text + strlen(text) - size, size), 0);
		free(rest);
		tool_free(&consumer);
		close(output.read);
		cr_assert(!object_exists(name));
	}
	free(text);
}

Test(cli_status, a_signal_ends_a_busy_pair_without_a_torn_line, .timeout = 60)
{
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct pipe lines = pipe_open();
		struct tool yes, producer, consumer;
		char name[NAME_SIZE], *output;
		struct stat status;
		size_t size;

		channel_name(name);
		yes = tool_start_fds(-1, lines.write, "yes", "a line that is not torn", NULL);
		producer = tool_start_fds(lines.read, -1, "shm-produce", "-C", name, NULL);
		close(lines.read);
		close(lines.write);
		consumer = tool_start("shm-consume", "-C", name, NULL);
		WAIT_FOR(fstat(consumer.output, &status) == 0 && status.st_size > 100000);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		cr_expect_eq(tool_end(&consumer), 4);
		output = tool_output(&consumer, &size);
		cr_expect_eq(size % 24, 0u);
		for (size_t at = 0; at + 24 <= size; at += 24)
			cr_assert_eq(memcmp(output + at, "a line that is not torn\n", 24), 0);
		free(output);
		cr_expect_eq(tool_end(&yes), 128 + SIGPIPE);
		tool_free(&yes);
		tool_free(&producer);
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
}

Test(cli_status, a_signal_inside_a_long_message_is_not_passed_off_as_its_end, .timeout = 60)
{
	char *text = text_of(9000);

	for (int i = 0; i < SIGNAL_COUNT; i++) {
		struct pipe input = pipe_open();
		struct tool producer, consumer, other;
		struct stat status;
		char name[NAME_SIZE], *output;
		size_t size;

		channel_name(name);
		consumer = tool_start("shm-consume", "-C", name, "-s", "4K", NULL);
		WAIT_FOR(object_look(name).consumers == 1);
		producer = tool_start_fds(input.read, -1, "shm-produce", "-C", name, NULL);
		feed(input.write, text);
		WAIT_FOR(fstat(consumer.output, &status) == 0 && status.st_size > 4096);
		other = tool_start("shm-produce", "-C", name, "after", NULL);
		WAIT_FOR(object_look(name).waiting_turn != 0);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		cr_expect_eq(tool_end(&other), 0);
		/* it had printed a part: it stops there, and the rest stays for the next */
		cr_expect_eq(tool_end(&consumer), 4);
		output = tool_output(&consumer, &size);
		cr_expect(size > 0 && size <= 9000 && memcmp(output, text, size) == 0);
		free(output);
		tool_free(&producer);
		tool_free(&consumer);
		tool_free(&other);
		close(input.read);
		close(input.write);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
		expect_output(&consumer, "after\n");
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
	free(text);
}

/* ---- signals that are ignored ---- */

static bool ignores(pid_t pid, int number)
{
	char path[64], text[4096] = "", *line;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	line = strstr(text, "SigIgn:");
	cr_assert_not_null(line);
	return (strtoull(line + 7, NULL, 16) >> (number - 1) & 1) != 0;
}

Test(cli_status, a_signal_ignored_at_entry_stays_ignored, .timeout = 60)
{
	struct pipe input = pipe_open();
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	consumer = SHELL("trap '' INT TERM HUP; exec \"$TOOLS/shm-consume\" -C \"$1\"", name);
	WAIT_FOR(object_look(name).waiting_data != 0);
	producer = tool_start_fds(input.read, -1, "sh", "-c",
				  "trap '' INT TERM HUP; exec \"$TOOLS/shm-produce\" -C \"$1\"",
				  "sh", name, NULL);
	WAIT_FOR(object_look(name).producers == 1);
	for (int i = 0; i < SIGNAL_COUNT; i++) {
		cr_expect(ignores(consumer.pid, signals[i]));
		cr_expect(ignores(producer.pid, signals[i]));
		kill(consumer.pid, signals[i]);
		kill(producer.pid, signals[i]);
	}
	feed(input.write, "still here\n");
	WAIT_FOR(output_is(&consumer, "still here\n"));
	close(input.write);
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&producer);
	tool_free(&consumer);
	close(input.read);
	cr_assert(!object_exists(name));
}

Test(cli_status, the_first_process_of_a_container_exits_with_the_signals_number, .timeout = 60)
{
	struct tool container, killer;
	char name[NAME_SIZE], pid[32];

	container = tool_start("unshare", "-pf", "true", NULL);
	if (tool_end(&container) != 0) {
		tool_free(&container);
		test_note("no pid namespace here: a signal to pid 1 is not tested");
		test_skip("needs unshare -p");
	}
	tool_free(&container);
	channel_name(name);
	container = tool_start("sh", "-c",
			       "exec unshare -pf --kill-child \"$TOOLS/shm-consume\" -C \"$1\"",
			       "sh", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	snprintf(pid, sizeof(pid), "%ld", (long)container.pid);
	killer = SHELL("read child < /proc/$1/task/$1/children; kill -TERM $child", pid);
	cr_assert_eq(tool_end(&killer), 0, "%s", tool_errors(&killer));
	tool_free(&killer);
	cr_expect_eq(tool_end_within(&container, 5), 143);
	tool_free(&container);
	cr_assert(!object_exists(name));
}

/* ---- a reader that has gone, a disk that is full ---- */

Test(cli_status, a_consumer_whose_reader_has_gone_ends_by_SIGPIPE_and_gives_back, .timeout = 60)
{
	struct pipe output = pipe_open();
	struct tool consumer;
	char name[NAME_SIZE], *errors;

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "one", "two");
	close(output.read);
	consumer = tool_start_fds(-1, output.write, "shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&consumer), 128 + SIGPIPE);
	errors = tool_errors(&consumer);
	cr_expect_str_empty(errors, "%s", errors);
	free(errors);
	tool_free(&consumer);
	close(output.write);
	EXPECT(0, "one\ntwo\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_consumer_that_ignores_SIGPIPE_fails_with_1_and_gives_back, .timeout = 60)
{
	struct pipe output = pipe_open();
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "one");
	close(output.read);
	consumer = tool_start_fds(-1, output.write, "sh", "-c",
				  "trap '' PIPE; exec \"$TOOLS/shm-consume\" -C \"$1\"", "sh", name,
				  NULL);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "shm-consume: cannot write standard output: Broken pipe");
	tool_free(&consumer);
	close(output.write);
	EXPECT(0, "one\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, head_takes_its_lines_and_the_producer_goes_on, .timeout = 60)
{
	struct tool shell;
	char name[NAME_SIZE];

	channel_name(name);
	shell = SHELL("seq 1 100000 | \"$TOOLS/shm-produce\" -C \"$1\" -s 64K & "
		      "\"$TOOLS/shm-consume\" -C \"$1\" -s 64K | head -n 2; "
		      "\"$TOOLS/shm-consume\" -C \"$1\" -s 64K | tail -n 1; wait $!; echo $?",
		      name);
	cr_expect_eq(tool_end(&shell), 0);
	expect_output(&shell, "1\n2\n100000\n0\n");
	tool_free(&shell);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_full_disk_fails_with_1_and_the_messages_come_again, .timeout = 60)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct tool consumer;
	char name[NAME_SIZE];

	cr_assert_geq(full, 0);
	channel_name(name);
	cr_assert_eq(produce_text(name, "one\ntwo\nthree"), 0);
	for (int i = 0; i < 3; i++) {
		consumer = tool_start_fds(-1, full, "shm-consume", "-C", name, "-D",
					  i == 1 ? "|" : "\\n", NULL);
		cr_expect_eq(tool_end(&consumer), 1);
		expect_errors_contain(&consumer, "shm-consume: cannot write standard output: "
						 "No space left on device");
		tool_free(&consumer);
	}
	close(full);
	EXPECT(0, "one\ntwo\nthree", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_disk_that_fills_up_keeps_whole_lines_and_the_rest_comes_again, .timeout = 60)
{
	char *text = lines_of(0, 3000);

	for (int other = 0; other < 2; other++) {
		char name[NAME_SIZE], *first, *rest;
		struct tool consumer;
		size_t size, rest_size;

		channel_name(name);
		cr_assert_eq(produce_text(name, text), 0);
		consumer = SHELL("ulimit -f 9; exec \"$TOOLS/shm-consume\" -C \"$1\" -D \"$2\"",
				 name, other ? "|" : "\\n");
		cr_expect_eq(tool_end(&consumer), 1);
		expect_errors_contain(&consumer, "File too large");
		first = tool_output(&consumer, &size);
		cr_assert(size > 0 && size < strlen(text));
		tool_free(&consumer);
		for (size_t at = 0; at < size; at++)
			cr_assert_eq(first[at] == '|' ? '\n' : first[at], text[at]);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
		rest = tool_output(&consumer, &rest_size);
		cr_expect_eq(rest_size, strlen(text) - size / 10 * 10);
		cr_expect_eq(memcmp(rest, text + strlen(text) - rest_size, rest_size), 0);
		tool_free(&consumer);
		free(first);
		free(rest);
		cr_assert(!object_exists(name));
	}
	free(text);
}

Test(cli_status, a_long_message_cut_by_a_full_disk_fails_both_and_is_reported, .timeout = 60)
{
	char *text = text_of(60000);
	int input = bytes_file(text, 60000);
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", NULL);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	consumer = SHELL("ulimit -f 9; exec \"$TOOLS/shm-consume\" -C \"$1\"", name);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "File too large");
	tool_free(&consumer);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "");
	expect_errors_contain(&consumer, "lost 1 message");
	tool_free(&consumer);
	cr_expect_eq(tool_end(&producer), 1);
	expect_errors_contain(&producer, "a consumer died or left with a part");
	tool_free(&producer);
	close(input);
	free(text);
	cr_assert(!object_exists(name));
}

/* ---- would block ---- */

Test(cli_status, nonblock_on_a_full_ring_is_3_and_everything_accepted_comes, .timeout = 60)
{
	char *text = text_of(999), *output, name[NAME_SIZE];
	struct tool tool;
	unsigned accepted = 0;
	size_t size;
	int status;

	channel_name(name);
	while ((status = tool_run(&tool, "shm-produce", "-C", name, "-s", "4K", "-n", text)) == 0) {
		cr_assert_lt(++accepted, 10u);
		tool_free(&tool);
	}
	cr_expect_eq(status, 3);
	tool_free(&tool);
	cr_assert_geq(accepted, 3u);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	output = tool_output(&tool, &size);
	cr_expect_eq(size, 1000 * accepted);
	free(output);
	tool_free(&tool);
	free(text);
	cr_assert(!object_exists(name));
}

Test(cli_status, nonblock_with_a_message_larger_than_the_ring_is_1, .timeout = 60)
{
	char *text = text_of(5000), name[NAME_SIZE];
	int input = bytes_file(text, 5000);
	struct tool tool;

	channel_name(name);
	EXPECT(1, "", "shm-produce", "-C", name, "-s", "4K", "-n", text);
	EXPECT(4, "", "shm-consume", "-C", name);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", "-n", NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "larger than the ring");
	expect_errors_contain(&tool, "--size");
	tool_free(&tool);
	EXPECT(4, "", "shm-consume", "-C", name);
	lseek(input, 0, SEEK_SET);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", "-n", "-i", "-",
			      NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "larger than the ring");
	tool_free(&tool);
	EXPECT(4, "", "shm-consume", "-C", name);
	close(input);
	free(text);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_consumer_with_nonblock_creates_nothing_and_says_3, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(3, "", "shm-consume", "-C", name, "-n");
	EXPECT(3, "", "shm-consume", "-C", name, "-n", "-c", "1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	EXPECT(3, "", "shm-consume", "-C", name, "-n");
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	EXPECT(0, "one\n", "shm-consume", "-C", name, "-n", "-c", "1");
	EXPECT(3, "two\n", "shm-consume", "-C", name, "-n");
	agent_quit(&producer); /* the last one out, with nothing left */
	cr_assert(!object_exists(name));
	EXPECT(3, "", "shm-consume", "-C", name, "-n");
}

Test(cli_status, a_consumer_with_nonblock_says_0_or_4_at_an_end, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "one");
	EXPECT(0, "one\n", "shm-consume", "-C", name, "-n");
	EXPECT(0, "", "shm-produce", "-C", name); /* standard input is /dev/null */
	EXPECT(0, "", "shm-consume", "-C", name, "-n");
	EXPECT(3, "", "shm-consume", "-C", name, "-n");
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT(4, "two\n", "shm-consume", "-C", name, "-n");
	cr_assert(!object_exists(name));
}

/* ---- empty, counted ---- */

Test(cli_status, exit_empty_is_0_creates_nothing_and_does_not_wait_for_producers, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-consume", "-C", name, "-e");
	EXPECT(3, "", "shm-consume", "-C", name, "-e", "-c", "1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	EXPECT(0, "", "shm-consume", "-C", name, "-e");
	agent_expect(&producer, "ok", "send one");
	EXPECT(0, "one\n", "shm-consume", "-C", name, "-e");
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT(4, "two\n", "shm-consume", "-C", name, "-e");
	cr_assert(!object_exists(name));
	EXPECT(0, "", "shm-produce", "-C", name, "three");
	EXPECT(0, "three\n", "shm-consume", "-C", name, "-e");
	cr_assert(!object_exists(name));
}

Test(cli_status, a_count_leaves_the_rest_for_the_next, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "1", "2", "3", "4", "5");
	EXPECT(0, "1\n2\n", "shm-consume", "-C", name, "-c", "2");
	EXPECT(0, "3\n", "shm-consume", "-C", name, "--count", "1", "-e");
	EXPECT(0, "4\n", "shm-consume", "-C", name, "-c1", "-n");
	EXPECT(0, "5\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, fewer_than_the_count_before_the_end_is_3_and_4_goes_before_3, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "1", "2");
	EXPECT(3, "1\n2\n", "shm-consume", "-C", name, "-c", "3");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send one");
	EXPECT(3, "one\n", "shm-consume", "-C", name, "-c", "2", "-e");
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT(4, "two\n", "shm-consume", "-C", name, "-c", "2");
	cr_assert(!object_exists(name));
}

Test(cli_status, a_shell_loop_takes_one_message_at_a_time_and_ends, .timeout = 60)
{
	struct tool shell;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(produce_text(name, "a\nb b\n\nc"), 0);
	shell = SHELL("while m=$(\"$TOOLS/shm-consume\" -C \"$1\" -c 1 -e); do "
		      "echo \"<$m>\"; done; echo end",
		      name);
	cr_assert_eq(tool_end(&shell), 0);
	expect_output(&shell, "<a>\n<b b>\n<>\n<c>\nend\n");
	tool_free(&shell);
	cr_assert(!object_exists(name));
}

/* ---- following ---- */

Test(cli_status, a_follower_goes_on_after_the_producers_and_ends_when_told, .timeout = 60)
{
	struct tool follower;
	char name[NAME_SIZE];

	channel_name(name);
	follower = tool_start("shm-consume", "-C", name, "-f", NULL);
	WAIT_FOR(object_look(name).consumers == 1);
	EXPECT(0, "", "shm-produce", "-C", name, "one");
	WAIT_FOR(output_is(&follower, "one\n"));
	/* it has told the end, or would at its next look; then it waits again */
	WAIT_FOR(object_look(name).producers == 0 && object_look(name).waiting_data != 0);
	EXPECT(0, "", "shm-produce", "-C", name, "two");
	WAIT_FOR(output_is(&follower, "one\ntwo\n"));
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_assert(!tool_ended(&follower));
	EXPECT(0, "", "shm-produce", "-C", name, "--end", "three");
	cr_expect_eq(tool_end(&follower), 0);
	expect_output(&follower, "one\ntwo\nthree\n");
	tool_free(&follower);
	cr_assert(!object_exists(name));
}

Test(cli_status, an_explicit_end_waits_for_a_follower_that_comes_later, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name, "--end", "one");
	cr_assert(object_exists(name));
	EXPECT(0, "one\n", "shm-consume", "-C", name, "-f");
	cr_assert(!object_exists(name));
}

Test(cli_status, an_explicit_end_of_an_empty_stream_ends_a_follower, .timeout = 60)
{
	struct tool follower, producer;
	char name[NAME_SIZE];

	channel_name(name);
	follower = tool_start("shm-consume", "-C", name, "-f", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "--end"), 0); /* /dev/null */
	tool_free(&producer);
	cr_expect_eq(tool_end(&follower), 0);
	expect_output(&follower, "");
	tool_free(&follower);
	cr_assert(!object_exists(name));
}

Test(cli_status, an_idle_follower_stops_with_0, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool follower;
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-consume", "-C", name, "-f", "--idle", "0.1");
	cr_assert(!object_exists(name));
	EXPECT(0, "", "shm-produce", "-C", name, "one");
	EXPECT(0, "one\n", "shm-consume", "-C", name, "-f", "--idle", "0.1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send two");
	cr_assert_eq(tool_run(&follower, "shm-consume", "-C", name, "-f", "--idle", "0.1"), 0);
	expect_output(&follower, "two\n");
	tool_free(&follower);
	agent_quit(&producer);
	EXPECT(0, "", "shm-consume", "-C", name, "-e");
	cr_assert(!object_exists(name));
}

/* ---- acknowledgement ---- */

Test(cli_status, wait_ack_returns_when_every_message_is_acknowledged, .timeout = 60)
{
	struct agent consumer = agent_start();
	struct tool producer;
	char name[NAME_SIZE];

	channel_name(name);
	producer = tool_start("shm-produce", "-C", name, "-a", "one", "two", NULL);
	WAIT_FOR(object_look(name).waiting_ack != 0);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "one");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "two");
	WAIT_FOR(object_look(name).waiting_ack != 0);
	cr_assert(!tool_ended(&producer));
	agent_expect(&consumer, "ok", "give 0"); /* not acknowledged: it comes again */
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .attempts = 2, .text = "two");
	WAIT_FOR(object_look(name).waiting_ack != 0);
	cr_assert(!tool_ended(&producer));
	agent_expect(&consumer, "ok", "acknowledge");
	cr_expect_eq(tool_end(&producer), 0);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	tool_free(&producer);
	cr_assert(!object_exists(name));
}

Test(cli_status, wait_ack_times_out_and_the_message_stays, .timeout = 60)
{
	struct tool producer;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "-a", "-w", "0.2", "x"), 124);
	expect_errors_contain(&producer, "timed out");
	tool_free(&producer);
	EXPECT(0, "x\n", "shm-consume", "-C", name); /* all was sent: the stream is whole */
	cr_assert(!object_exists(name));
}

/* ---- timeouts ---- */

Test(cli_status, a_consumer_times_out_with_124_and_leaves_nothing, .timeout = 60)
{
	static const char *const times[] = { "0.2", ".1", "0", "0.000001" };
	struct tool consumer;
	char name[NAME_SIZE];

	for (int i = 0; i < 4; i++) {
		channel_name(name);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-w", times[i]), 124);
		expect_errors_contain(&consumer, "timed out");
		expect_errors_contain(&consumer, name);
		tool_free(&consumer);
		EXPECT(124, "", "shm-consume", "-C", name, "-f", "-w", times[i]);
		cr_assert(!object_exists(name));
	}
}

Test(cli_status, a_consumer_times_out_inside_a_message_longer_than_the_ring, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s size=4096", name);
	agent_expect(&producer, "ok", "piece 1000 more");
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-w", "0.2"), 124);
	expect_errors_contain(&consumer, "timed out");
	tool_free(&consumer);
	/* the part it had is gone, so the rest is discarded */
	agent_quit(&producer);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), 4);
	expect_output(&consumer, "");
	expect_errors_contain(&consumer, "lost 1 message");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(cli_status, inside_a_long_message_nonblock_and_exit_empty_wait_for_its_rest, .timeout = 60)
{
	for (int i = 0; i < 4; i++) {
		struct agent producer = agent_start();
		struct tool consumer;
		struct stat status;
		char name[NAME_SIZE];

		channel_name(name);
		agent_expect(&producer, "ok", "attach producer %s size=4096", name);
		agent_expect(&producer, "ok", "piece 1000 more");
		if (i < 2) { /* in vain */
			cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-w", "0.2",
					      i == 0 ? "-n" : "-e"),
				     124);
			expect_errors_contain(&consumer, "timed out");
			tool_free(&consumer);
			agent_quit(&producer);
			EXPECT(4, "", "shm-consume", "-C", name, "-e");
		} else {
			consumer =
				tool_start("shm-consume", "-C", name, i == 2 ? "-n" : "-e", NULL);
			WAIT_FOR(object_look(name).waiting_piece != 0);
			agent_tell(&producer, "piece 1000 last");
			cr_assert_eq(tool_end(&consumer), i == 2 ? 3 : 0);
			cr_assert_eq(fstat(consumer.output, &status), 0);
			cr_expect_eq(status.st_size, 2001);
			cr_assert_str_eq(agent_hear(&producer), "ok");
			tool_free(&consumer);
			agent_quit(&producer);
		}
		cr_assert(!object_exists(name));
	}
}

Test(cli_status, a_producer_times_out_on_a_full_ring_with_124, .timeout = 60)
{
	char *text = lines_of(0, 2000), *output;
	int input = bytes_file(text, strlen(text));
	struct tool producer, consumer;
	char name[NAME_SIZE];
	size_t size;

	channel_name(name);
	producer =
		tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", "-w", "0.2", NULL);
	cr_expect_eq(tool_end(&producer), 124);
	expect_errors_contain(&producer, "timed out");
	tool_free(&producer);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	output = tool_output(&consumer, &size);
	cr_expect(size > 0 && size % 10 == 0 && memcmp(output, text, size) == 0);
	free(output);
	tool_free(&consumer);
	close(input);
	free(text);
	cr_assert(!object_exists(name));
}

Test(cli_status, waiting_for_input_is_not_waiting_for_the_other_side, .timeout = 60)
{
	struct pipe input = pipe_open();
	struct tool producer;
	char name[NAME_SIZE], clock[NAME_SIZE];

	channel_name(name);
	channel_name(clock);
	producer = tool_start_fds(input.read, -1, "shm-produce", "-C", name, "-w", "0.1", NULL);
	WAIT_FOR(object_look(name).producers == 1);
	EXPECT(124, "", "shm-consume", "-C", clock, "-w", "1.5"); /* outlives it by far */
	cr_assert(!tool_ended(&producer));
	feed(input.write, "patience\n");
	close(input.write);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input.read);
	EXPECT(0, "patience\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
	cr_assert(!object_exists(clock));
}

/* ---- producers that died ---- */

Test(cli_status, a_producer_killed_is_4_for_a_waiting_consumer_and_for_a_later_one, .timeout = 60)
{
	for (int later = 0; later < 2; later++) {
		struct pipe input = pipe_open();
		struct tool producer, consumer = { 0 };
		char name[NAME_SIZE];

		channel_name(name);
		producer = tool_start_fds(input.read, -1, "shm-produce", "-C", name, NULL);
		WAIT_FOR(object_look(name).producers == 1);
		if (!later)
			consumer = tool_start("shm-consume", "-C", name, NULL);
		feed(input.write, "one\ntwo\nthr");
		if (later)
			WAIT_FOR(object_look(name).tail >= 32);
		else
			WAIT_FOR(output_is(&consumer, "one\ntwo\n"));
		tool_kill(&producer);
		tool_free(&producer);
		if (later)
			consumer = tool_start("shm-consume", "-C", name, NULL);
		cr_expect_eq(tool_end(&consumer), 4);
		expect_output(&consumer, "one\ntwo\n"); /* what is whole */
		tool_free(&consumer);
		close(input.read);
		close(input.write);
		cr_assert(!object_exists(name));
		EXPECT(3, "", "shm-consume", "-C", name, "-n"); /* and it is told once */
	}
}

Test(cli_status, a_producer_killed_inside_a_long_message_is_4, .timeout = 60)
{
	char *text = text_of(9000), *output;
	struct pipe input = pipe_open();
	struct tool producer, consumer;
	struct stat status;
	char name[NAME_SIZE];
	size_t size;

	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, "-s", "4K", NULL);
	WAIT_FOR(object_look(name).consumers == 1);
	producer = tool_start_fds(input.read, -1, "shm-produce", "-C", name, NULL);
	feed(input.write, "before\n");
	feed(input.write, text);
	WAIT_FOR(fstat(consumer.output, &status) == 0 && status.st_size > 5000);
	tool_kill(&producer);
	tool_free(&producer);
	cr_expect_eq(tool_end(&consumer), 4);
	output = tool_output(&consumer, &size);
	cr_expect(size > 5000 && memcmp(output, "before\n", 7) == 0 &&
		  memcmp(output + 7, text, size - 7) == 0);
	free(output);
	tool_free(&consumer);
	close(input.read);
	close(input.write);
	free(text);
	/* it stopped inside the message: the end of the stream is left for the next */
	EXPECT(4, "", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_consumer_says_4_once_and_the_next_stream_is_whole_again, .timeout = 60)
{
	struct agent producer = agent_start(), keeper = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&keeper, "ok", "attach consumer %s", name); /* so that the channel stays */
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	EXPECT(4, "", "shm-consume", "-C", name);
	EXPECT(0, "", "shm-produce", "-C", name, "new");
	EXPECT(0, "new\n", "shm-consume", "-C", name);
	agent_quit(&keeper);
	cr_assert(!object_exists(name));
}

Test(cli_status, an_empty_input_is_an_end_with_0_in_both_orders, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT(0, "", "shm-produce", "-C", name); /* standard input is /dev/null */
	EXPECT(0, "", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	EXPECT(0, "", "shm-produce", "-C", name);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

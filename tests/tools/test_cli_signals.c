/* Tools that a signal ends, or does not: while they wait, in the middle of work, and ignored. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/input.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { SIGNAL_COUNT = 3 };

/* ---- signals while waiting ---- */

Test(cli_signals, a_signal_ends_a_consumer_that_waits, .timeout = 60)
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

Test(cli_signals, a_signal_ends_a_producer_that_waits_for_input, .timeout = 60)
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

Test(cli_signals, a_signal_ends_a_producer_that_waits_for_room, .timeout = 60)
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

Test(cli_signals, a_signal_ends_a_producer_that_waits_for_its_turn_or_for_an_acknowledgement,
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
		EXPECT_RUN(4, "", "shm-consume", "-C", name);
		cr_assert(!object_exists(name));

		producer = tool_start("shm-produce", "-C", name, "-a", "sent", NULL);
		WAIT_FOR(object_look(name).waiting_ack != 0);
		kill(producer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&producer, 3), 128 + signals[i]);
		tool_free(&producer);
		EXPECT_RUN(4, "sent\n", "shm-consume", "-C", name);
		cr_assert(!object_exists(name));
	}
}

/* ---- signals in the middle of work ---- */

Test(cli_signals, a_signal_in_a_write_gives_the_message_back, .timeout = 60)
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
		EXPECT_RUN(0, "", "shm-produce", "-C", name, text);
		consumer = tool_start_fds(-1, output.write, "shm-consume", "-C", name, NULL);
		WAIT_FOR(ioctl(output.read, FIONREAD, &ready) == 0 && ready >= space);
		kill(consumer.pid, signals[i]);
		cr_expect_eq(tool_end_within(&consumer, 3), 128 + signals[i]);
		tool_free(&consumer);
		EXPECT_RUN(0, expected, "shm-consume", "-C", name);
		close(output.read);
		close(output.write);
		cr_assert(!object_exists(name));
	}
	free(text);
	free(expected);
}

Test(cli_signals, a_signal_in_a_write_of_a_block_gives_back_what_was_not_written, .timeout = 60)
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
		/* whole lines were delivered; everything after them comes again */
		cr_expect_eq(size, strlen(text) - (size_t)got / 10 * 10);
		cr_expect_eq(memcmp(rest, text + strlen(text) - size, size), 0);
		free(rest);
		tool_free(&consumer);
		close(output.read);
		cr_assert(!object_exists(name));
	}
	free(text);
}

Test(cli_signals, a_signal_ends_a_busy_pair_without_a_torn_line, .timeout = 60)
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

Test(cli_signals, a_signal_inside_a_long_message_is_not_passed_off_as_its_end, .timeout = 60)
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

Test(cli_signals, a_signal_ignored_at_entry_stays_ignored, .timeout = 60)
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

Test(cli_signals, the_first_process_of_a_container_exits_with_the_signals_number, .timeout = 60)
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

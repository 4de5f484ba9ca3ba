/* Output that cannot be written: the reader has gone, or the disk is full. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/input.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

Test(cli_output, a_consumer_whose_reader_has_gone_ends_by_SIGPIPE_and_gives_back, .timeout = 60)
{
	struct pipe output = pipe_open();
	struct tool consumer;
	char name[NAME_SIZE], *errors;

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "one", "two");
	close(output.read);
	consumer = tool_start_fds(-1, output.write, "shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&consumer), 128 + SIGPIPE);
	errors = tool_errors(&consumer);
	cr_expect_str_empty(errors, "%s", errors);
	free(errors);
	tool_free(&consumer);
	close(output.write);
	EXPECT_RUN(0, "one\ntwo\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_output, a_consumer_that_ignores_SIGPIPE_fails_with_1_and_gives_back, .timeout = 60)
{
	struct pipe output = pipe_open();
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "one");
	close(output.read);
	consumer = tool_start_fds(-1, output.write, "sh", "-c",
				  "trap '' PIPE; exec \"$TOOLS/shm-consume\" -C \"$1\"", "sh", name,
				  NULL);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "shm-consume: cannot write standard output: Broken pipe");
	tool_free(&consumer);
	close(output.write);
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_output, head_takes_its_lines_and_the_producer_goes_on, .timeout = 60)
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

Test(cli_output, a_full_disk_fails_with_1_and_the_messages_come_again, .timeout = 60)
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
	EXPECT_RUN(0, "one\ntwo\nthree", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_output, a_disk_that_fills_up_keeps_whole_lines_and_the_rest_comes_again, .timeout = 60)
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

Test(cli_output, a_long_message_cut_by_a_full_disk_fails_both_and_is_reported, .timeout = 60)
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

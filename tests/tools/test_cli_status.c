/* How the tools end by themselves: every exit status, and a stream that ends or breaks off. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/input.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

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
	EXPECT_RUN(1, "", "shm-produce", "-C", name, "-s", "4K", "-n", text);
	EXPECT_RUN(4, "", "shm-consume", "-C", name);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", "-n", NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "larger than the ring");
	expect_errors_contain(&tool, "--size");
	tool_free(&tool);
	EXPECT_RUN(4, "", "shm-consume", "-C", name);
	lseek(input, 0, SEEK_SET);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4K", "-n", "-i", "-",
			      NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, "larger than the ring");
	tool_free(&tool);
	EXPECT_RUN(4, "", "shm-consume", "-C", name);
	close(input);
	free(text);
	cr_assert(!object_exists(name));
}

Test(cli_status, a_consumer_with_nonblock_creates_nothing_and_says_3, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n");
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n", "-c", "1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n");
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name, "-n", "-c", "1");
	EXPECT_RUN(3, "two\n", "shm-consume", "-C", name, "-n");
	agent_quit(&producer); /* the last process leaves, and nothing is left */
	cr_assert(!object_exists(name));
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n");
}

Test(cli_status, a_consumer_with_nonblock_says_0_or_4_at_an_end, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "one");
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name, "-n");
	EXPECT_RUN(0, "", "shm-produce", "-C", name); /* standard input is /dev/null */
	EXPECT_RUN(0, "", "shm-consume", "-C", name, "-n");
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n");
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT_RUN(4, "two\n", "shm-consume", "-C", name, "-n");
	cr_assert(!object_exists(name));
}

/* ---- empty, counted ---- */

Test(cli_status, exit_empty_is_0_creates_nothing_and_does_not_wait_for_producers, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-consume", "-C", name, "-e");
	EXPECT_RUN(3, "", "shm-consume", "-C", name, "-e", "-c", "1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	EXPECT_RUN(0, "", "shm-consume", "-C", name, "-e");
	agent_expect(&producer, "ok", "send one");
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name, "-e");
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT_RUN(4, "two\n", "shm-consume", "-C", name, "-e");
	cr_assert(!object_exists(name));
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "three");
	EXPECT_RUN(0, "three\n", "shm-consume", "-C", name, "-e");
	cr_assert(!object_exists(name));
}

Test(cli_status, a_count_leaves_the_rest_for_the_next, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "1", "2", "3", "4", "5");
	EXPECT_RUN(0, "1\n2\n", "shm-consume", "-C", name, "-c", "2");
	EXPECT_RUN(0, "3\n", "shm-consume", "-C", name, "--count", "1", "-e");
	EXPECT_RUN(0, "4\n", "shm-consume", "-C", name, "-c1", "-n");
	EXPECT_RUN(0, "5\n", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
}

Test(cli_status, fewer_than_the_count_before_the_end_is_3_and_4_goes_before_3, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "1", "2");
	EXPECT_RUN(3, "1\n2\n", "shm-consume", "-C", name, "-c", "3");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send one");
	EXPECT_RUN(3, "one\n", "shm-consume", "-C", name, "-c", "2", "-e");
	agent_expect(&producer, "ok", "send two");
	agent_kill(&producer);
	EXPECT_RUN(4, "two\n", "shm-consume", "-C", name, "-c", "2");
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
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "one");
	WAIT_FOR(output_is(&follower, "one\n"));
	/* it has reported the end, or would at its next look; then it waits again */
	WAIT_FOR(object_look(name).producers == 0 && object_look(name).waiting_data != 0);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "two");
	WAIT_FOR(output_is(&follower, "one\ntwo\n"));
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_assert(!tool_ended(&follower));
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "--end", "three");
	cr_expect_eq(tool_end(&follower), 0);
	expect_output(&follower, "one\ntwo\nthree\n");
	tool_free(&follower);
	cr_assert(!object_exists(name));
}

Test(cli_status, an_explicit_end_waits_for_a_follower_that_comes_later, .timeout = 60)
{
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "--end", "one");
	cr_assert(object_exists(name));
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name, "-f");
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
	EXPECT_RUN(0, "", "shm-consume", "-C", name, "-f", "--idle", "0.1");
	cr_assert(!object_exists(name));
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "one");
	EXPECT_RUN(0, "one\n", "shm-consume", "-C", name, "-f", "--idle", "0.1");
	cr_assert(!object_exists(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send two");
	cr_assert_eq(tool_run(&follower, "shm-consume", "-C", name, "-f", "--idle", "0.1"), 0);
	expect_output(&follower, "two\n");
	tool_free(&follower);
	agent_quit(&producer);
	EXPECT_RUN(0, "", "shm-consume", "-C", name, "-e");
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
	EXPECT_RUN(0, "x\n", "shm-consume", "-C", name); /* all was sent: the stream is whole */
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
		EXPECT_RUN(124, "", "shm-consume", "-C", name, "-f", "-w", times[i]);
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
	/* the part that it had is gone, so the rest is discarded */
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
			EXPECT_RUN(4, "", "shm-consume", "-C", name, "-e");
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
	EXPECT_RUN(124, "", "shm-consume", "-C", clock, "-w", "1.5"); /* outlives it by far */
	cr_assert(!tool_ended(&producer));
	feed(input.write, "patience\n");
	close(input.write);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input.read);
	EXPECT_RUN(0, "patience\n", "shm-consume", "-C", name);
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
		expect_output(&consumer, "one\ntwo\n"); /* the lines that are whole */
		tool_free(&consumer);
		close(input.read);
		close(input.write);
		cr_assert(!object_exists(name));
		EXPECT_RUN(3, "", "shm-consume", "-C", name, "-n"); /* and that is reported once */
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
	/* it stopped inside the message: the end of the stream is left for the next consumer */
	EXPECT_RUN(4, "", "shm-consume", "-C", name);
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
	EXPECT_RUN(4, "", "shm-consume", "-C", name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name, "new");
	EXPECT_RUN(0, "new\n", "shm-consume", "-C", name);
	agent_quit(&keeper);
	cr_assert(!object_exists(name));
}

Test(cli_status, an_empty_input_is_an_end_with_0_in_both_orders, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	EXPECT_RUN(0, "", "shm-produce", "-C", name); /* standard input is /dev/null */
	EXPECT_RUN(0, "", "shm-consume", "-C", name);
	cr_assert(!object_exists(name));
	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	EXPECT_RUN(0, "", "shm-produce", "-C", name);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

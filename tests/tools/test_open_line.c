/*
 * The last line of an input may come without its newline. It is printed as it came where nothing
 * can follow it; elsewhere what other consumers write next must not continue that line.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

static void produce(const char *name, const char *text)
{
	int input = bytes_file(text, strlen(text));
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/*
 * Runs one consumer on the stream of three inputs, with or without another consumer that might go
 * on with it.
 */
static const struct {
	const char *words[CONSUMER_WORDS_MAX];
	bool producer; /* one producer stays attached */
	int status;
	const char *expected;
} alone[] = {
	/* Expects the whole stream, and its end, byte for byte. */
	{ { NULL }, false, 0, "a\nb\nc" },
	{ { "-e" }, false, 0, "a\nb\nc" },
	{ { "-n" }, false, 0, "a\nb\nc" },
	{ { "-g", "group" }, false, 0, "a\nb\nc" },
	{ { "-c", "4" }, false, 3, "a\nb\nc" },
	{ { "--tap", "--from", "oldest" }, false, 0, "a\nb\nc" },
	{ { "--peek" }, false, 0, "a\nb\nc" },
	/* The consumer stops before the end, if there is one. */
	{ { "-c", "3" }, false, 0, "a\nb\nc\n" },
	{ { "-c", "2" }, false, 0, "a\nb\n" },
	{ { "-e" }, true, 0, "a\nb\nc\n" },
	{ { "-n" }, true, 3, "a\nb\nc\n" },
	{ { "-w", "0.3" }, true, 124, "a\nb\nc\n" },
	{ { "-f", "-w", "0.3" }, true, 124, "a\nb\nc\n" },
	{ { "-f", "--idle", "0.3" }, true, 0, "a\nb\nc\n" },
	{ { "-f", "--idle", "0.3" }, false, 0, "a\nb\nc\n" },
	{ { "--tap", "--from", "oldest", "-c", "3" }, false, 0, "a\nb\nc\n" },
	{ { "--tap", "--from", "oldest", "-w", "0.3" }, true, 124, "a\nb\nc\n" },
	/* Other delimiters; what a format prints is complete, so nothing is added. */
	{ { "-c", "2", "-D", ";" }, false, 0, "a;b;" },
	{ { "-D", ";" }, false, 0, "a;b;c" },
	{ { "-c", "2", "-D", "" }, false, 0, "ab" },
	{ { "-c", "2", "--format", "%s," }, false, 0, "a,b," },
};

Test(open_line, of_a_consumer_that_is_alone_stays_open_only_at_the_end_of_the_stream,
     .timeout = 120)
{
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		struct agent producer = agent_start();
		struct tool consumer;
		char name[NAME_SIZE];

		channel_name(name);
		if (alone[i].producer)
			agent_expect(&producer, "ok", "attach producer %s", name);
		produce(name, "a");
		produce(name, "b");
		produce(name, "c");
		consumer = consumer_start(name, alone[i].words);
		cr_expect_eq(tool_end(&consumer), alone[i].status, "case %zu", i);
		cr_expect(output_is(&consumer, alone[i].expected), "case %zu", i);
		tool_free(&consumer);
		agent_kill(&producer);
		if (object_exists(name))
			object_remove(name);
	}
}

/*
 * Shell scripts that print to one output, or log, little by little or at once; $0 is the channel.
 */
static const struct {
	const char *script;
	const char *expected;
} shared[] = {
	{ "for i in 1 2 3 4 5 6; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "for i in 1 2 3; do $TOOLS/shm-consume -C $0 -c 2; done",
	  "job1\njob2\njob3\njob4\njob5\njob6\n" },
	{ "for i in 1 2 3 4 5 6; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "for i in 1 2 3; do $TOOLS/shm-consume -C $0 -c 2 & done | sort; wait",
	  "job1\njob2\njob3\njob4\njob5\njob6\n" },
	/* Each consumer is alone, sees the end of its stream, and appends. */
	{ "for i in 1 2 3; do printf job$i | $TOOLS/shm-produce -C $0\n"
	  "$TOOLS/shm-consume -C $0 >> $DIR/log; done; cat $DIR/log",
	  "job1\njob2\njob3\n" },
	{ "for i in 1 2 3; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "for i in 1 2 3; do $TOOLS/shm-consume -C $0 -c 1 >> $DIR/log; done; cat $DIR/log",
	  "job1\njob2\njob3\n" },
	/* The shell takes the newline away again. */
	{ "for i in 1 2; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "for i in 1 2; do echo \"<$($TOOLS/shm-consume -C $0 -c 1)>\"; done",
	  "<job1>\n<job2>\n" },
	/* One consumer after the other into one file: all that was put in comes out. */
	{ "for i in 1 2 3; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "$TOOLS/shm-consume -C $0 -c 1; $TOOLS/shm-consume -C $0",
	  "job1\njob2\njob3" },
	/* With a command each message is an input of its own, so nothing is added. */
	{ "for i in 1 2; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "$TOOLS/shm-consume -C $0 -- sh -c 'cat; echo .'",
	  "job1.\njob2.\n" },
	{ "for i in 1 2; do printf job$i | $TOOLS/shm-produce -C $0; done\n"
	  "$TOOLS/shm-consume -C $0 -b 2 -- cat",
	  "job1\njob2\n" },
};

Test(open_line, is_not_continued_by_what_another_consumer_writes_to_the_same_output, .timeout = 120)
{
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
		struct tool shell;
		char name[NAME_SIZE];

		folder_make();
		cr_assert_eq(tool_run(&shell, "sh", "-c", shared[i].script, channel_name(name)), 0);
		cr_expect(output_is(&shell, shared[i].expected), "case %zu: %s", i,
			  tool_output(&shell, NULL));
		tool_free(&shell);
		folder_remove();
		cr_expect_not(object_exists(name), "case %zu", i);
	}
}

Test(open_line, of_a_follower_is_ended_when_it_goes_on_through_the_end, .timeout = 60)
{
	for (int tap = 0; tap < 2; tap++) {
		struct agent producer = agent_start();
		struct tool follower;
		char name[NAME_SIZE];

		follower = tap ? tool_start("shm-consume", "-C", channel_name(name), "-f", "--tap",
					    NULL)
			       : tool_start("shm-consume", "-C", channel_name(name), "-f", NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		agent_expect(&producer, "ok", "attach producer %s", name);
		produce(name, "a");
		WAIT_FOR(output_is(&follower, "a"));
		WAIT_FOR(object_look(name).waiting_data != 0);
		cr_expect(output_is(&follower, "a"), "the stream goes on");
		agent_quit(&producer);
		WAIT_FOR(output_is(&follower, "a\n"));
		produce(name, "b");
		WAIT_FOR(output_is(&follower, "a\nb\n"));
		kill(follower.pid, SIGTERM);
		cr_expect_eq(tool_end(&follower), 128 + SIGTERM);
		cr_expect(output_is(&follower, "a\nb\n"));
		tool_free(&follower);
		if (object_exists(name))
			object_remove(name);
	}
}

Test(open_line, of_a_follower_stays_open_at_an_explicit_end, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool follower;
	char name[NAME_SIZE];

	follower = tool_start("shm-consume", "-C", channel_name(name), "-f", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	agent_expect(&producer, "ok", "attach producer %s", name);
	produce(name, "a");
	WAIT_FOR(output_is(&follower, "a"));
	agent_expect(&producer, "ok", "detach end");
	cr_expect_eq(tool_end(&follower), 0);
	expect_output(&follower, "a");
	tool_free(&follower);
	cr_expect_not(object_exists(name));
}

Test(open_line, is_ended_by_a_signal, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	consumer = tool_start("shm-consume", "-C", name, NULL);
	produce(name, "a");
	WAIT_FOR(output_is(&consumer, "a"));
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 128 + SIGTERM);
	expect_output(&consumer, "a\n");
	tool_free(&consumer);
	agent_quit(&producer);
	cr_expect_not(object_exists(name));
}

Test(open_line, is_ended_at_once_beside_another_consumer, .timeout = 60)
{
	struct agent producer = agent_start(), other = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&other, "ok", "attach consumer %s", name);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	produce(name, "a");
	WAIT_FOR(output_is(&consumer, "a\n"));
	agent_quit(&other);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "a\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(open_line, is_ended_when_another_consumer_comes, .timeout = 60)
{
	struct agent producer = agent_start(), other = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	consumer = tool_start("shm-consume", "-C", name, NULL);
	produce(name, "a");
	WAIT_FOR(output_is(&consumer, "a"));
	agent_expect(&other, "ok", "attach consumer %s", name);
	WAIT_FOR(output_is(&consumer, "a\n"));
	agent_quit(&other);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "a\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/* Another group, and an observer, get the same messages; they have no influence. */
Test(open_line, stays_open_beside_another_group_and_a_tap, .timeout = 60)
{
	struct agent producer = agent_start(), other = agent_start();
	struct tool consumer, tap;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&other, "ok", "attach consumer %s group=other", name);
	consumer = tool_start("shm-consume", "-C", name, "-g", "one", NULL);
	tap = tool_start("shm-consume", "-C", name, "--tap", NULL);
	WAIT_FOR(object_look(name).consumers == 3);
	produce(name, "a");
	WAIT_FOR(output_is(&consumer, "a") && output_is(&tap, "a"));
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(tool_end(&tap), 0);
	expect_output(&consumer, "a");
	expect_output(&tap, "a");
	tool_free(&consumer);
	tool_free(&tap);
	agent_quit(&other);
	object_remove(name); /* the other group has not taken it */
}

/* The delimiter cannot be written: that is an error like any other, and the message is out. */
Test(open_line, that_cannot_be_ended_is_an_error, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE], byte;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	produce(name, "a");
	consumer = tool_start_fds(-1, ends[1], "shm-consume", "-C", name, "-f", NULL);
	close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	agent_quit(&producer); /* now it goes on through the end, or finds out before it */
	cr_expect_eq(tool_end(&consumer), 128 + SIGPIPE);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

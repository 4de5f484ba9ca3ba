/* --peek prints what is there and leaves the object's bytes as they are. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void send_lines(const char *name, const char *lines)
{
	int input = bytes_file(lines, strlen(lines));
	struct tool producer =
		tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4096", NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/* Peeks: the output must be this, nothing may be said, and no byte of the object may change. */
static void expect_peek(const char *name, const char *group, const char *expected)
{
	size_t size_before, size_after;
	unsigned char *before = object_contents(name, &size_before), *after;
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek",
			      group != NULL ? "-g" : NULL, group),
		     0);
	expect_output(&tool, expected);
	cr_expect_str_eq(tool_errors(&tool), "");
	tool_free(&tool);
	after = object_contents(name, &size_after);
	cr_expect_eq(size_before, size_after);
	cr_expect_eq(memcmp(before, after, size_after), 0);
	free(before);
	free(after);
}

Test(peek, prints_the_same_twice_and_changes_no_byte, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	send_lines(channel_name(name), "one\ntwo\n");
	send_lines(name, "three");
	expect_peek(name, NULL, "one\ntwo\nthree");
	expect_peek(name, NULL, "one\ntwo\nthree");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-c", "1"), 0);
	expect_output(&tool, "one\n");
	tool_free(&tool);
	expect_peek(name, NULL, "two\nthree");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "two\nthree");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(peek, prints_what_is_in_hand_and_not_what_is_acknowledged, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), a = agent_start(), b = agent_start();

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&a, "ok", "attach consumer %s", name);
	agent_expect(&b, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "block 1 a");
	agent_expect(&producer, "ok", "block 5 b");
	agent_expect(&producer, "ok", "send c");
	agent_expect_delivery(&a, "receive share", .sequence = 1, .text = "a;");
	agent_expect_delivery(&b, "receive share", .sequence = 2, .text = "b;");
	expect_peek(name, NULL, "a\nb\nb\nb\nb\nb\nc\n");
	/* which acknowledges the first */
	agent_expect_delivery(&a, "receive share", .sequence = 3, .text = "b;");
	/* in the block there is a hole now */
	agent_expect_delivery(&b, "receive share", .sequence = 4, .text = "b;");
	expect_peek(name, NULL, "b\nb\nb\nb\nc\n");
	agent_expect_delivery(&b, "receive share", .sequence = 5, .text = "b;");
	agent_kill(&a); /* its message becomes an orphan */
	expect_peek(name, NULL, "b\nb\nb\nc\n");
	agent_kill(&b);
	agent_quit(&producer);
	object_remove(name);
}

Test(peek, goes_by_the_group_that_it_is_told, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), a = agent_start();
	struct tool tool;

	agent_expect(&producer, "ok", "attach producer %s size=4096 groups=a,b",
		     channel_name(name));
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect(&a, "ok", "attach consumer %s group=a", name);
	agent_expect_delivery(&a, "receive 1", .sequence = 1, .text = "one");
	agent_expect(&a, "ok", "acknowledge");
	expect_peek(name, "a", "two\n");
	expect_peek(name, "b", "one\ntwo\n");
	expect_peek(name, NULL, "one\ntwo\n"); /* the channel has no such group */
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "-g", "c"), 1);
	expect_errors_contain(&tool, "it has no group of that name");
	tool_free(&tool);
	agent_kill(&a);
	agent_quit(&producer);
	object_remove(name);
}

/* A process that holds a lock, or is stopped with one, is not in the way of --peek. */
Test(peek, waits_for_no_lock, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();

	send_lines(channel_name(name), "one\n");
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "flock");
	agent_expect(&producer, "ok", "lock producer");
	agent_expect(&consumer, "ok", "lock consumer");
	expect_peek(name, NULL, "one\n");
	agent_kill(&producer);
	agent_kill(&consumer);
	object_remove(name);
}

Test(peek, prints_no_torn_message_while_others_are_at_full_speed, .timeout = 60)
{
	enum { LINES = 300000, LINE = 18, LOOKS = 30 };
	char name[NAME_SIZE], *lines = malloc(LINE * LINES + 1), expected[LINE + 1];
	struct tool producer, consumer;
	int input;

	for (unsigned i = 0; i < LINES; i++)
		sprintf(lines + LINE * i, "%08x %08x\n", i, i * 2654435761U);
	input = bytes_file(lines, LINE * LINES);
	consumer = tool_start("shm-consume", "-C", channel_name(name), "-s", "8192", "-f", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	close(input);
	for (int look = 0; look < LOOKS; look++) {
		struct tool tool;
		unsigned before = 0;
		size_t size;
		char *got;

		cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0, "%s",
			     tool_errors(&tool));
		got = tool_output(&tool, &size);
		cr_assert_eq(size % LINE, 0);
		for (size_t at = 0; at < size; at += LINE) {
			unsigned number = (unsigned)strtoul(got + at, NULL, 16);

			sprintf(expected, "%08x %08x\n", number, number * 2654435761U);
			cr_assert_eq(memcmp(got + at, expected, LINE), 0, "torn: %.18s", got + at);
			cr_assert(at == 0 || number > before);
			before = number;
		}
		free(got);
		tool_free(&tool);
	}
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	kill(consumer.pid, SIGTERM);
	tool_end(&consumer);
	tool_free(&consumer);
	free(lines);
	object_remove(name);
}

Test(peek, leaves_out_what_is_only_partly_there_and_says_so, .timeout = 60)
{
	char name[NAME_SIZE], *got;
	struct agent producer = agent_start(), other = agent_start(), consumer = agent_start();
	struct tool tool;
	size_t size;

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "piece 300 more"); /* of this message all is there, ... */
	agent_expect(&producer, "ok", "piece 300 last");
	agent_expect(&producer, "ok", "send two");
	agent_expect(&producer, "ok", "piece 300 more"); /* ... this one was aborted, ... */
	agent_quit(&producer);
	agent_expect(&other, "ok", "attach producer %s", name);
	agent_expect(&other, "ok", "send three");
	agent_expect(&other, "ok", "piece 300 more"); /* ... and this one is not finished */
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0);
	got = tool_output(&tool, &size);
	cr_assert_eq(size, 4 + 601 + 4 + 6);
	cr_expect_eq(memcmp(got, "one\n", 4), 0);
	cr_expect_eq(memcmp(got + 605, "two\nthree\n", 10), 0);
	expect_errors_contain(&tool, "left out 1 message of which only a part is there");
	free(got);
	tool_free(&tool);
	/* That a consumer has the beginning of the message makes it no more whole. */
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (int i = 0; i < 6; i++)
		agent_ask(&consumer, "receive 1");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&other, "ok", "piece 300 more");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0);
	expect_output(&tool, "");
	expect_errors_contain(&tool, "left out 1 message of which only a part is there");
	tool_free(&tool);
	agent_kill(&consumer);
	agent_kill(&other);
	object_remove(name);
}

Test(peek, creates_nothing_and_a_missing_channel_is_an_empty_one, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0);
	expect_output(&tool, "");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "-c", "1"), 3);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "--owner", "54321"), 1);
	expect_errors_contain(&tool, "cannot peek into channel");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(peek, stops_after_as_many_as_are_asked_for_and_tells_the_key, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "-k", "kind", "x"),
		     0);
	tool_free(&tool);
	send_lines(name, "a\nb\nc\n");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "-v", "-0", "-c", "3"),
		     0);
	{
		size_t size;
		char *got = tool_output(&tool, &size);

		cr_expect_eq(size, 6);
		cr_expect_eq(memcmp(got, "x\0a\0b", 6), 0);
		free(got);
	}
	expect_errors_contain(&tool, "received data (key \"kind\"): x");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "-c", "5"), 3);
	expect_output(&tool, "x\na\nb\nc\n");
	tool_free(&tool);
	object_remove(name);
}

Test(peek, damage_is_an_error, .timeout = 60)
{
	const size_t ring = (sizeof(struct shared_buffer) + 4095) / 4096 * 4096;
	const uint64_t far = UINT64_C(1) << 40, odd = 3;
	char name[NAME_SIZE];

	for (int i = 0; i < 3; i++) {
		struct tool tool;

		send_lines(channel_name(name), "one\ntwo\n");
		if (i == 0)
			object_write(name, ring, &odd, sizeof(odd));
		else if (i == 1)
			object_write(name, OFFSET(producers.tail), &far, sizeof(far));
		else
			object_write(name, OFFSET(consumers.head), &odd, sizeof(odd));
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 1);
		expect_output(&tool, "");
		expect_errors_contain(&tool, "channel is damaged");
		tool_free(&tool);
		object_remove(name);
	}
	{ /* What the group needs only chooses: nothing can come of it but a wrong choice. */
		struct tool tool;

		send_lines(channel_name(name), "one\ntwo\n");
		object_write(name, OFFSET(consumers.groups[0].next[0].record), &far, sizeof(far));
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0);
		expect_output(&tool, "");
		tool_free(&tool);
		object_remove(name);
	}
}

Test(peek, what_makes_no_sense_with_it_is_a_usage_error, .timeout = 60)
{
	static const char *const bad[][3] = {
		{ "--tap", NULL, "--peek" },	   { "--durable", NULL, "--durable" },
		{ "-e", NULL, "--exit-empty" },	   { "--remove-group", "a", "--remove-group" },
		{ "--new", NULL, "--new" },	   { "-b", "2", "--batch" },
		{ "-f", NULL, "--follow" },	   { "-w", "1", "--timeout" },
		{ "-n", NULL, "--nonblock" },	   { "--from", "newest", "--from" },
		{ "-s", "8192", "--size" },	   { "-m", "0600", "--mode" },
		{ "--spin", "off", "--spin" },	   { "--idle", "1", "--idle" },
		{ "--retries", "1", "--retries" }, { "--", "cat", "a command" },
	};
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(
			tool_run(&tool, "shm-consume", "-C", name, "--peek", bad[i][0], bad[i][1]),
			2, "%s", bad[i][0]);
		expect_errors_contain(&tool, bad[i][2]);
		tool_free(&tool);
	}
	cr_assert(!object_exists(name));
}

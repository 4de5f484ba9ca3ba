/* --tap follows a channel without taking anything and without holding up any process. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts a tap and waits until it sleeps: `waiting` consumers wait for data then. */
static struct tool tap_start(const char *name, int waiting, const char *more, const char *value)
{
	struct tool tap =
		tool_start("shm-consume", "-C", name, "--tap", "-s", "4096", more, value, NULL);

	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == waiting);
	return tap;
}

static void send_lines(const char *name, const char *lines, size_t size)
{
	int input = bytes_file(lines, size);
	struct tool producer =
		tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "4096", NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

static size_t output_size(const struct tool *tool)
{
	size_t size;

	free(tool_output(tool, &size));
	return size;
}

/* Makes a line that shows when something is wrong with it: a number, and a hash of it. */
enum { LINE = 18 };

static void line_make(char line[LINE + 1], unsigned number)
{
	sprintf(line, "%08x %08x\n", number, number * 2654435761U);
}

static char *checked_lines(unsigned count, size_t *size)
{
	char *lines = malloc(LINE * (size_t)count + 1);

	for (unsigned i = 0; i < count; i++)
		line_make(lines + LINE * (size_t)i, i);
	*size = LINE * (size_t)count;
	return lines;
}

/* Returns how many lines there are; each must be right, and none may come twice or too early. */
static unsigned lines_check(const char *lines, size_t size)
{
	unsigned count = 0, before = 0;

	cr_assert_eq(size % LINE, 0);
	for (size_t at = 0; at < size; at += LINE) {
		unsigned number = (unsigned)strtoul(lines + at, NULL, 16);
		char expected[LINE + 1];

		line_make(expected, number);
		cr_assert_eq(memcmp(lines + at, expected, LINE), 0, "torn: %.18s", lines + at);
		cr_assert(count == 0 || number > before);
		before = number;
		count++;
	}
	return count;
}

/* Returns the N of "missed N messages". */
static unsigned missed_by(const struct tool *tap)
{
	char *errors = tool_errors(tap), *missed = strstr(errors, "missed ");
	unsigned count = missed != NULL ? (unsigned)atoi(missed + 7) : 0;

	free(errors);
	return count;
}

Test(tap, two_and_a_consumer_all_see_what_a_slow_producer_sends, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start();
	struct tool taps[2], consumer;

	taps[0] = tap_start(channel_name(name), 1, NULL, NULL);
	taps[1] = tap_start(name, 2, NULL, NULL);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 3);
	agent_expect(&producer, "ok", "attach producer %s", name);
	for (size_t i = 1; i <= 300; i++) { /* that is several times round the ring */
		agent_expect(&producer, "ok", "send a message of thirty-one bytes..");
		WAIT_FOR(output_size(&taps[0]) == 32 * i && output_size(&taps[1]) == 32 * i);
	}
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(output_size(&consumer), 32 * 300);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(tool_end(&taps[i]), 0);
		cr_expect_eq(output_size(&taps[i]), 32 * 300);
		cr_expect_str_eq(tool_errors(&taps[i]), "");
		tool_free(&taps[i]);
	}
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/*
 * The tap is woken although a consumer of the same message sleeps, too, and it takes no wake-up
 * from that consumer.
 */
Test(tap, each_wakes_for_a_message_and_for_the_end, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL), consumer;
	uint64_t since;

	consumer = tool_start("shm-consume", "-C", name, "-f", NULL);
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 2);
	agent_expect(&producer, "ok", "attach producer %s", name);
	since = test_now_ms();
	for (size_t i = 1; i <= 5; i++) { /* five seconds, if not woken */
		agent_expect(&producer, "ok", "send word");
		WAIT_FOR(output_size(&tap) == 5 * i && output_size(&consumer) == 5 * i);
		WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 2);
	}
	agent_quit(&producer);
	cr_expect_eq(tool_end(&tap), 0);
	cr_expect_lt(test_now_ms() - since, 4000);
	tool_free(&tap);
	kill(consumer.pid, SIGTERM);
	tool_end(&consumer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(tap, one_that_is_stopped_holds_nobody_up_and_says_how_many_it_missed, .timeout = 60)
{
	enum { LINES = 20000 };
	char name[NAME_SIZE], *lines, *got;
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL), consumer;
	size_t size;
	unsigned seen;

	kill(tap.pid, SIGSTOP);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	lines = checked_lines(LINES, &size);
	send_lines(name, lines, size);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(output_size(&consumer), size);
	kill(tap.pid, SIGCONT);
	cr_expect_eq(tool_end(&tap), 0);
	got = tool_output(&tap, &size);
	seen = lines_check(got, size);
	cr_expect_lt(seen, LINES);
	cr_expect_eq(seen + missed_by(&tap), LINES, "%u seen, %u missed", seen, missed_by(&tap));
	free(got);
	free(lines);
	tool_free(&tap);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(tap, no_message_is_torn_and_all_are_accounted_for_at_full_speed, .timeout = 60)
{
	enum { LINES = 400000 };
	char name[NAME_SIZE], *lines, *got;
	struct tool taps[2], consumer;
	size_t size, got_size;

	taps[0] = tap_start(channel_name(name), 1, NULL, NULL);
	taps[1] = tap_start(name, 2, "--spin", "off");
	consumer = tool_start("shm-consume", "-C", name, NULL);
	lines = checked_lines(LINES, &size);
	send_lines(name, lines, size);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(output_size(&consumer), size);
	for (int i = 0; i < 2; i++) {
		unsigned seen;

		cr_expect_eq(tool_end(&taps[i]), 0);
		got = tool_output(&taps[i], &got_size);
		seen = lines_check(got, got_size);
		cr_expect_eq(seen + missed_by(&taps[i]), LINES);
		free(got);
		tool_free(&taps[i]);
	}
	free(lines);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(tap, leaves_all_messages_to_those_who_consume, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tap, consumer;

	channel_name(name);
	send_lines(name, "before\n", 7);
	tap = tap_start(name, 1, "-c", "2");
	send_lines(name, "one\ntwo\nthree\n", 14);
	cr_expect_eq(tool_end(&tap), 0);
	expect_output(&tap, "one\ntwo\n"); /* and not the third message of that block */
	tool_free(&tap);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "before\none\ntwo\nthree\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(tap, from_oldest_begins_with_what_is_kept, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	send_lines(name, "one\ntwo\n", 8);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(
			tool_run(&tool, "shm-consume", "-C", name, "--tap", "--from", "oldest"), 0);
		expect_output(&tool, "one\ntwo\n");
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "-n"), 3);
	expect_output(&tool, "");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "one\ntwo\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(tap, the_last_one_out_removes_the_channel, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, "-f", NULL);

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "send word");
	agent_quit(&producer);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "word");
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	WAIT_FOR(output_size(&tap) == 5);
	cr_expect(object_exists(name)); /* it follows the producer that comes next */
	kill(tap.pid, SIGTERM);
	cr_expect_eq(tool_end(&tap), 128 + SIGTERM);
	tool_free(&tap);
	cr_assert(!object_exists(name));
}

Test(tap, one_that_is_killed_disturbs_nobody, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL);

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s group=g", name);
	agent_expect(&producer, "ok", "send one");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "one");
	tool_kill(&tap);
	agent_expect(&producer, "ok", "send two");
	WAIT_FOR(strcmp(agent_ask(&producer, "look"), "ok") == 0 &&
		 object_look(name).consumers == 1);
	cr_expect_eq(object_look(name).groups, 1);
	cr_expect_eq(object_look(name).orphans, 0);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "two");
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	tool_free(&tap);
	cr_assert(!object_exists(name));
}

/*
 * The tap gets the place of a consumer that was in a group: the group must not count it as its
 * consumer.
 */
Test(tap, is_in_no_group_even_in_the_place_of_one_that_was, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tap, tool;

	agent_expect(&producer, "ok", "attach producer %s groups=a", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s group=a", name);
	agent_expect(&consumer, "ok", "detach");
	tap = tap_start(name, 1, NULL, NULL);
	cr_expect_eq(object_look(name).consumers, 1);
	agent_expect(&consumer, "ok", "attach consumer %s fresh", name); /* not the tap */
	agent_expect(&consumer, "ok", "detach");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a"), 0);
	tool_free(&tool);
	agent_quit(&consumer);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&tap), 0);
	tool_free(&tap);
	object_remove(name); /* the producer saw no consumer, so the end is not reported yet */
}

Test(tap, says_when_a_producer_has_died, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL), consumer;

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send word");
	agent_kill(&producer);
	cr_expect_eq(tool_end_within(&tap, 5), 4);
	expect_output(&tap, "word\n");
	tool_free(&tap);
	/* The end is reported to the consumers all the same. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "word\n");
	tool_free(&consumer);
	/* A consumer that comes later has not seen it. */
	cr_assert(!object_exists(name));
}

Test(tap, follows_several_streams_until_an_explicit_end, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tap = tap_start(channel_name(name), 1, "-f", NULL), tool;

	send_lines(name, "one\n", 4);
	send_lines(name, "two\n", 4);
	WAIT_FOR(output_size(&tap) == 8);
	cr_expect_not(tool_ended(&tap));
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--end", "three"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_end(&tap), 0);
	expect_output(&tap, "one\ntwo\nthree\n");
	tool_free(&tap);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "one\ntwo\nthree\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(tap, waits_no_longer_than_it_is_told, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "-w", "0.1"), 124);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "-f", "--idle", "0.1"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "-f", "--idle", "0.1",
			      "-c", "1"),
		     3);
	tool_free(&tool);
	cr_assert(!object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "-n"), 3);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(tap, prints_a_message_longer_than_the_ring, .timeout = 60)
{
	enum { SIZE = 20000 };
	char name[NAME_SIZE], *bytes = malloc(SIZE), *got;
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tap;
	size_t size = 0;

	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 % 251);
	tap = tap_start(channel_name(name), 1, "-D", "");
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	/*
	 * The tap keeps up: each piece is seen before the next is sent. All pieces have the same
	 * bytes.
	 */
	for (int i = 0; i < SIZE / 1000; i++) {
		agent_expect(&producer, "ok", "piece 1000 %s",
			     i + 1 < SIZE / 1000 ? "more" : "last");
		agent_ask(&consumer, "receive");
		agent_expect(&consumer, "ok", "acknowledge");
		/* Each piece begins with the first bytes. */
		size += 1000;
		WAIT_FOR(output_size(&tap) == size);
	}
	agent_quit(&producer);
	agent_quit(&consumer);
	cr_expect_eq(tool_end(&tap), 0);
	got = tool_output(&tap, &size);
	cr_expect_eq(size, SIZE);
	for (size_t i = 0; i < size; i += 1000)
		cr_assert_eq(memcmp(got + i, bytes, 1000), 0);
	free(got);
	free(bytes);
	tool_free(&tap);
	object_remove(name);
}

Test(tap, stops_without_a_delimiter_when_a_message_in_pieces_is_given_up, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL);

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "piece 500 more");
	WAIT_FOR(output_size(&tap) == 500);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&tap), 4);
	cr_expect_eq(output_size(&tap), 500);
	expect_errors_contain(&tap, "gave up in the middle of a message");
	tool_free(&tap);
	object_remove(name);
}

Test(tap, stops_without_a_delimiter_when_it_falls_behind_inside_a_message, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	struct tool tap = tap_start(channel_name(name), 1, NULL, NULL);

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "piece 1000 more");
	WAIT_FOR(output_size(&tap) == 1000 && object_look(name).waiting_piece != 0);
	kill(tap.pid, SIGSTOP);
	for (int i = 0; i < 10; i++) {
		agent_ask(&consumer, "receive");
		agent_expect(&consumer, "ok", "acknowledge");
		agent_expect(&producer, "ok", "piece 1000 %s", i < 9 ? "more" : "last");
	}
	kill(tap.pid, SIGCONT);
	cr_expect_eq(tool_end(&tap), 4);
	cr_expect_eq(output_size(&tap), 1000);
	expect_errors_contain(&tap, "fell behind inside a message");
	tool_free(&tap);
	agent_quit(&producer);
	agent_quit(&consumer);
	object_remove(name);
}

Test(tap, skips_what_it_has_no_beginning_of, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start();
	struct tool tap;

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&producer, "ok", "piece 500 more");
	tap = tap_start(name, 1, NULL, NULL);
	agent_expect(&producer, "ok", "piece 500 more");
	agent_expect(&producer, "ok", "piece 500 last");
	agent_expect(&producer, "ok", "send word");
	agent_quit(&producer);
	cr_expect_eq(tool_end(&tap), 0);
	expect_output(&tap, "word\n");
	cr_expect_str_eq(tool_errors(&tap), "");
	tool_free(&tap);
	object_remove(name);
}

Test(tap, damage_is_an_error, .timeout = 60)
{
	char name[NAME_SIZE], rubbish[64];
	struct tool tool;
	size_t ring = (sizeof(struct shared_buffer) + 4095) / 4096 * 4096;

	channel_name(name);
	send_lines(name, "one\ntwo\n", 8);
	memset(rubbish, 0x5a, sizeof(rubbish));
	object_write(name, ring, rubbish, sizeof(rubbish));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "--from", "oldest"), 1);
	expect_output(&tool, "");
	expect_errors_contain(&tool, "channel is damaged");
	tool_free(&tool);
	object_remove(name);
}

Test(tap, tells_keys_and_the_story, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "-k", "kind", "x"),
		     0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--tap", "--from", "oldest", "-v"),
		     0);
	expect_output(&tool, "x\n");
	expect_errors_contain(&tool, "received data (key \"kind\"): x");
	tool_free(&tool);
	object_remove(name);
}

Test(tap, what_makes_no_sense_with_it_is_a_usage_error, .timeout = 60)
{
	static const char *const bad[][3] = {
		{ "-g", "a", "--group" },	{ "--durable", NULL, "--durable" },
		{ "-e", NULL, "--exit-empty" }, { "--remove-group", "a", "--remove-group" },
		{ "--new", NULL, "--new" },	{ "-b", "2", "--batch" },
		{ "-j", "2", "--jobs" },	{ "--", "cat", "a command" },
	};
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(
			tool_run(&tool, "shm-consume", "-C", name, "--tap", bad[i][0], bad[i][1]),
			2);
		expect_errors_contain(&tool, bad[i][2]);
		tool_free(&tool);
	}
	cr_assert(!object_exists(name));
}

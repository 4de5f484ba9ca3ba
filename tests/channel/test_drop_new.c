/* --full=drop-new: the message for which there is no room is dropped, and consumers know of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/full_ring.h"
#include "tests/support/support.h"

/* ---- drop-new ---- */

Test(drop_new, drop_new_leaves_a_gap_in_the_sequence, .timeout = 60)
{
	struct agent filler, drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_quit(&filler);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&drop, "dropped", "send a");
	agent_expect(&drop, "dropped", "block 5 b");
	agent_expect(&drop, "dropped", "sendn 4072"); /* just as long as the ring */
	agent_expect(&drop, "dropped", "sendn 9000"); /* longer */
	agent_expect(&drop, "ok 8", "dropped");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	agent_expect(&drop, "ok", "send c");
	agent_expect(&drop, "ok", "block 2 d");
	agent_expect_delivery(&consumer, "receive", .sequence = 10, .text = "c");
	agent_expect(&consumer, "ok 8", "missed");
	agent_expect_delivery(&consumer, "receive", .sequence = 11, .messages = 2, .text = "d;d;");
	agent_expect(&drop, "ok 8", "dropped");
	agent_expect(&consumer, "ok 8", "missed");
	agent_quit(&drop);
	all_end(name, &consumer);
}

/*
 * A consumer that claims many at once, as one delivery or not, learns of a gap when it gets there.
 */
Test(drop_new, a_gap_is_found_in_the_middle_of_what_is_claimed_at_once, .timeout = 60)
{
	static const char *const flags[] = { "", " together" };

	for (size_t i = 0; i < 2; i++) {
		struct agent drop = agent_start(), consumer = agent_start();
		char name[NAME_SIZE], receive[32];

		agent_expect(&drop, "ok", "attach producer %s size=4096 drop-new",
			     channel_name(name));
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		snprintf(receive, sizeof(receive), "receive 9%s", flags[i]);
		/*
		 * The consumer has been quick with these, so it would claim the next messages all
		 * at once.
		 */
		for (int sent = 1; sent <= 8; sent++) {
			agent_expect(&drop, "ok", "send quick");
			agent_ask(&consumer, "%s", receive);
		}
		agent_expect(&consumer, "ok", "acknowledge");
		agent_expect(&drop, "ok", "sendn 100");
		agent_expect(&drop, "dropped", "sendn 4000");
		agent_expect(&drop, "ok", "send b");
		agent_expect(&drop, "ok", "send c");
		agent_expect_delivery(&consumer, receive, .sequence = 9, .size = 100);
		agent_expect(&consumer, "ended", "more");
		agent_expect(&consumer, "ok 0", "missed");
		agent_expect_delivery(&consumer, receive, .sequence = 11, .text = "b");
		agent_expect(&consumer, "ok 1", "missed");
		if (i == 1)
			agent_expect_delivery(&consumer, "more", .sequence = 12, .text = "c");
		else
			agent_expect_delivery(&consumer, receive, .sequence = 12, .text = "c");
		agent_expect(&consumer, "ok 1", "missed");
		agent_expect(&consumer, "ok", "acknowledge");
		agent_quit(&drop);
		all_end(name, &consumer);
	}
}

/*
 * What was given back after it was claimed comes again, but the gap before it is not counted again.
 */
Test(drop_new, a_gap_is_counted_once_though_the_message_after_it_comes_again, .timeout = 60)
{
	struct agent filler, consumer = agent_start(), other = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&filler, "ok", "detach");
	agent_expect(&filler, "ok", "attach producer %s drop-new", name);
	agent_expect(&filler, "dropped", "block 3 a");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	agent_expect(&filler, "ok", "send b");
	agent_expect(&filler, "ok", "send c");
	agent_expect_delivery(&consumer, "receive", .sequence = 5, .text = "b");
	agent_expect(&consumer, "ok 3", "missed");
	agent_expect(&consumer, "ok", "give 0");
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive", .sequence = 5, .attempts = 2, .text = "b");
	agent_expect_delivery(&consumer, "receive", .sequence = 6, .text = "c");
	agent_expect(&other, "ok 0", "missed");
	agent_expect(&consumer, "ok 3", "missed");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_quit(&other);
	agent_expect_delivery(&consumer, "receive", .sequence = 5, .attempts = 3, .text = "b");
	agent_quit(&filler);
	all_end(name, &consumer);
}

/* No message comes after them that would show the gap. */
Test(drop_new, what_is_dropped_last_of_all_is_found_at_the_end, .timeout = 60)
{
	struct agent filler, drop = agent_start(), consumer = agent_start();
	struct agent second = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&second, "ok", "attach consumer %s group=second", name);
	agent_expect(&drop, "dropped", "block 3 a");
	agent_quit(&drop);
	filler_take(&consumer);
	filler_take(&second);
	agent_quit(&filler);
	agent_expect(&consumer, "ended", "receive");
	agent_expect(&consumer, "ok 3", "missed");
	agent_expect(&second, "ended", "receive");
	agent_expect(&second, "ok 3", "missed");
	agent_quit(&second);
	agent_expect(&consumer, "ok", "detach");
	cr_assert(!object_exists(name));
	agent_quit(&consumer);
}

/* A new group begins with what is there or comes; what was dropped before was not for it. */
Test(drop_new, a_new_group_has_missed_nothing, .timeout = 60)
{
	struct agent filler, drop = agent_start(), consumer = agent_start();
	struct agent newest = agent_start(), later = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&drop, "dropped", "block 3 a");
	agent_expect(&newest, "ok", "attach consumer %s group=now newest", name);
	agent_expect(&drop, "dropped", "send b");
	filler_take(&consumer);
	agent_expect(&later, "ok", "attach consumer %s group=later", name);
	agent_expect(&drop, "ok", "send c");
	agent_expect_delivery(&consumer, "receive", .sequence = 6, .text = "c");
	agent_expect_delivery(&newest, "receive", .sequence = 6, .text = "c");
	agent_expect_delivery(&later, "receive", .sequence = 6, .text = "c");
	agent_expect(&consumer, "ok 4", "missed");
	agent_expect(&newest, "ok 1", "missed"); /* since it has attached */
	agent_expect(&later, "ok 0", "missed");
	agent_quit(&filler);
	agent_quit(&drop);
	agent_expect(&newest, "ended", "receive");
	agent_expect(&later, "ended", "receive");
	agent_quit(&newest);
	agent_quit(&later);
	all_end(name, &consumer);
}

/* A message that was cut short has a number, too, and does not count as dropped. */
Test(drop_new, a_message_that_was_given_up_is_no_gap, .timeout = 60)
{
	struct agent longer = agent_start(), producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&longer, "ok", "piece 500 more");
	agent_expect(&longer, "ok", "detach");
	agent_expect(&producer, "ok", "send a");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "a");
	agent_expect(&consumer, "ok 0", "missed");
	agent_quit(&producer);
	agent_quit(&longer);
	all_end(name, &consumer);
}

/* A lone producer, and one beside another: the two write in different ways. */
Test(drop_new, sequence_numbers_go_on_after_the_gap_whoever_sends, .timeout = 60)
{
	struct agent filler, drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&drop, "dropped", "send a");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	agent_expect(&filler, "ok", "send b");
	agent_quit(&drop);
	agent_expect(&filler, "ok", "send c"); /* alone */
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "b");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "c");
	agent_quit(&filler);
	all_end(name, &consumer);
}

/* A message longer than the ring has its number already; its later pieces must keep it. */
Test(drop_new, dropping_beside_a_message_longer_than_the_ring_does_not_harm_it, .timeout = 60)
{
	struct agent longer = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_tell(&longer, "sendn 10000");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&drop, "dropped", "send a");
	agent_expect(&drop, "dropped", "send b");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (size_t got = 0; got < 10000;) {
		struct delivery piece = delivery_read(agent_ask(&consumer, "receive"));

		cr_expect_eq(piece.sequence, 1);
		got += piece.size;
	}
	agent_expect(&consumer, "ok", "acknowledge");
	cr_expect_str_eq(agent_hear(&longer), "ok");
	agent_expect(&longer, "ok", "send c");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "c");
	agent_quit(&longer);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/*
 * Like the test before, but the producer of the long message dies: its aborted mark has the number
 * of that message.
 */
Test(drop_new, a_message_that_is_aborted_after_others_were_dropped_is_known, .timeout = 60)
{
	const struct delivery middle = { .sequence = 1, .part = MIDDLE_PART };
	struct agent longer = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_tell(&longer, "sendn 10000");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&drop, "dropped", "send a");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .part = FIRST_PART);
	agent_kill(&longer);
	agent_expect(&drop, "ok", "look");
	do
		agent_ask(&consumer, "receive");
	while (delivery_is(consumer.answer, &middle));
	cr_expect_str_eq(consumer.answer, "error ABORTED");
	agent_expect(&drop, "ok", "send b");
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "b");
	agent_quit(&drop);
	agent_expect(&consumer, "incomplete", "receive");
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

/*
 * A lone consumer goes on from record to record without moving head. What it has used up is room,
 * even if head does not say so yet.
 */
Test(drop_new, drop_new_finds_room_that_a_consumer_has_used_up, .timeout = 60)
{
	static const char *const options[] = { "drop-new", "fail", "nonblock" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct agent producer = agent_start(), consumer = agent_start();
		char name[NAME_SIZE];

		agent_expect(&producer, "ok", "attach producer %s size=4096 %s", channel_name(name),
			     options[i]);
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		for (int sent = 0; sent < 16; sent++) /* 256 bytes of ring each */
			agent_expect(&producer, "ok", "sendn 232");
		for (int got = 0; got < 7; got++)
			agent_ask(&consumer, "receive");
		cr_assert_lt(object_look(name).head, 6 * 256); /* head lags behind */
		agent_expect(&producer, "ok", "sendn 1000");
		agent_quit(&producer);
		for (int got = 7; got < 17; got++)
			cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
		all_end(name, &consumer);
	}
}

/* ---- drop-new, the tool ---- */

Test(drop_new, the_tool_says_how_many_it_has_dropped_and_exits_0, .timeout = 60)
{
	struct agent filler;
	struct tool tool;
	char name[NAME_SIZE], note[128];

	filler = filler_start(name);
	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", name, "--when-full", "drop-new", "a", "b"), 0);
	snprintf(note, sizeof(note), "shm-produce: dropped 2 messages: channel \"%s\" was full\n",
		 name);
	expect_errors_contain(&tool, note);
	tool_free(&tool);
	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-q", "-C", name, "--when-full", "drop-new", "a"),
		0);
	cr_expect_not(errors_contain(&tool, "dropped"));
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-n", "-v", "-C", name, "--when-full",
			      "drop-new", "a"),
		     0);
	expect_errors_contain(&tool, "channel is full, data dropped\n");
	expect_errors_contain(&tool, "dropped 1 message: ");
	tool_free(&tool);
	agent_quit(&filler);
	object_remove(name);
}

Test(drop_new, the_consumer_says_how_many_it_has_missed, .timeout = 60)
{
	for (int command = 0; command < 2; command++) {
		struct agent drop = agent_start(), filler;
		struct tool tool;
		char name[NAME_SIZE], note[128];

		filler = filler_start(name);
		agent_expect(&drop, "ok", "attach producer %s drop-new", name);
		agent_expect(&drop, "dropped", "block 3 a");
		tool = tool_start("shm-consume", "-v", "-C", name, command ? "--" : NULL, "cat",
				  NULL);
		WAIT_FOR(object_look(name).head == object_look(name).tail);
		agent_expect(&drop, "ok", "send b");
		WAIT_FOR(errors_contain(&tool,
					"consumer: 3 messages were dropped before message 5\n"));
		WAIT_FOR(object_look(name).head == object_look(name).tail);
		agent_expect(&filler, "ok", "sendn 4072");
		agent_quit(&filler);
		agent_expect(&drop, "ok", "detach");
		agent_quit(&drop);
		cr_expect_eq(tool_end(&tool), 0);
		snprintf(note, sizeof(note),
			 "shm-consume: channel \"%s\": 3 messages were dropped (ring full)\n",
			 name);
		expect_errors_contain(&tool, note);
		tool_free(&tool);
		cr_assert(!object_exists(name));
	}
}

Test(drop_new, the_consumer_says_at_the_end_what_was_dropped_last_unless_it_is_quiet, .timeout = 60)
{
	for (int quiet = 0; quiet < 2; quiet++) {
		struct agent drop = agent_start(), filler;
		struct tool tool;
		char name[NAME_SIZE];

		filler = filler_start(name);
		agent_expect(&drop, "ok", "attach producer %s drop-new", name);
		agent_expect(&drop, "dropped", "send a");
		agent_quit(&drop);
		agent_quit(&filler);
		cr_expect_eq(tool_run(&tool, "shm-consume", quiet ? "-q" : "-v", "-C", name), 0);
		cr_expect_eq(
			errors_contain(&tool, "consumer: 1 message was dropped before the end"),
			!quiet);
		cr_expect_eq(errors_contain(&tool, ": 1 message was dropped (ring full)"), !quiet);
		tool_free(&tool);
		cr_assert(!object_exists(name));
	}
}

/* Lines from a file: those that come are whole, and together with the dropped ones they are all. */
Test(drop_new, lines_that_do_not_fit_are_dropped_and_the_others_are_whole, .timeout = 60)
{
	enum { LINES = 5000, LINE = 10 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *lines = malloc(LINES * LINE + 1), *output, *errors;
	size_t size;
	int input;

	cr_assert_not_null(lines);
	for (int i = 0; i < LINES; i++)
		snprintf(lines + i * LINE, LINE + 1, "%09d\n", i);
	input = bytes_file(lines, LINES * LINE);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "4K",
				  "--when-full", "drop-new", NULL);
	cr_expect_eq(tool_end(&producer), 0);
	close(input);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	output = tool_output(&consumer, &size);
	cr_assert_gt(size, 0);
	cr_assert_eq(size % LINE, 0);
	cr_expect_eq(memcmp(output, lines, size), 0); /* the first ones, for which there was room */
	errors = tool_errors(&producer);
	cr_expect_eq(atoi(strstr(errors, "dropped ") + 8), LINES - (int)size / LINE, "%s", errors);
	free(errors);
	free(output);
	free(lines);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/*
 * A line longer than the ring counts by its first piece: if that is dropped, so is all the rest,
 * even if there is room by then.
 */
Test(drop_new, a_line_longer_than_the_ring_is_dropped_to_its_end, .timeout = 60)
{
	enum { LONG = 30000 };
	struct agent filler, consumer = agent_start();
	struct tool producer;
	char name[NAME_SIZE], *line = malloc(LONG);
	int input[2];

	cr_assert_not_null(line);
	memset(line, 'l', LONG);
	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	filler = filler_start(name);
	producer = tool_start_fds(input[0], -1, "shm-produce", "-v", "-C", name, "--when-full",
				  "drop-new", "-D", "<>", NULL);
	close(input[0]);
	cr_assert_eq(write(input[1], line, LONG), LONG);
	/* The line is known to be too long before its end has come; nothing is said until then. */
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	cr_assert_eq(write(input[1], "<", 1), 1);
	cr_assert_eq(write(input[1], ">dropped, too<>", 15), 15);
	WAIT_FOR(errors_contain(&producer, "dropped\nproducer: channel is full, data dropped\n"));
	filler_take(&consumer);
	cr_assert_eq(write(input[1], "next<>", 6), 6);
	close(input[1]);
	cr_expect_eq(tool_end(&producer), 0);
	expect_errors_contain(&producer, "dropped 2 messages: ");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "next<>");
	free(line);
	tool_free(&producer);
	agent_quit(&filler);
	all_end(name, &consumer);
}

/* If there is room for its first piece the line is sent, and waits for room like any other. */
Test(drop_new, a_line_longer_than_the_ring_is_sent_if_its_first_piece_has_room, .timeout = 60)
{
	enum { LONG = 30000 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *line = malloc(LONG), *output;
	size_t size;
	int input;

	cr_assert_not_null(line);
	memset(line, 'l', LONG);
	line[LONG - 1] = '\n';
	input = bytes_file(line, LONG);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "4K",
				  "--when-full", "drop-new", NULL);
	close(input);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	cr_expect_eq(tool_end(&producer), 0);
	output = tool_output(&consumer, &size);
	cr_expect_eq(size, (size_t)LONG);
	cr_expect_eq(memcmp(output, line, LONG), 0);
	expect_errors_contain(&producer, "");
	cr_expect_not(errors_contain(&producer, "dropped"));
	free(output);
	free(line);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(drop_new, a_file_longer_than_the_ring_is_dropped_as_a_whole, .timeout = 60)
{
	enum { LONG = 300000 };
	struct agent filler, consumer = agent_start();
	struct tool producer;
	char name[NAME_SIZE], *bytes = calloc(1, LONG);
	int input;

	cr_assert_not_null(bytes);
	filler = filler_start(name);
	input = bytes_file(bytes, LONG);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "--when-full", "drop-new",
				  "-i", "-", NULL);
	close(input);
	cr_expect_eq(tool_end(&producer), 0);
	expect_errors_contain(&producer, "dropped 1 message: ");
	tool_free(&producer);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	agent_expect(&filler, "ok", "send next");
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "next");
	agent_quit(&filler);
	free(bytes);
	all_end(name, &consumer);
}

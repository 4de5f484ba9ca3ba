/* When the ring is full: wait, fail, or drop what is new, and what consumers see of that. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An agent that has filled a new ring of 4 KiB to its last byte with one message. */
static struct agent filler_start(char name[NAME_SIZE])
{
	struct agent filler = agent_start();

	agent_expect(&filler, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&filler, "ok", "sendn 4072");
	return filler;
}

static void filler_take(struct agent *consumer)
{
	agent_expect_delivery(consumer, "receive", .sequence = 1, .size = 4072);
	agent_expect(consumer, "ok", "acknowledge");
}

/* The consumer sees a clean end, and nothing is left. */
static void all_end(const char *name, struct agent *consumer)
{
	agent_expect(consumer, "ended", "receive");
	agent_quit(consumer);
	cr_assert(!object_exists(name));
}

static bool story_contains(const struct tool *tool, const char *part)
{
	char *errors = tool_errors(tool);
	bool contains = strstr(errors, part) != NULL;

	free(errors);
	return contains;
}

/* ---- fail ---- */

Test(full, fail_exits_3_when_there_is_no_room_and_sends_when_there_is, .timeout = 60)
{
	struct agent consumer = agent_start(), filler;
	char name[NAME_SIZE];
	struct tool tool;

	filler = filler_start(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", "fail", "x"), 3);
	expect_errors_contain(&tool, "it is full");
	tool_free(&tool);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", "fail", "x"), 0);
	tool_free(&tool);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "x");
	agent_quit(&filler);
	all_end(name, &consumer);
}

Test(full, fail_and_drop_new_wait_for_a_lock_all_the_same, .timeout = 60)
{
	struct agent holder = agent_start(), fail = agent_start(), drop = agent_start();
	struct agent consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail timeout=200", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new timeout=200", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&holder, "ok", "lock producer");
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	cr_expect_str_eq(agent_hear(&fail), "error ETIMEDOUT");
	cr_expect_str_eq(agent_hear(&drop), "error ETIMEDOUT");
	agent_expect(&holder, "ok", "unlock producer");
	agent_expect(&fail, "ok", "send three");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "three");
	agent_quit(&holder);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* The turn's holder writes its block; it does not wait for room. */
Test(full, fail_and_drop_new_wait_for_the_turn_of_one_at_work, .timeout = 60)
{
	struct agent worker = agent_start(), fail = agent_start(), drop = agent_start();
	struct agent consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&worker, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&worker, "ok", "reserve 100");
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_turn) == 2);
	agent_expect(&worker, "ok", "commit 100");
	cr_expect_str_eq(agent_hear(&fail), "ok");
	cr_expect_str_eq(agent_hear(&drop), "ok");
	for (int i = 0; i < 3; i++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_quit(&worker);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* Whoever comes first waits for room: then there is none for those behind it. */
Test(full, fail_and_drop_new_do_not_queue_behind_one_who_waits_for_room, .timeout = 60)
{
	struct agent filler, fail = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_tell(&filler, "send waits");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&fail, "error EAGAIN", "send x");
	agent_expect(&drop, "dropped", "send x");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	cr_expect_str_eq(agent_hear(&filler), "ok");
	/* the second was dropped */
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "waits");
	agent_expect(&fail, "ok", "send y");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "y");
	agent_quit(&filler);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/*
 * The turn's holder waits awake: its wish is there, without bit 0. It is a reason as long as head
 * is short of it; a holder that has got its room, and was held up before it took the wish back, is
 * one at work.
 */
Test(full, a_wish_without_its_bit_counts_until_head_is_there, .timeout = 60)
{
	struct agent worker = agent_start(), fail = agent_start(), drop = agent_start(),
		     old = agent_start(), consumer = agent_start();
	uint64_t met = 8, unmet = 1 << 20;
	char name[NAME_SIZE];

	agent_expect(&worker, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&old, "ok", "attach producer %s drop-old", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&worker, "ok", "send first");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "first");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&worker, "ok", "reserve 100");
	object_write(name, OFFSET(producers.room_wanted), &unmet, sizeof(unmet));
	agent_expect(&fail, "error EAGAIN", "send x");
	agent_expect(&drop, "dropped", "send x");
	object_write(name, OFFSET(producers.room_wanted), &met, sizeof(met));
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	agent_tell(&old, "send three");
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_turn) == 3);
	agent_expect(&worker, "ok", "commit 100");
	cr_expect_str_eq(agent_hear(&fail), "ok");
	cr_expect_str_eq(agent_hear(&drop), "ok");
	cr_expect_str_eq(agent_hear(&old), "ok");
	cr_expect_eq(object_look(name).room_wanted, 0);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_quit(&worker);
	agent_quit(&fail);
	agent_quit(&drop);
	agent_quit(&old);
	all_end(name, &consumer);
}

/* ---- drop-new ---- */

Test(full, drop_new_leaves_a_gap_in_the_sequence, .timeout = 60)
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

/* A consumer that claims many at once, as one delivery or not, learns of a gap when it is there. */
Test(full, a_gap_is_found_in_the_middle_of_what_is_claimed_at_once, .timeout = 60)
{
	static const char *const flags[] = { "", " together" };

	for (size_t i = 0; i < 2; i++) {
		struct agent drop = agent_start(), consumer = agent_start();
		char name[NAME_SIZE], receive[32];

		agent_expect(&drop, "ok", "attach producer %s size=4096 drop-new",
			     channel_name(name));
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		snprintf(receive, sizeof(receive), "receive 9%s", flags[i]);
		/* It has been quick with these, so it would claim the next all at once. */
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

/* What was given back after it was claimed comes again, and so does no gap. */
Test(full, a_gap_is_counted_once_though_the_message_behind_it_comes_again, .timeout = 60)
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

/* No message comes behind them that would show the gap. */
Test(full, what_is_dropped_last_of_all_is_found_at_the_end, .timeout = 60)
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

/* It begins with what is there or comes; what was dropped before was not for it. */
Test(full, a_new_group_has_missed_nothing, .timeout = 60)
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
	agent_expect(&newest, "ok 1", "missed"); /* since it is there */
	agent_expect(&later, "ok 0", "missed");
	agent_quit(&filler);
	agent_quit(&drop);
	agent_expect(&newest, "ended", "receive");
	agent_expect(&later, "ended", "receive");
	agent_quit(&newest);
	agent_quit(&later);
	all_end(name, &consumer);
}

/* A message that was cut short has a number, too, and was not dropped. */
Test(full, a_message_that_was_given_up_is_no_gap, .timeout = 60)
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

/* A lone producer, and one beside another: each has its own way to write. */
Test(full, sequence_numbers_go_on_after_the_gap_whoever_sends, .timeout = 60)
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
Test(full, dropping_beside_a_message_longer_than_the_ring_does_not_harm_it, .timeout = 60)
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

/* The same when that one dies: its aborted mark has the number of its message. */
Test(full, a_message_that_is_aborted_after_others_were_dropped_is_known, .timeout = 60)
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
 * A lone consumer goes on from record to record without moving head. What it has used up is
 * room, even if nobody has counted it in.
 */
Test(full, room_that_a_consumer_has_done_with_is_found, .timeout = 60)
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
		cr_assert_lt(object_look(name).head, 6 * 256); /* it lags behind */
		agent_expect(&producer, "ok", "sendn 1000");
		agent_quit(&producer);
		for (int got = 7; got < 17; got++)
			cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
		all_end(name, &consumer);
	}
}

/* ---- drop-new, the tool ---- */

Test(full, the_tool_says_how_many_it_has_dropped_and_exits_0, .timeout = 60)
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
	cr_expect_not(story_contains(&tool, "dropped"));
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

Test(full, the_consumer_says_how_many_it_has_missed, .timeout = 60)
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
		WAIT_FOR(story_contains(&tool,
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

Test(full, the_consumer_says_at_the_end_what_was_dropped_last_unless_it_is_quiet, .timeout = 60)
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
			story_contains(&tool, "consumer: 1 message was dropped before the end"),
			!quiet);
		cr_expect_eq(story_contains(&tool, ": 1 message was dropped (ring full)"), !quiet);
		tool_free(&tool);
		cr_assert(!object_exists(name));
	}
}

/* Lines from a file: those that come are whole, and with the dropped ones they are all. */
Test(full, lines_that_do_not_fit_are_dropped_and_the_others_are_whole, .timeout = 60)
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
	cr_expect_eq(memcmp(output, lines, size), 0); /* the first ones: there was room */
	errors = tool_errors(&producer);
	cr_expect_eq(atoi(strstr(errors, "dropped ") + 8), LINES - (int)size / LINE, "%s", errors);
	free(errors);
	free(output);
	free(lines);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* A line longer than the ring counts by its first piece: dropped to its end, even later. */
Test(full, a_line_longer_than_the_ring_is_dropped_to_its_end, .timeout = 60)
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
	/* It is known to be too long before its end has come; nothing is said until then. */
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	cr_assert_eq(write(input[1], "<", 1), 1);
	cr_assert_eq(write(input[1], ">dropped, too<>", 15), 15);
	WAIT_FOR(story_contains(&producer, "dropped\nproducer: channel is full, data dropped\n"));
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

/* With room for its first piece it is sent, and waits for room like any other. */
Test(full, a_line_longer_than_the_ring_is_sent_if_its_first_piece_has_room, .timeout = 60)
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
	cr_expect_not(story_contains(&producer, "dropped"));
	free(output);
	free(line);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(full, a_file_longer_than_the_ring_is_dropped_as_a_whole, .timeout = 60)
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

/* ---- drop-old ---- */

Test(full, drop_old_keeps_the_newest, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	for (int sent = 1; sent <= 100; sent++) /* 256 bytes of ring each: 16 of them fit */
		agent_expect(&drop, "ok", "sendn 232");
	agent_expect(&drop, "ok 84", "dropped");
	agent_expect(&drop, "ok", "valid");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (unsigned wanted = 85; wanted <= 100; wanted++) {
		agent_expect_delivery(&consumer, "receive", .sequence = wanted, .size = 232);
		agent_expect(&consumer, "ok", "check");
		agent_expect(&consumer, "ok 84", "missed");
	}
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* No more of the old ones go than the new one needs. */
Test(full, drop_old_takes_the_place_of_as_many_as_it_needs, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	for (int sent = 1; sent <= 16; sent++)
		agent_expect(&drop, "ok", "sendn 232");
	agent_expect(&drop, "ok", "sendn 500"); /* 528 bytes: three of them */
	agent_expect(&drop, "ok 3", "dropped");
	agent_expect(&drop, "ok", "sendn 200"); /* in what is left of the third */
	agent_expect(&drop, "ok 3", "dropped");
	agent_expect(&drop, "ok", "sendn 4072"); /* all of the ring */
	agent_expect(&drop, "ok 18", "dropped");
	agent_expect(&drop, "ok", "send a");
	agent_expect(&drop, "ok 19", "dropped");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 20, .text = "a");
	agent_expect(&consumer, "ok 19", "missed");
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* The new one goes then. Who gives it back, or dies, may have made something of it. */
Test(full, drop_old_never_drops_what_is_in_hand_or_was, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start(), next = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&drop, "ok", "sendn 2000");
	agent_ask(&consumer, "receive"); /* alone, so it has claimed one only */
	agent_expect(&drop, "ok", "sendn 2024");
	agent_expect(&drop, "dropped", "send a");
	agent_expect(&consumer, "ok", "give 0"); /* an orphan */
	agent_expect(&drop, "dropped", "send b");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .attempts = 2, .size = 2000);
	agent_kill(&consumer);
	agent_expect(&drop, "ok", "look");
	agent_expect(&drop, "dropped", "block 2 c");
	agent_expect(&drop, "ok 4", "dropped");
	agent_expect(&next, "ok", "attach consumer %s", name);
	agent_expect_delivery(&next, "receive", .sequence = 1, .attempts = 3, .size = 2000);
	agent_expect(&next, "ok", "acknowledge");
	agent_expect(&drop, "ok", "send d");	 /* its room is free */
	agent_expect(&drop, "ok", "sendn 2000"); /* and that of the second is made */
	agent_expect(&drop, "ok 5", "dropped");
	agent_expect_delivery(&next, "receive", .sequence = 7, .text = "d");
	agent_expect(&next, "ok 5", "missed");
	agent_expect_delivery(&next, "receive", .sequence = 8, .size = 2000);
	agent_quit(&drop);
	all_end(name, &next);
}

/* It had it in its claim, but not in its hands: it is as if it had never been claimed. */
Test(full, drop_old_drops_and_counts_what_was_claimed_but_not_delivered, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (int sent = 1; sent <= 8; sent++) {
		agent_expect(&drop, "ok", "send quick");
		agent_ask(&consumer, "receive");
	}
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&drop, "ok", "send a");
	agent_expect(&drop, "ok", "send b");
	agent_expect(&drop, "ok", "send c");
	/* and claims b and c */
	agent_expect_delivery(&consumer, "receive", .sequence = 9, .text = "a");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&drop, "ok", "sendn 4072");
	agent_expect(&drop, "ok 2", "dropped");
	agent_expect_delivery(&consumer, "receive", .sequence = 12, .size = 4072);
	agent_expect(&consumer, "ok 2", "missed");
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* What a lone consumer has used up is free, even if head does not show it. */
Test(full, drop_old_finds_room_that_a_consumer_has_done_with, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (int sent = 0; sent < 16; sent++)
		agent_expect(&drop, "ok", "sendn 232");
	for (int got = 0; got < 7; got++)
		agent_ask(&consumer, "receive");
	cr_assert_lt(object_look(name).head, 6 * 256); /* it lags behind */
	agent_expect(&drop, "ok", "sendn 1000");
	agent_expect(&drop, "ok 0", "dropped");
	agent_quit(&drop);
	for (int got = 7; got < 17; got++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_expect(&consumer, "ok 0", "missed");
	all_end(name, &consumer);
}

/* Its first lines have been taken; the rest counts. */
Test(full, drop_old_drops_the_rest_of_a_block, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&drop, "ok", "block 5 a");
	agent_expect(&drop, "ok", "sendn 4000");
	agent_expect_delivery(&consumer, "receive 2", .sequence = 1, .messages = 2, .text = "a;a;");
	agent_expect(&drop, "dropped", "sendn 25");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&drop, "ok", "sendn 25");
	agent_expect(&drop, "ok 4", "dropped");
	agent_expect_delivery(&consumer, "receive", .sequence = 6, .size = 4000);
	agent_expect(&consumer, "ok 3", "missed");
	agent_expect_delivery(&consumer, "receive", .sequence = 8, .size = 25);
	agent_expect(&consumer, "ok 4", "missed");
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* Each group misses what it has not taken: one is ahead, one behind, one has not come yet. */
Test(full, drop_old_drops_for_the_groups_that_are_behind, .timeout = 60)
{
	struct agent drop = agent_start(), ahead = agent_start(), behind = agent_start();
	struct agent later = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old groups=later",
		     channel_name(name));
	agent_expect(&ahead, "ok", "attach consumer %s group=ahead", name);
	agent_expect(&behind, "ok", "attach consumer %s group=behind", name);
	for (int sent = 1; sent <= 16; sent++)
		agent_expect(&drop, "ok", "sendn 232");
	for (int got = 1; got <= 10; got++)
		agent_ask(&ahead, "receive 1");
	agent_ask(&behind, "receive 1");
	agent_expect(&behind, "ok", "acknowledge");
	agent_expect(&drop, "ok", "sendn 1000"); /* four of them */
	agent_expect(&drop, "ok 4", "dropped");	 /* a message once, however many miss it */
	agent_expect_delivery(&ahead, "receive 1", .sequence = 11, .size = 232);
	agent_expect(&ahead, "ok 0", "missed");
	agent_expect_delivery(&behind, "receive 1", .sequence = 5, .size = 232);
	agent_expect(&behind, "ok 3", "missed");
	agent_expect(&later, "ok", "attach consumer %s group=later", name);
	agent_expect_delivery(&later, "receive 1", .sequence = 5, .size = 232);
	agent_expect(&later, "ok 4", "missed");
	/* What one group has in hand stays for all. */
	agent_expect(&later, "ok", "acknowledge");
	agent_expect(&drop, "dropped", "sendn 1000");
	agent_expect_delivery(&later, "receive 1", .sequence = 6, .size = 232);
	agent_expect(&later, "ok 4", "missed");
	agent_quit(&drop);
	agent_quit(&ahead);
	agent_quit(&behind);
	agent_quit(&later);
	object_remove(name);
}

/* Whoever comes first gets room, then the one who made it. */
Test(full, drop_old_makes_room_for_one_who_waits_too, .timeout = 60)
{
	struct agent filler, drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&drop, "ok", "attach producer %s drop-old", name);
	agent_tell(&filler, "send waits");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&drop, "ok", "send x");
	cr_expect_str_eq(agent_hear(&filler), "ok");
	agent_expect(&drop, "ok 1", "dropped");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "waits");
	agent_expect(&consumer, "ok 1", "missed");
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "x");
	agent_quit(&filler);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* Who sends it does not learn that its beginning is gone; consumers skip the rest. */
Test(full, drop_old_drops_all_of_a_message_longer_than_the_ring, .timeout = 60)
{
	struct agent longer = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&drop, "ok", "attach producer %s drop-old", name);
	agent_expect(&longer, "ok", "send a");
	agent_tell(&longer, "sendn 20000");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&drop, "ok", "send b");
	agent_expect(&drop, "ok 2", "dropped");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "b");
	agent_expect(&consumer, "ok 2", "missed");
	cr_expect_str_eq(agent_hear(&longer), "ok");
	agent_quit(&longer);
	agent_quit(&drop);
	all_end(name, &consumer);
}

Test(full, drop_old_leaves_a_message_longer_than_the_ring_to_who_is_inside, .timeout = 60)
{
	struct agent longer = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];
	size_t got = 0;

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&drop, "ok", "attach producer %s drop-old", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_tell(&longer, "sendn 20000");
	for (int piece = 1; got < 20000; piece++) {
		if (piece == 2 || piece == 3) { /* with one in hand, and between two */
			WAIT_FOR((object_look(name).room_wanted & 1) != 0);
			agent_expect(&drop, "dropped", "send a");
		}
		agent_ask(&consumer, "receive");
		cr_assert_eq(delivery_read(consumer.answer).sequence, 1);
		got += delivery_read(consumer.answer).size;
		if (piece == 2)
			agent_expect(&consumer, "ok", "acknowledge");
	}
	agent_expect(&consumer, "ok", "acknowledge");
	cr_expect_str_eq(agent_hear(&longer), "ok");
	agent_expect(&drop, "ok", "send b");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "b");
	agent_expect(&consumer, "ok 2", "missed");
	agent_quit(&longer);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* Without the consumers' mutex nobody knows what may go: it is waited for, like any lock. */
Test(full, drop_old_waits_for_a_lock, .timeout = 60)
{
	struct agent filler, holder = agent_start(), drop = agent_start();
	struct agent never = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&holder, "ok", "attach consumer %s", name);
	agent_expect(&drop, "ok", "attach producer %s drop-old timeout=200", name);
	agent_expect(&never, "ok", "attach producer %s drop-old nonblock", name);
	agent_expect(&holder, "ok", "lock consumer");
	agent_expect(&drop, "error ETIMEDOUT", "send a");
	agent_expect(&never, "error EAGAIN", "send a");
	cr_expect_eq(object_look(name).turn, 0);
	agent_expect(&holder, "ok", "unlock consumer");
	agent_expect(&drop, "ok", "send a");
	agent_expect(&never, "ok", "sendn 4072");
	agent_expect(&drop, "ok 1", "dropped");
	agent_expect(&never, "ok 1", "dropped");
	agent_quit(&filler);
	agent_quit(&drop);
	agent_quit(&never);
	agent_quit(&holder);
	object_remove(name);
}

/* ---- drop-old, the tools ---- */

/* How many messages a tool says were dropped: in the note that begins like this. */
static int dropped_in(const struct tool *tool, const char *before)
{
	char *errors = tool_errors(tool);
	const char *found = strstr(errors, before);
	int count = found == NULL ? 0 : atoi(found + strlen(before));

	free(errors);
	return count;
}

Test(full, both_tools_say_how_many_old_messages_were_dropped, .timeout = 60)
{
	struct agent filler;
	struct tool tool;
	char name[NAME_SIZE];

	filler = filler_start(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-v", "-C", name, "--when-full", "drop-old",
			      "a", "b"),
		     0);
	expect_errors_contain(&tool, "producer: channel is full, 1 old message dropped\n"
				     "producer: data ready, notifying consumer\n"
				     "producer: data ready, notifying consumer\n");
	expect_errors_contain(&tool, "dropped 1 message: channel ");
	tool_free(&tool);
	agent_quit(&filler);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-v", "-C", name), 0);
	expect_output(&tool, "a\nb\n");
	expect_errors_contain(&tool, "consumer: 1 message was dropped before message 2\n");
	expect_errors_contain(&tool, ": 1 message was dropped (ring full)\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(full, of_lines_that_do_not_fit_the_last_ones_are_kept, .timeout = 60)
{
	enum { LINES = 5000, LINE = 10 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *lines = malloc(LINES * LINE + 1), *output;
	size_t size;
	int input;

	cr_assert_not_null(lines);
	for (int i = 0; i < LINES; i++)
		snprintf(lines + i * LINE, LINE + 1, "%09d\n", i);
	input = bytes_file(lines, LINES * LINE);
	producer = tool_start_fds(input, -1, "shm-produce", "-n", "-C", channel_name(name), "-s",
				  "4K", "--when-full", "drop-old", NULL);
	cr_expect_eq(tool_end(&producer), 0);
	close(input);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	output = tool_output(&consumer, &size);
	cr_assert_gt(size, 2000);
	cr_assert_eq(size % LINE, 0);
	cr_expect_eq(memcmp(output, lines + LINES * LINE - size, size), 0);
	cr_expect_eq(dropped_in(&producer, "dropped "), LINES - (int)size / LINE);
	cr_expect_eq(dropped_in(&consumer, "\": "), LINES - (int)size / LINE);
	free(output);
	free(lines);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* Whatever happens between many who make room and those who take: each message is in one count. */
Test(full, what_is_delivered_and_what_is_dropped_is_what_was_sent, .timeout = 120)
{
	enum { PRODUCERS = 4, CONSUMERS = 2, LINES = 20000, LINE = 10 };
	struct tool producers[PRODUCERS], consumers[CONSUMERS];
	struct agent first = agent_start();
	char name[NAME_SIZE], *lines = malloc(LINES * LINE + 1);
	int dropped = 0, missed = 0, delivered = 0;

	cr_assert_not_null(lines);
	for (int i = 0; i < LINES; i++)
		snprintf(lines + i * LINE, LINE + 1, "%09d\n", i);
	agent_expect(&first, "ok", "attach producer %s size=4096", channel_name(name));
	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		int input = bytes_file(lines, LINES * LINE);

		producers[i] = tool_start_fds(input, -1, "shm-produce", "-C", name, "--when-full",
					      "drop-old", NULL);
		close(input);
	}
	for (int i = 0; i < PRODUCERS; i++) {
		cr_expect_eq(tool_end_within(&producers[i], 60), 0);
		dropped += dropped_in(&producers[i], "dropped ");
		tool_free(&producers[i]);
	}
	agent_quit(&first);
	for (int i = 0; i < CONSUMERS; i++) {
		size_t size;

		cr_expect_eq(tool_end_within(&consumers[i], 60), 0);
		free(tool_output(&consumers[i], &size));
		cr_expect_eq(size % LINE, 0);
		delivered += (int)size / LINE;
		missed += dropped_in(&consumers[i], "\": ");
		tool_free(&consumers[i]);
	}
	free(lines);
	cr_expect_eq(missed, dropped, "%d missed, %d dropped", missed, dropped);
	cr_expect_eq(delivered + missed, PRODUCERS * LINES, "%d delivered, %d missed", delivered,
		     missed);
	cr_assert(!object_exists(name));
}

/* ---- usage ---- */

Test(full, a_bad_answer_to_a_full_ring_is_a_usage_error, .timeout = 60)
{
	static const char *const bad[] = { "", "never", "drop", "drop-old-new", "Block" };
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", bad[i], "x"),
			     2);
		expect_errors_contain(&tool, "block, fail, drop-new or drop-old");
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", "--when-full", "block", "x"),
		     2);
	expect_errors_contain(&tool, "--when-full block waits, --nonblock never does");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", "--when-full", "fail", "x"),
		     0);
	tool_free(&tool);
	object_remove(name);
}

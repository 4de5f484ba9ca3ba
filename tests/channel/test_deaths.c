/* kill -9 at chosen places: survivors and newcomers go on, and no other message is lost. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(deaths, ten_killed_sleeping_consumers_do_not_stop_the_eleventh, .timeout = 120)
{
	struct tool consumer, producer;
	char name[NAME_SIZE], text[16];

	channel_name(name);
	for (int i = 0; i < 10; i++) {
		consumer = tool_start("shm-consume", "-C", name, NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		tool_kill(&consumer);
		tool_free(&consumer);
	}
	consumer = tool_start("shm-consume", "-C", name, "-f", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, text), 0);
		tool_free(&producer);
	}
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "--end", "end"), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\nend\n");
	tool_free(&consumer);
	tool_free(&producer);
	cr_expect(!object_exists(name));
}

Test(deaths, ten_killed_waiting_producers_do_not_stop_the_eleventh, .timeout = 120)
{
	struct agent consumer = agent_start(), filler = agent_start();
	struct tool producer, rest;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s size=4096", name);
	agent_expect(&filler, "ok", "attach producer %s", name);
	agent_expect(&filler, "ok", "sendn 4040");
	for (int i = 0; i < 10; i++) {
		producer = tool_start("shm-produce", "-C", name,
				      "a message that waits for room, and for ever", NULL);
		WAIT_FOR(object_look(name).room_wanted != 0 && !tool_ended(&producer));
		/* A second producer waits for the turn and goes the same way. */
		if (i % 2 == 0) {
			struct tool second =
				tool_start("shm-produce", "-C", name,
					   "another message, which waits for the turn", NULL);

			WAIT_FOR(object_look(name).waiting_turn != 0);
			tool_kill(&second);
			tool_free(&second);
		}
		tool_kill(&producer);
		tool_free(&producer);
	}
	agent_expect(&filler, "ok", "look");
	producer =
		tool_start("shm-produce", "-C", name,
			   "the eleventh, as long as the others, so that it waits as well", NULL);
	WAIT_FOR(object_look(name).room_wanted != 0);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .size = 4040);
	agent_expect(&consumer, "ok", "check");
	agent_expect(&consumer, "ok", "acknowledge");
	cr_expect_eq(tool_end(&producer), 0);
	agent_quit(&filler);
	agent_quit(&consumer);
	/* Deaths are reported: every whole message comes, and then status 4. */
	cr_expect_eq(tool_run(&rest, "shm-consume", "-C", name), 4);
	expect_output(&rest, "the eleventh, as long as the others, so that it waits as well\n");
	tool_free(&rest);
	tool_free(&producer);
	cr_expect(!object_exists(name));
}

Test(deaths, message_in_the_hands_of_a_killed_consumer_comes_again, .timeout = 60)
{
	struct agent producer = agent_start(), victim = agent_start(), successor = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&victim, "ok", "attach consumer %s", name);
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&victim, "receive 1", .sequence = 1, .text = "one");
	agent_expect_delivery(&successor, "receive 1", .sequence = 2, .text = "two");
	agent_tell(&successor, "receive 1");
	WAIT_FOR(object_look(name).waiting_data != 0);
	agent_kill(&victim);
	expect_delivery(agent_hear(&successor), .sequence = 1, .attempts = 2, .text = "one");
	agent_quit(&producer);
	agent_expect(&successor, "ended", "receive");
	agent_quit(&successor);
	cr_expect(!object_exists(name));
}

Test(deaths, rest_of_a_block_comes_again_and_only_the_rest, .timeout = 60)
{
	struct agent producer = agent_start(), victim = agent_start(), successor = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 5 x");
	agent_expect(&victim, "ok", "attach consumer %s", name);
	agent_expect_delivery(&victim, "receive 2", .sequence = 1, .messages = 2, .text = "x;x;");
	agent_expect_delivery(&victim, "receive 2", .sequence = 3, .messages = 2, .text = "x;x;");
	agent_kill(&victim);
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect_delivery(&successor, "receive", .sequence = 3, .messages = 2, .attempts = 2,
			      .text = "x;x;");
	agent_expect_delivery(&successor, "receive", .sequence = 5, .text = "x;");
	agent_quit(&producer);
	agent_expect(&successor, "ended", "receive");
	agent_quit(&successor);
	cr_expect(!object_exists(name));
}

Test(deaths, last_message_of_an_ended_stream_is_not_stranded, .timeout = 60)
{
	struct agent worker = agent_start();
	struct tool producer, other;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "the last one"), 0);
	tool_free(&producer);
	agent_expect(&worker, "ok", "attach consumer %s", name);
	agent_expect_delivery(&worker, "receive", .sequence = 1, .text = "the last one");
	other = tool_start("shm-consume", "-C", name, NULL);
	/*
	 * The stream is over, but its last message is in the hands of a consumer that may die: so
	 * the other one waits.
	 */
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_assert(!tool_ended(&other));
	agent_kill(&worker);
	cr_expect_eq(tool_end(&other), 0);
	expect_output(&other, "the last one\n");
	tool_free(&other);
	cr_expect(!object_exists(name));
}

Test(deaths, holder_of_either_mutex_may_die, .timeout = 60)
{
	static const char *const sides[] = { "producer", "consumer" };
	struct agent consumer = agent_start(), producer = agent_start();
	char name[NAME_SIZE];
	unsigned sent = 0;

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	for (int role = 0; role < 2; role++)
		for (int side = 0; side < 2; side++) {
			struct agent victim = agent_start();

			agent_expect(&victim, "ok", "attach %s %s", sides[role], name);
			agent_tell(&consumer, "receive");
			WAIT_FOR(object_look(name).waiting_data != 0);
			agent_expect(&victim, "ok", "lock %s", sides[side]);
			agent_kill(&victim);
			agent_expect(&producer, "ok", "send still here");
			expect_delivery(agent_hear(&consumer), .sequence = ++sent,
					.text = "still here");
		}
	agent_quit(&producer);
	agent_expect(&consumer, "incomplete", "receive");
	agent_expect(&consumer, "ok", "valid");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

Test(deaths, uncommitted_room_is_never_seen, .timeout = 60)
{
	struct agent victim = agent_start(), producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s size=4096", name);
	agent_expect(&victim, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&victim, "ok", "reserve 2000");
	agent_tell(&producer, "send after the dead");
	WAIT_FOR(object_look(name).waiting_turn != 0);
	agent_kill(&victim);
	cr_expect_str_eq(agent_hear(&producer), "ok");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "after the dead");
	agent_quit(&producer);
	agent_expect(&consumer, "incomplete", "receive");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

/* ---- messages longer than the ring ---- */

Test(deaths, producer_killed_in_a_long_message_is_not_passed_off_as_whole, .timeout = 60)
{
	struct agent victim = agent_start(), producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s size=4096", name);
	agent_expect(&victim, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&victim, "ok", "piece 1000 more");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .part = FIRST_PART,
			      .size = 1000);
	agent_tell(&producer, "send the next message");
	WAIT_FOR(object_look(name).waiting_turn != 0);
	agent_tell(&consumer, "receive");
	WAIT_FOR(object_look(name).waiting_piece != 0);
	agent_kill(&victim);
	cr_expect_str_eq(agent_hear(&consumer), "error ABORTED");
	cr_expect_str_eq(agent_hear(&producer), "ok");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "the next message");
	agent_quit(&producer);
	agent_expect(&consumer, "incomplete", "receive");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

Test(deaths, consumer_tool_stops_inside_a_message_that_was_cut_short, .timeout = 60)
{
	struct agent victim = agent_start();
	struct tool consumer, producer;
	char name[NAME_SIZE], *output;
	size_t size;

	channel_name(name);
	agent_expect(&victim, "ok", "attach producer %s size=4096", name);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	agent_expect(&victim, "ok", "send whole");
	agent_expect(&victim, "ok", "piece 900 more");
	WAIT_FOR(object_look(name).waiting_piece != 0);
	agent_kill(&victim);
	cr_expect_eq(tool_end(&consumer), 4);
	output = tool_output(&consumer, &size);
	cr_expect_eq(size, 6 + 900, "no delimiter after a part");
	cr_expect_eq(memcmp(output, "whole\n", 6), 0);
	free(output);
	tool_free(&consumer);
	/* What comes after it is for the next consumer. */
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "later"), 0);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "later\n");
	tool_free(&consumer);
	tool_free(&producer);
	cr_expect(!object_exists(name));
}

Test(deaths, aborted_message_of_which_nothing_was_delivered_is_skipped, .timeout = 60)
{
	struct agent victim = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&victim, "ok", "attach producer %s size=4096", name);
	agent_expect(&victim, "ok", "send before");
	agent_expect(&victim, "ok", "piece 900 more");
	agent_expect(&victim, "ok", "piece 900 more");
	agent_kill(&victim);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "before\n");
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

Test(deaths, long_message_comes_again_if_nothing_of_it_was_freed, .timeout = 60)
{
	struct agent producer = agent_start(), victim = agent_start(), successor = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s size=4096", name);
	agent_expect(&victim, "ok", "attach consumer %s", name);
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "piece 900 more");
	agent_expect_delivery(&victim, "receive", .sequence = 1, .part = FIRST_PART, .size = 900);
	agent_expect(&producer, "ok", "piece 800 more");
	agent_tell(&successor, "receive");
	WAIT_FOR(object_look(name).waiting_data != 0);
	agent_kill(&victim);
	expect_delivery(agent_hear(&successor), .sequence = 1, .attempts = 2, .part = FIRST_PART,
			.size = 900);
	agent_expect_delivery(&successor, "receive", .sequence = 1, .attempts = 2,
			      .part = MIDDLE_PART, .size = 800);
	agent_tell(&successor, "receive");
	WAIT_FOR(object_look(name).waiting_piece != 0);
	agent_expect(&producer, "ok", "piece 700 last");
	expect_delivery(agent_hear(&successor), .sequence = 1, .attempts = 2, .part = LAST_PART,
			.size = 700);
	agent_expect(&successor, "ok", "acknowledge");
	agent_expect(&producer, "ok", "ack");
	agent_quit(&producer);
	agent_expect(&successor, "ended", "receive");
	agent_quit(&successor);
	cr_expect(!object_exists(name));
}

Test(deaths, long_message_is_lost_with_the_consumer_that_freed_a_part, .timeout = 60)
{
	struct agent victim = agent_start();
	struct tool producer, next;
	char name[NAME_SIZE], *text = malloc(100001);
	int input;

	channel_name(name);
	memset(text, 'x', 100000);
	text[100000] = '\n';
	input = bytes_file(text, 100001);
	agent_expect(&victim, "ok", "attach consumer %s size=4096", name);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	agent_expect_delivery(&victim, "receive", .sequence = 1, .part = FIRST_PART);
	agent_expect_delivery(&victim, "receive", .sequence = 1, .part = MIDDLE_PART);
	agent_kill(&victim);
	/* The producer waits for room until a newcomer notices the death and tells it. */
	next = tool_start("shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&producer), 1);
	expect_errors_contain(&producer, "a consumer died or left with a part of it");
	cr_expect_eq(tool_end(&next), 4);
	expect_output(&next, "");
	expect_errors_contain(&next, "lost 1 message longer than its ring");
	tool_free(&producer);
	tool_free(&next);
	close(input);
	free(text);
	cr_expect(!object_exists(name));
}

Test(deaths, long_message_given_back_after_a_part_is_lost_too, .timeout = 60)
{
	struct agent producer = agent_start(), first = agent_start(), second = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s size=4096", name);
	agent_expect(&first, "ok", "attach consumer %s", name);
	agent_expect(&second, "ok", "attach consumer %s", name);
	agent_tell(&producer, "sendn 20000");
	agent_expect_delivery(&first, "receive", .sequence = 1, .part = FIRST_PART);
	agent_expect_delivery(&first, "receive", .sequence = 1, .part = MIDDLE_PART);
	agent_expect(&first, "ok", "detach");
	cr_expect_str_eq(agent_hear(&producer), "error LOST");
	agent_expect(&producer, "ok", "detach failed");
	agent_expect(&second, "incomplete", "receive");
	agent_expect(&second, "ok 1", "lost");
	agent_quit(&producer);
	agent_quit(&first);
	agent_quit(&second);
	cr_expect(!object_exists(name));
}

Test(deaths, orphan_of_an_aborted_message_is_skipped, .timeout = 60)
{
	struct agent producer = agent_start(), victim = agent_start();
	struct tool next;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s size=4096", name);
	agent_expect(&victim, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "piece 900 more");
	agent_expect_delivery(&victim, "receive", .sequence = 1, .part = FIRST_PART, .size = 900);
	agent_kill(&victim);
	agent_kill(&producer);
	/*
	 * Nothing of it was acknowledged, and it is known to have been aborted: no part of it is
	 * printed.
	 */
	cr_expect_eq(tool_run(&next, "shm-consume", "-C", name), 4);
	expect_output(&next, "");
	tool_free(&next);
	cr_expect(!object_exists(name));
}

/* ---- others that do not go on, but live ---- */

Test(deaths, interrupted_producer_sends_nothing_more_even_if_it_need_not_wait, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send before");
	agent_expect(&producer, "ok", "interrupt");
	agent_expect(&producer, "error EINTR", "send after");
	agent_expect(&producer, "error EINTR", "sendn 50000");
	agent_quit(&producer);
	object_remove(name);
}

Test(deaths, acknowledging_waits_as_long_as_the_timeout_says, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start(), holder = agent_start();
	char name[NAME_SIZE];
	uint64_t start;

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send x");
	agent_expect(&consumer, "ok", "attach consumer %s timeout=15000", name);
	agent_expect(&holder, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "x");
	agent_expect(&holder, "ok", "lock consumer");
	agent_tell(&consumer, "acknowledge");
	/*
	 * The lock is held for longer than leaving may take; the consumer must neither give up nor
	 * fail.
	 */
	start = test_now_ms();
	while (test_now_ms() - start < 2000)
		test_pause();
	cr_expect(!agent_answered(&consumer));
	agent_expect(&holder, "ok", "unlock consumer");
	cr_expect_str_eq(agent_hear(&consumer), "ok");
	agent_quit(&holder);
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

Test(deaths, nonblocking_send_outlasts_a_neighbour_that_just_writes_its_block, .timeout = 60)
{
	struct agent neighbour = agent_start(), producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s size=4096", name);
	agent_expect(&neighbour, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "attach producer %s nonblock", name);
	agent_expect(&neighbour, "ok", "reserve 100");
	agent_tell(&producer, "send x");
	WAIT_FOR(object_look(name).waiting_turn != 0 || agent_answered(&producer));
	agent_expect(&neighbour, "ok", "commit 1");
	cr_expect_str_eq(agent_hear(&producer), "ok");
	/* But a full ring is reported at once. */
	agent_expect(&neighbour, "ok", "sendn 3900");
	agent_expect(&producer, "error EAGAIN", "sendn 500");
	agent_expect(&producer, "ok", "send y");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "r");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "x");
	agent_ask(&consumer, "receive");
	agent_expect(&consumer, "ok", "check");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "y");
	agent_quit(&neighbour);
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

Test(deaths, producer_that_fails_is_told_apart_from_one_that_ends, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send whole");
	agent_expect(&producer, "ok", "detach failed");
	agent_quit(&producer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "whole\n");
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

/* --full=drop-old: the oldest messages make room for a new one, but for those in hand. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/full_ring.h"
#include "tests/support/support.h"

/* ---- drop-old ---- */

Test(drop_old, drop_old_keeps_the_newest, .timeout = 60)
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
Test(drop_old, drop_old_takes_the_place_of_as_many_as_it_needs, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	for (int sent = 1; sent <= 16; sent++)
		agent_expect(&drop, "ok", "sendn 232");
	agent_expect(&drop, "ok", "sendn 500"); /* 528 bytes: three of them */
	agent_expect(&drop, "ok 3", "dropped");
	agent_expect(&drop, "ok", "sendn 200"); /* it fits into what is left of the third */
	agent_expect(&drop, "ok 3", "dropped");
	agent_expect(&drop, "ok", "sendn 4072"); /* it takes all of the ring */
	agent_expect(&drop, "ok 18", "dropped");
	agent_expect(&drop, "ok", "send a");
	agent_expect(&drop, "ok 19", "dropped");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 20, .text = "a");
	agent_expect(&consumer, "ok 19", "missed");
	agent_quit(&drop);
	all_end(name, &consumer);
}

/*
 * Then the new message is dropped. The consumer that gives the old one back, or dies, may already
 * have made something of it.
 */
Test(drop_old, drop_old_never_drops_what_is_in_hand_or_was, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start(), next = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&drop, "ok", "sendn 2000");
	agent_ask(&consumer, "receive"); /* it is alone, but so far it claims one record only */
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
	agent_expect(&drop, "ok", "send d");	 /* the room of the first is free */
	agent_expect(&drop, "ok", "sendn 2000"); /* and the second is dropped for this one */
	agent_expect(&drop, "ok 5", "dropped");
	agent_expect_delivery(&next, "receive", .sequence = 7, .text = "d");
	agent_expect(&next, "ok 5", "missed");
	agent_expect_delivery(&next, "receive", .sequence = 8, .size = 2000);
	agent_quit(&drop);
	all_end(name, &next);
}

/*
 * The consumer had the message in its claim, but not in its hands: it is as if it had never been
 * claimed.
 */
Test(drop_old, drop_old_drops_and_counts_what_was_claimed_but_not_delivered, .timeout = 60)
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
	/* and it claims b and c as well */
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
Test(drop_old, drop_old_finds_room_that_a_consumer_has_used_up, .timeout = 60)
{
	struct agent drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&drop, "ok", "attach producer %s size=4096 drop-old", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	for (int sent = 0; sent < 16; sent++)
		agent_expect(&drop, "ok", "sendn 232");
	for (int got = 0; got < 7; got++)
		agent_ask(&consumer, "receive");
	cr_assert_lt(object_look(name).head, 6 * 256); /* head lags behind */
	agent_expect(&drop, "ok", "sendn 1000");
	agent_expect(&drop, "ok 0", "dropped");
	agent_quit(&drop);
	for (int got = 7; got < 17; got++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_expect(&consumer, "ok 0", "missed");
	all_end(name, &consumer);
}

/* The first lines of the block have been taken; the rest of them are dropped and counted. */
Test(drop_old, drop_old_drops_the_rest_of_a_block, .timeout = 60)
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

/*
 * Each group misses what it has not taken: one group is ahead, one is behind, and one has not
 * begun.
 */
Test(drop_old, drop_old_drops_for_the_groups_that_are_behind, .timeout = 60)
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
	agent_expect(&drop, "ok", "sendn 1000"); /* it takes the place of four */
	agent_expect(&drop, "ok 4", "dropped");	 /* a message once, however many miss it */
	agent_expect_delivery(&ahead, "receive 1", .sequence = 11, .size = 232);
	agent_expect(&ahead, "ok 0", "missed");
	agent_expect_delivery(&behind, "receive 1", .sequence = 5, .size = 232);
	agent_expect(&behind, "ok 3", "missed");
	agent_expect(&later, "ok", "attach consumer %s group=later", name);
	agent_expect_delivery(&later, "receive 1", .sequence = 5, .size = 232);
	agent_expect(&later, "ok 4", "missed");
	/* What one group has in hand stays for all groups. */
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

/* The producer that came first gets room, and then the one that made it. */
Test(drop_old, drop_old_makes_room_for_a_waiting_producer_too, .timeout = 60)
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

/*
 * The producer of the long message does not learn that its beginning is gone; consumers skip the
 * rest.
 */
Test(drop_old, drop_old_drops_all_of_a_message_longer_than_the_ring, .timeout = 60)
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

Test(drop_old, drop_old_leaves_a_message_longer_than_the_ring_to_the_consumer_inside_it,
     .timeout = 60)
{
	struct agent longer = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];
	size_t got = 0;

	agent_expect(&longer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&drop, "ok", "attach producer %s drop-old", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_tell(&longer, "sendn 20000");
	for (int piece = 1; got < 20000; piece++) {
		if (piece == 2 || piece == 3) { /* with a piece in hand, and between two */
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

/*
 * Without the consumers' mutex it is not known which messages may go: so a producer waits for it,
 * like for any lock.
 */
Test(drop_old, drop_old_waits_for_a_lock, .timeout = 60)
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

/* Returns how many messages a tool says were dropped: in the note that begins like this. */
static int dropped_in(const struct tool *tool, const char *before)
{
	char *errors = tool_errors(tool);
	const char *found = strstr(errors, before);
	int count = found == NULL ? 0 : atoi(found + strlen(before));

	free(errors);
	return count;
}

Test(drop_old, both_tools_say_how_many_old_messages_were_dropped, .timeout = 60)
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

Test(drop_old, of_lines_that_do_not_fit_the_last_ones_are_kept, .timeout = 60)
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

/*
 * Whatever happens between many producers that make room and the consumers: each message is in
 * exactly one count.
 */
Test(drop_old, what_is_delivered_and_what_is_dropped_is_what_was_sent, .timeout = 120)
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
	/* One that comes after everybody has left would wait in a new channel. */
	agent_expect(&first, "ok", "consumers %d", CONSUMERS);
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

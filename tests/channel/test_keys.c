/* Messages with a key: each of them arrives with it, whatever way they take. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_MAX = 255 };

/* Starts a producer and a consumer on a new channel of 4 KiB. */
static void pair_start(char name[NAME_SIZE], struct agent *producer, struct agent *consumer)
{
	*producer = agent_start();
	*consumer = agent_start();
	agent_expect(producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(consumer, "ok", "attach consumer %s", name);
}

static void pair_quit(const char *name, struct agent *producer, struct agent *consumer)
{
	agent_quit(producer);
	agent_expect(consumer, "ended", "receive");
	agent_quit(consumer);
	cr_assert(!object_exists(name));
}

Test(keys, a_key_comes_with_its_message_and_an_empty_one_is_none, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "send plain");
	agent_expect(&producer, "ok", "key order");
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send "); /* a key and no text */
	agent_expect(&producer, "ok", "key invoice");
	agent_expect(&producer, "ok", "send two");
	agent_expect(&producer, "ok", "key");
	agent_expect(&producer, "ok", "send plain again");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "plain");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .key = "order", .text = "one");
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .key = "order", .text = "");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .key = "invoice", .text = "two");
	agent_expect_delivery(&consumer, "receive", .sequence = 5, .text = "plain again");
	pair_quit(name, &producer, &consumer);
}

Test(keys, a_key_may_hold_any_bytes, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key %%00%%ff%%0a;%%25%%80");
	agent_expect(&producer, "ok", "send x");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .key = "%00%ff%0a;%25%80",
			      .text = "x");
	pair_quit(name, &producer, &consumer);
}

/*
 * Messages of 16 KiB and more are copied under the turn and not under the mutex: another way into
 * the ring.
 */
Test(keys, a_key_has_up_to_255_bytes, .timeout = 60)
{
	char name[NAME_SIZE], key[KEY_MAX + 2];
	struct agent producer, consumer;

	memset(key, 'k', KEY_MAX);
	key[KEY_MAX] = '\0';
	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key %s", key);
	agent_expect(&producer, "ok", "sendn 100");
	agent_expect(&producer, "error 22", "key %sk", key);
	agent_expect(&producer, "ok", "send same");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .key = key, .size = 100);
	agent_expect(&consumer, "ok", "check");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .key = key, .text = "same");
	pair_quit(name, &producer, &consumer);
}

Test(keys, a_large_message_has_its_key, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s size=65536", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "key large");
	agent_expect(&producer, "ok", "sendn 20000");
	agent_expect(&producer, "ok", "reserve 5");
	agent_expect(&producer, "error 16", "key other"); /* its room is already divided */
	agent_expect(&producer, "ok", "commit 5");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .key = "large", .size = 20000);
	agent_expect(&consumer, "ok", "check");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .key = "large", .text = "rrrrr");
	pair_quit(name, &producer, &consumer);
}

Test(keys, a_key_and_its_message_fill_the_ring_to_the_last_byte, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s size=4096 nonblock", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "key 10 letters");
	agent_expect(&producer, "ok", "sendn 4062");
	agent_expect(&producer, "error TOOBIG", "sendn 4063");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .key = "10%20letters",
			      .size = 4062);
	agent_expect(&consumer, "ok", "check");
	pair_quit(name, &producer, &consumer);
}

Test(keys, all_messages_of_a_block_have_its_key, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key of;all");
	agent_expect(&producer, "ok", "block 5 line");
	agent_expect(&producer, "ok", "block 2 more");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 1, .key = "of;all",
			      .text = "line;");
	agent_expect_delivery(&consumer, "receive 2", .sequence = 2, .messages = 2, .key = "of;all",
			      .text = "line;line;");
	agent_expect(&consumer, "ok", "give 1"); /* one message is done, one is given back */
	agent_expect_delivery(&consumer, "receive 7", .sequence = 3, .attempts = 2, .key = "of;all",
			      .text = "line;");
	agent_expect_delivery(&consumer, "receive 7", .sequence = 4, .messages = 2, .key = "of;all",
			      .text = "line;line;");
	agent_expect_delivery(&consumer, "receive 7", .sequence = 6, .messages = 2, .key = "of;all",
			      .text = "more;more;");
	pair_quit(name, &producer, &consumer);
}

/* The first record is taken in a critical section of the mutex, the others outside of it. */
Test(keys, records_claimed_together_have_their_keys, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE], key[16], text[16];

	pair_start(name, &producer, &consumer);
	for (unsigned i = 1; i <= 20; i++) {
		agent_expect(&producer, "ok", "key type%u", i % 3);
		agent_expect(&producer, "ok", "send %u", i);
	}
	for (unsigned i = 1; i <= 20; i++) {
		snprintf(key, sizeof(key), "type%u", i % 3);
		snprintf(text, sizeof(text), "%u", i);
		agent_expect_delivery(&consumer, "receive", .sequence = i, .key = key,
				      .text = text);
	}
	pair_quit(name, &producer, &consumer);
}

Test(keys, what_a_killed_consumer_had_in_hand_comes_again_with_its_key, .timeout = 60)
{
	struct agent producer, consumer, other = agent_start();
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key again");
	agent_expect(&producer, "ok", "block 3 line");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 1, .key = "again",
			      .text = "line;");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 2, .key = "again",
			      .text = "line;");
	agent_kill(&consumer);
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive", .sequence = 2, .attempts = 2, .key = "again",
			      .text = "line;");
	agent_expect_delivery(&other, "receive", .sequence = 3, .key = "again", .text = "line;");
	pair_quit(name, &producer, &other);
}

Test(keys, the_first_piece_of_a_message_longer_than_the_ring_has_the_key, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key long");
	agent_expect(&producer, "ok", "piece 700 more");
	agent_expect(&producer, "error 16", "key other");
	agent_expect(&producer, "ok", "piece 700 more");
	agent_expect(&producer, "ok", "piece 10 last");
	agent_expect(&producer, "ok", "send next");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .part = FIRST_PART,
			      .key = "long", .size = 700);
	agent_expect(&consumer, "ok", "check");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .part = MIDDLE_PART,
			      .size = 700);
	agent_expect(&consumer, "ok", "check");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .part = LAST_PART, .size = 10);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .key = "long", .text = "next");
	pair_quit(name, &producer, &consumer);
}

/* ---- the tools ---- */

/* Sends the input with a key; shm-consume must print this output, and with -v say this. */
static void expect_keyed(const char *input, const char *output, const char *story,
			 const char *delimiter)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];
	int file = bytes_file(input, strlen(input));

	producer = tool_start_fds(file, -1, "shm-produce", "-C", channel_name(name), "-s", "4K",
				  "--key", "type one", NULL);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(file);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-v", "-C", name, "-D", delimiter), 0);
	expect_output(&consumer, output);
	expect_errors_contain(&consumer, story);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(keys, a_key_is_shown_and_is_not_in_the_output, .timeout = 60)
{
	expect_keyed("one\ntwo\n", "one\ntwo\n", "received data (key \"type one\"): two\n", "\\n");
	expect_keyed("one\ntwo", "one\ntwo", "received data (key \"type one\"): two\n", "\\n");
	expect_keyed("one\ntwo\n", "one<>two<>", "received data (key \"type one\"): two\n", "<>");
	expect_keyed("one\n", "one", "received data (key \"type one\"): one\n", "");
}

Test(keys, lines_and_one_longer_than_the_ring_come_whole_with_a_key, .timeout = 60)
{
	enum { LONG = 30000, SIZE = LONG + 8 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *bytes = malloc(SIZE), *output;
	size_t size;
	int file;

	cr_assert_not_null(bytes);
	memset(bytes, 'x', SIZE);
	bytes[3] = bytes[SIZE - 4] = bytes[SIZE - 1] = '\n';
	file = bytes_file(bytes, SIZE);
	consumer = tool_start("shm-consume", "-C", channel_name(name), "-s", "4K", NULL);
	producer = tool_start_fds(file, -1, "shm-produce", "-C", name, "-k", "k", NULL);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(file);
	cr_expect_eq(tool_end(&consumer), 0);
	output = tool_output(&consumer, &size);
	cr_expect_eq(size, (size_t)SIZE);
	cr_expect_eq(memcmp(output, bytes, SIZE), 0);
	free(output);
	free(bytes);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(keys, a_key_of_256_bytes_is_a_usage_error, .timeout = 60)
{
	char name[NAME_SIZE], key[KEY_MAX + 2];
	struct tool tool;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "-k", key, "x"), 2);
	expect_errors_contain(&tool, "bad key: longer than 255 bytes");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	key[KEY_MAX] = '\0';
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-k", key, "x"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-k", "", "x"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-v", "-C", name), 0);
	expect_errors_contain(&tool, "received data: x\n");
	tool_free(&tool);
}

/* Messages with a key: it arrives with each of them, whatever way they take. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_MAX = 255 };

/* A producer and a consumer on a new channel of 4 KiB. */
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
	agent_expect(&producer, "ok", "send "); /* only a key */
	agent_expect(&producer, "ok", "key invoice");
	agent_expect(&producer, "ok", "send two");
	agent_expect(&producer, "ok", "key");
	agent_expect(&producer, "ok", "send plain again");
	agent_expect(&consumer, "ok 1 1 5 1 FL- plain", "receive");
	agent_expect(&consumer, "ok 2 1 3 1 FL- key=order one", "receive");
	agent_expect(&consumer, "ok 3 1 0 1 FL- key=order ", "receive");
	agent_expect(&consumer, "ok 4 1 3 1 FL- key=invoice two", "receive");
	agent_expect(&consumer, "ok 5 1 11 1 FL- plain again", "receive");
	pair_quit(name, &producer, &consumer);
}

Test(keys, a_key_may_hold_any_bytes, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key %%00%%ff%%0a;%%25%%80");
	agent_expect(&producer, "ok", "send x");
	agent_expect(&consumer, "ok 1 1 1 1 FL- key=%00%ff%0a;%25%80 x", "receive");
	pair_quit(name, &producer, &consumer);
}

/* 16 KiB and more are copied under the turn, not the mutex: another way into the ring. */
Test(keys, a_key_has_up_to_255_bytes, .timeout = 60)
{
	char name[NAME_SIZE], key[KEY_MAX + 2], expected[600];
	struct agent producer, consumer;

	memset(key, 'k', KEY_MAX);
	key[KEY_MAX] = '\0';
	pair_start(name, &producer, &consumer);
	agent_expect(&producer, "ok", "key %s", key);
	agent_expect(&producer, "ok", "sendn 100");
	agent_expect(&producer, "error 22", "key %sk", key);
	agent_expect(&producer, "ok", "send same");
	agent_ask(&consumer, "receive");
	snprintf(expected, sizeof(expected), "ok 1 1 100 1 FL- key=%s ", key);
	cr_expect_eq(strncmp(consumer.answer, expected, strlen(expected)), 0);
	agent_expect(&consumer, "ok", "check");
	snprintf(expected, sizeof(expected), "ok 2 1 4 1 FL- key=%s same", key);
	agent_expect(&consumer, expected, "receive");
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
	cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok 1 1 20000 1 FL- key=large ", 29),
		     0);
	agent_expect(&consumer, "ok", "check");
	agent_expect(&consumer, "ok 2 1 5 1 FL- key=large rrrrr", "receive");
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
	cr_expect_eq(
		strncmp(agent_ask(&consumer, "receive"), "ok 1 1 4062 1 FL- key=10%20letters ", 35),
		0);
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
	agent_expect(&consumer, "ok 1 1 5 1 FL- key=of;all line;", "receive 1");
	agent_expect(&consumer, "ok 2 2 10 1 FL- key=of;all line;line;", "receive 2");
	agent_expect(&consumer, "ok", "give 1"); /* one done, one given back */
	agent_expect(&consumer, "ok 3 1 5 2 FL- key=of;all line;", "receive 7");
	agent_expect(&consumer, "ok 4 2 10 1 FL- key=of;all line;line;", "receive 7");
	agent_expect(&consumer, "ok 6 2 10 1 FL- key=of;all more;more;", "receive 7");
	pair_quit(name, &producer, &consumer);
}

/* The first of them is taken with a visit to the mutex, the others without. */
Test(keys, records_claimed_together_have_their_keys, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE], expected[64];

	pair_start(name, &producer, &consumer);
	for (int i = 1; i <= 20; i++) {
		agent_expect(&producer, "ok", "key type%d", i % 3);
		agent_expect(&producer, "ok", "send %d", i);
	}
	for (int i = 1; i <= 20; i++) {
		snprintf(expected, sizeof(expected), "ok %d 1 %d 1 FL- key=type%d %d", i,
			 i < 10 ? 1 : 2, i % 3, i);
		agent_expect(&consumer, expected, "receive");
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
	agent_expect(&consumer, "ok 1 1 5 1 FL- key=again line;", "receive 1");
	agent_expect(&consumer, "ok 2 1 5 1 FL- key=again line;", "receive 1");
	agent_kill(&consumer);
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect(&other, "ok 2 1 5 2 FL- key=again line;", "receive");
	agent_expect(&other, "ok 3 1 5 1 FL- key=again line;", "receive");
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
	cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok 1 1 700 1 F-- key=long ", 26), 0);
	agent_expect(&consumer, "ok", "check");
	cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok 1 0 700 1 --- ", 17), 0);
	agent_expect(&consumer, "ok", "check");
	cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok 1 0 10 1 -L- ", 16), 0);
	agent_expect(&consumer, "ok 2 1 4 1 FL- key=long next", "receive");
	pair_quit(name, &producer, &consumer);
}

/* ---- the tools ---- */

/* What shm-consume prints of the input with a key, and the story that it tells. */
static void expect_bytes(const char *input, const char *output, const char *story,
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
	expect_bytes("one\ntwo\n", "one\ntwo\n", "received data (key \"type one\"): two\n", "\\n");
	expect_bytes("one\ntwo", "one\ntwo", "received data (key \"type one\"): two\n", "\\n");
	expect_bytes("one\ntwo\n", "one<>two<>", "received data (key \"type one\"): two\n", "<>");
	expect_bytes("one\n", "one", "received data (key \"type one\"): one\n", "");
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

/* Each group of consumers sees every message; the consumers of one group share them. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Starts an agent in this group; "" is the group without a name. `more`: further words for
 * "attach".
 */
static struct agent consumer_in(const char *name, const char *group, const char *more)
{
	struct agent consumer = agent_start();

	agent_expect(&consumer, "ok", "attach consumer %s%s%s %s", name,
		     *group != '\0' ? " group=" : "", group, more);
	return consumer;
}

static struct agent producer_of(const char *name, const char *more)
{
	struct agent producer = agent_start();

	agent_expect(&producer, "ok", "attach producer %s %s", name, more);
	return producer;
}

/* Acknowledges what the agent has taken before it leaves: else it would give it back. */
static void agent_leave(struct agent *agent)
{
	agent_expect(agent, "ok", "acknowledge");
	agent_quit(agent);
}

Test(groups, each_sees_every_message_and_its_consumers_share_them, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent a1 = consumer_in(name, "a", ""), a2 = consumer_in(name, "a", "");
	struct agent b = consumer_in(name, "b", "");

	cr_expect_eq(object_look(name).groups, 2);
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&a1, "receive dontwait", .sequence = 1, .text = "one");
	agent_expect_delivery(&a2, "receive dontwait", .sequence = 2, .text = "two");
	agent_expect(&a1, "error EAGAIN", "receive dontwait");
	agent_expect_delivery(&b, "receive dontwait", .sequence = 1, .text = "one");
	agent_expect_delivery(&b, "receive dontwait", .sequence = 2, .text = "two");
	agent_leave(&a1);
	agent_leave(&a2);
	agent_leave(&b);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

/* There is one wake-up for each group: that of one must not be consumed by another. */
Test(groups, one_sleeper_of_each_is_woken, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent consumers[6];
	unsigned answered = 0;

	for (int i = 0; i < 6; i++) {
		consumers[i] = consumer_in(name, i % 2 == 0 ? "even" : "odd", "");
		agent_tell(&consumers[i], "receive");
		WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == i + 1);
	}
	agent_expect(&producer, "ok", "send word");
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) <= 4);
	WAIT_FOR(agent_answered(&consumers[0]) || agent_answered(&consumers[2]) ||
		 agent_answered(&consumers[4]));
	WAIT_FOR(agent_answered(&consumers[1]) || agent_answered(&consumers[3]) ||
		 agent_answered(&consumers[5]));
	for (int i = 0; i < 6; i++)
		answered += agent_answered(&consumers[i]);
	cr_expect_eq(answered, 2);
	for (int i = 0; i < 6; i++)
		agent_kill(&consumers[i]);
	agent_quit(&producer);
	object_remove(name);
}

Test(groups, room_is_free_when_the_slowest_has_acknowledged, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent fast = consumer_in(name, "fast", ""), slow = consumer_in(name, "slow", "");
	uint64_t head = object_look(name).head;

	agent_expect(&producer, "ok", "send word");
	agent_expect_delivery(&fast, "receive", .sequence = 1, .text = "word");
	agent_expect(&fast, "ok", "acknowledge");
	cr_expect_eq(object_look(name).head, head);
	agent_expect_delivery(&slow, "receive", .sequence = 1, .text = "word");
	agent_expect(&slow, "ok", "acknowledge");
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	agent_quit(&fast);
	agent_quit(&slow);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, the_first_begins_with_the_oldest_kept_and_a_later_one_with_the_oldest_still_there,
     .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent first, later;

	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	first = consumer_in(name, "first", "");
	agent_expect_delivery(&first, "receive 1", .sequence = 1, .text = "one");
	/* acknowledges the message before */
	agent_expect_delivery(&first, "receive 1", .sequence = 2, .text = "two");
	WAIT_FOR(object_look(name).groups == 1);
	agent_expect(&first, "ok", "give 0");
	later = consumer_in(name, "later", "");
	agent_expect_delivery(&later, "receive", .sequence = 2, .text = "two");
	agent_expect_delivery(&first, "receive", .sequence = 2, .attempts = 2, .text = "two");
	agent_leave(&later);
	agent_leave(&first);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, from_newest_begins_with_what_is_sent_next, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent all, newest;

	agent_expect(&producer, "ok", "send one");
	all = consumer_in(name, "all", "");
	newest = consumer_in(name, "late", "newest");
	agent_expect(&newest, "error EAGAIN", "receive dontwait");
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&newest, "receive", .sequence = 2, .text = "two");
	agent_expect_delivery(&all, "receive 1", .sequence = 1, .text = "one");
	agent_expect_delivery(&all, "receive 1", .sequence = 2, .text = "two");
	agent_leave(&all);
	agent_leave(&newest);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

/* That holds also for the first consumer of all: it does not want what was kept. */
Test(groups, from_newest_drops_what_was_kept_for_the_first, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent newest;

	agent_expect(&producer, "ok", "send one");
	newest = consumer_in(name, "late", "newest");
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&newest, "receive", .sequence = 2, .text = "two");
	agent_leave(&newest);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, one_ends_with_its_last_consumer_and_holds_nothing_up, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent stays = consumer_in(name, "stays", ""), goes = consumer_in(name, "goes", "");

	agent_expect(&producer, "ok", "send one");
	agent_expect_delivery(&stays, "receive", .sequence = 1, .text = "one");
	agent_expect(&stays, "ok", "acknowledge");
	cr_expect_neq(object_look(name).head, object_look(name).tail);
	agent_quit(&goes);
	cr_expect_eq(object_look(name).groups, 1);
	agent_expect(&producer, "ok", "send two");
	agent_expect_delivery(&stays, "receive", .sequence = 2, .text = "two");
	agent_expect(&stays, "ok", "acknowledge");
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	agent_quit(&stays);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

/*
 * A durable group has received all, and no consumer is in it: so none will come and move head when
 * the message that held head back is done. `d` is the first group of the channel, `goes` the
 * second.
 */
static struct agent producer_held_up(const char *name, struct agent *goes)
{
	struct agent producer = producer_of(name, "size=4096");
	struct agent durable = consumer_in(name, "d", "durable");

	*goes = consumer_in(name, "goes", "");
	agent_expect(&producer, "ok", "sendn 3000");
	agent_ask(&durable, "receive");
	agent_leave(&durable);
	agent_tell(&producer, "sendn 2000");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	return producer;
}

static void producer_goes_on(const char *name, struct agent *producer)
{
	WAIT_FOR(agent_answered(producer));
	cr_expect_str_eq(agent_hear(producer), "ok");
	cr_expect_eq(object_look(name).groups, 1);
	agent_kill(producer);
	object_remove(name);
}

Test(groups, one_that_ends_leaves_its_room_though_nobody_else_is_there, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent goes, producer = producer_held_up(channel_name(name), &goes);

	cr_expect_eq(object_look(name).groups, 2);
	agent_quit(&goes);
	producer_goes_on(name, &producer);
}

/* Between the note that the group is being left, and leaving. */
Test(groups, one_whose_last_consumer_is_killed_while_leaving_ends, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent goes, producer = producer_held_up(channel_name(name), &goes);
	uint32_t left = GROUP_LEFT;

	agent_expect(&goes, "ok", "lock consumer");
	object_write(name, OFFSET(consumers.groups[1].state), &left, sizeof(left));
	agent_kill(&goes);
	producer_goes_on(name, &producer);
}

/* No group is left then, so nothing is thrown away: the first consumer that comes gets it. */
Test(groups, what_the_last_one_leaves_is_for_whoever_comes_next, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent one = consumer_in(name, "one", ""), two;

	agent_expect(&producer, "ok", "send word");
	agent_expect_delivery(&one, "receive", .sequence = 1, .text = "word");
	agent_quit(&one); /* which gives it back */
	cr_expect_eq(object_look(name).groups, 1);
	two = consumer_in(name, "two", "");
	cr_expect_eq(object_look(name).groups, 1);
	agent_expect_delivery(&two, "receive", .sequence = 1, .attempts = 2, .text = "word");
	agent_leave(&two);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, a_durable_one_stays_and_misses_nothing, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent durable = consumer_in(name, "d", "durable"), other = consumer_in(name, "", "");
	struct tool tool;

	agent_quit(&durable);
	agent_expect(&producer, "ok", "send word");
	agent_expect_delivery(&other, "receive", .sequence = 1, .text = "word");
	agent_leave(&other);
	agent_quit(&producer);
	cr_assert(object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "d"), 0);
	expect_output(&tool, "word\n");
	tool_free(&tool);
	cr_assert(object_exists(name)); /* it waits for the next stream */
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "d"), 0);
	cr_assert_eq(strlen(tool_errors(&tool)), 0);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(groups, removing_one_takes_no_message_whatever_else_is_asked_for, .timeout = 60)
{
	static const char *const bad[][3] = {
		{ "--", "cat", "a command" },	  { "-c", "1", "--count" },
		{ "-f", NULL, "--follow" },	  { "-e", NULL, "--exit-empty" },
		{ "-g", "a", "--group" },	  { "--durable", NULL, "--durable" },
		{ "--from", "newest", "--from" }, { "--format", "%s", "--format" },
		{ "--stats", NULL, "--stats" },	  { "--progress", NULL, "--progress" },
		{ "--new", NULL, "--new" },	  { "-s", "8192", "--size" },
		{ "-m", "0600", "--mode" },	  { "--spin", "off", "--spin" },
		{ "-b", "2", "--batch" },	  { "--framing", "lines", "--framing" },
		{ "-0", NULL, "--null" },	  { "--trace", "t", "--trace" },
	};
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--groups", "a", "x"),
		     0);
	tool_free(&tool);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a",
				      bad[i][0], bad[i][1]),
			     2, "%s", bad[i][0]);
		expect_output(&tool, "");
		expect_errors_contain(&tool, bad[i][2]);
		expect_errors_contain(&tool, "does not go with --remove-group");
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-w", "5", "--remove-group", "a"),
		     0);
	expect_errors_contain(&tool, "1 message that it had not taken went with it");
	tool_free(&tool);
	object_remove(name);
}

Test(groups, declared_ones_all_get_everything_in_either_order, .timeout = 60)
{
	char name[NAME_SIZE];
	int input = bytes_file("1\n2\n3\n", 6);
	struct tool tool;

	channel_name(name);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, "--groups", "a,b", NULL);
	close(input);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	for (int i = 0; i < 2; i++) {
		const char *group = i == 0 ? "a" : "b";

		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", group), 0);
		expect_output(&tool, "1\n2\n3\n");
		tool_free(&tool);
	}
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	for (int i = 0; i < 2; i++) {
		cr_assert(object_exists(name));
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group",
				      i == 0 ? "a" : "b"),
			     0);
		tool_free(&tool);
	}
	cr_assert(!object_exists(name));
}

Test(groups, one_whose_last_consumer_is_killed_gets_its_message_again, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent a = consumer_in(name, "a", ""), b = consumer_in(name, "b", "");

	agent_expect(&producer, "ok", "send word");
	agent_expect_delivery(&a, "receive", .sequence = 1, .text = "word");
	agent_expect_delivery(&b, "receive", .sequence = 1, .text = "word");
	agent_kill(&a);
	WAIT_FOR(object_look(name).consumers == 1 ||
		 strcmp(agent_ask(&b, "look"), "ok") != 0); /* b looks for the dead */
	agent_leave(&b);
	a = consumer_in(name, "a", "");
	agent_expect_delivery(&a, "receive", .sequence = 1, .attempts = 2, .text = "word");
	agent_leave(&a);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

/* A consumer of another group does not take over what the dead one had in hand. */
Test(groups, a_killed_one_is_not_handed_to_another_group, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct agent a = consumer_in(name, "a", ""), b;

	agent_expect(&producer, "ok", "send word");
	agent_expect_delivery(&a, "receive", .sequence = 1, .text = "word");
	agent_kill(&a);
	b = consumer_in(name, "b", "");
	cr_expect_eq(object_look(name).groups, 2);
	agent_expect_delivery(&b, "receive", .sequence = 1, .text = "word");
	agent_leave(&b);
	a = consumer_in(name, "a", "");
	agent_expect_delivery(&a, "receive", .sequence = 1, .attempts = 2, .text = "word");
	agent_leave(&a);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, the_one_that_holds_the_producers_up_is_named, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "size=4096 groups=idle");
	struct agent busy = consumer_in(name, "busy", "");
	struct tool tool;

	agent_expect(&producer, "ok", "sendn 3000");
	agent_ask(&busy, "receive");
	agent_expect(&busy, "ok", "acknowledge");
	{
		char *text = calloc(3001, 1);

		memset(text, 'x', 3000);
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", text), 3);
		expect_errors_contain(&tool, "group \"idle\" is behind and has no consumer");
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-w", "0.1", text), 124);
		expect_errors_contain(&tool, "--remove-group idle");
		tool_free(&tool);
		tool = tool_start("shm-produce", "-C", name, text, NULL);
		free(text);
	}
	WAIT_FOR(strstr(tool_errors(&tool), "waiting: it is full: group \"idle\"") != NULL);
	cr_expect_not(tool_ended(&tool));
	agent_expect(&busy, "error EAGAIN", "receive dontwait");
	{
		struct tool remove;

		cr_expect_eq(tool_run(&remove, "shm-consume", "-C", name, "--remove-group", "idle"),
			     0);
		expect_errors_contain(&remove, "1 message that it had not taken went with it");
		tool_free(&remove);
	}
	cr_expect_eq(tool_end(&tool), 0); /* so there was room for it */
	tool_free(&tool);
	agent_ask(&busy, "receive");
	agent_leave(&busy);
	agent_quit(&producer);
	object_remove(name); /* a producer gave up, which is not reported yet */
}

Test(groups, each_learns_of_the_end_and_of_a_death, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "");
	struct tool a, b;

	a = tool_start("shm-consume", "-C", name, "-g", "a", NULL);
	b = tool_start("shm-consume", "-C", name, "-g", "b", NULL);
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 2);
	agent_expect(&producer, "ok", "send word");
	agent_kill(&producer);
	cr_expect_eq(tool_end_within(&a, 5), 4);
	cr_expect_eq(tool_end_within(&b, 5), 4);
	expect_output(&a, "word\n");
	expect_output(&b, "word\n");
	tool_free(&a);
	tool_free(&b);
	cr_assert(!object_exists(name));
}

Test(groups, each_declared_one_sees_a_stream_without_a_message, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--groups", "a,b"), 0);
	tool_free(&tool);
	for (int i = 0; i < 2; i++) {
		const char *group = i == 0 ? "a" : "b";

		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", group), 0);
		expect_output(&tool, "");
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", group),
			     0);
		tool_free(&tool);
	}
	cr_assert(!object_exists(name));
}

Test(groups, all_get_a_message_longer_than_the_ring, .timeout = 60)
{
	enum { SIZE = 50000 };
	char name[NAME_SIZE], *bytes = malloc(SIZE), *got;
	struct tool consumers[3], producer;
	size_t size;
	int input;

	for (int i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 7 % 251);
	input = bytes_file(bytes, SIZE);
	channel_name(name);
	for (int i = 0; i < 3; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, "-s", "4096", "-D", "", "-g",
					  i == 0   ? "a"
					  : i == 1 ? "b"
						   : "c",
					  NULL);
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 3);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-D", "", NULL);
	close(input);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(tool_end(&consumers[i]), 0);
		got = tool_output(&consumers[i], &size);
		cr_expect_eq(size, SIZE);
		cr_expect_eq(memcmp(got, bytes, SIZE), 0);
		free(got);
		tool_free(&consumers[i]);
	}
	free(bytes);
	cr_assert(!object_exists(name));
}

Test(groups, one_that_begins_inside_a_long_message_gets_the_next_one, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "size=4096");
	struct agent first = consumer_in(name, "first", ""), later;

	agent_expect(&producer, "ok", "piece 500 more");
	agent_ask(&first, "receive");
	agent_expect(&first, "ok", "acknowledge");
	agent_expect(&producer, "ok", "piece 500 more");
	later = consumer_in(name, "later", "");
	agent_expect(&later, "error EAGAIN", "receive dontwait");
	agent_tell(&later, "receive");
	WAIT_FOR(object_look(name).waiting_piece != 0);
	agent_expect(&producer, "ok", "piece 500 last");
	agent_expect(&producer, "ok", "send word");
	expect_delivery(agent_hear(&later), .sequence = 2, .text = "word");
	agent_leave(&later);
	agent_quit(&producer);
	agent_kill(&first);
	object_remove(name);
}

/*
 * The producer learns that not every group got the message, and the other groups that they will not
 * get it.
 */
Test(groups, a_long_message_lost_in_one_is_given_up_for_all, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "size=4096");
	struct agent dies = consumer_in(name, "dies", ""), lives = consumer_in(name, "lives", "");

	agent_expect(&producer, "ok", "piece 500 more");
	agent_ask(&dies, "receive");
	agent_expect(&dies, "ok", "acknowledge");
	agent_ask(&lives, "receive");
	agent_kill(&dies);
	WAIT_FOR(strcmp(agent_ask(&lives, "look"), "ok") == 0 && object_look(name).consumers == 1);
	agent_expect(&producer, "error LOST", "piece 500 last");
	agent_expect(&producer, "ok", "detach failed");
	agent_expect(&lives, "error ABORTED", "receive");
	agent_quit(&lives);
	agent_quit(&producer);
	dies = consumer_in(name, "dies", "");
	agent_expect(&dies, "incomplete", "receive");
	agent_expect(&dies, "ok 1", "lost");
	agent_quit(&dies);
	object_remove(name); /* `lives` left before the end, so it has not reported it */
}

Test(groups, there_can_be_sixteen, .timeout = 60)
{
	char name[NAME_SIZE], group[8];
	struct agent producer = producer_of(channel_name(name), ""), consumers[GROUP_COUNT];
	struct agent late = agent_start();
	struct tool tool;

	for (int i = 0; i < GROUP_COUNT; i++) {
		snprintf(group, sizeof(group), "g%d", i);
		consumers[i] = consumer_in(name, group, "");
	}
	agent_expect(&producer, "ok", "send word");
	agent_expect(&late, "error GROUPS", "attach consumer %s group=late", name);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "late"), 1);
	expect_errors_contain(&tool, "it has 16 groups already");
	tool_free(&tool);
	for (int i = 0; i < GROUP_COUNT; i++)
		agent_expect_delivery(&consumers[i], "receive", .sequence = 1, .text = "word");
	agent_leave(&consumers[7]);
	agent_expect(&late, "ok", "attach consumer %s group=late", name);
	agent_expect_delivery(&late, "receive", .sequence = 1, .text = "word");
	agent_leave(&late);
	for (int i = 0; i < GROUP_COUNT; i++)
		if (i != 7)
			agent_leave(&consumers[i]);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

Test(groups, removing_one_is_refused_while_it_has_consumers, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = producer_of(channel_name(name), "groups=a");
	struct agent consumer = consumer_in(name, "a", "");
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a"), 1);
	expect_errors_contain(&tool, "it has 1 consumer");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "b"), 1);
	expect_errors_contain(&tool, "it has no group of that name");
	tool_free(&tool);
	agent_kill(&consumer); /* dead consumers do not count */
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a"), 0);
	tool_free(&tool);
	agent_quit(&producer);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0); /* the end was not seen yet */
	tool_free(&tool);
	cr_assert(!object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a"), 1);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(groups, bad_names_are_usage_errors, .timeout = 60)
{
	char name[NAME_SIZE], longest[65] = { 0 };
	struct tool tool;

	channel_name(name);
	memset(longest, 'g', 64);
	for (size_t i = 0; i < 3; i++) {
		const char *bad = i == 0 ? "" : i == 1 ? "a/b" : longest;

		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", bad), 2);
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--groups", bad, "x"), 2);
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--from", "middle"), 2);
	tool_free(&tool);
	longest[63] = '\0';
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--groups", longest, "x"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", longest), 0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", longest), 0);
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

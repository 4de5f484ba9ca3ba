/*
 * That a producer has died is news that must not be lost: a consumer either reports it by its exit
 * status, or leaves it to the next consumer of its group, however it ends itself.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "channel/events.h"
#include "tests/support/agents.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

/* Runs a consumer to its end; returns its exit status. */
static int consume(const char *name, const char *const *words)
{
	struct tool tool = consumer_start(name, words);
	int status = tool_end(&tool);

	tool_free(&tool);
	return status;
}

#define CONSUME(name, ...) consume(name, (const char *const[]){ __VA_ARGS__, NULL })

/*
 * A producer sends a message, waits until it is received, and is killed; another process cleans up
 * after it.
 */
static void producer_dies(const char *name, const struct tool *consumer)
{
	struct agent producer = agent_start();
	struct tool tool;

	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send one");
	WAIT_FOR(strcmp(tool_output(consumer, NULL), "one\n") == 0);
	agent_kill(&producer);
	/* The tool looks for the dead before it finds that there is no such group. */
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "none"), 1);
	tool_free(&tool);
	WAIT_FOR(object_look(name).producers == 0 && object_look(name).waiting_data != 0);
}

Test(news, of_a_death_is_what_a_follower_that_is_idle_ends_with, .timeout = 60)
{
	const char *const words[] = { "-f", "--idle", "2", NULL };
	struct tool follower;
	char name[NAME_SIZE];

	follower = consumer_start(channel_name(name), words);
	WAIT_FOR(object_look(name).consumers == 1);
	producer_dies(name, &follower);
	cr_expect_eq(tool_end(&follower), 4);
	tool_free(&follower);
	cr_expect(!object_exists(name), "it is told once");
}

Test(news, of_a_death_ends_a_worker_that_is_idle_too, .timeout = 60)
{
	const char *const words[] = { "-f", "--idle", "2",  "-j",	 "2",
				      "--", "sh",     "-c", "cat; echo", NULL };
	struct tool follower;
	char name[NAME_SIZE];

	follower = consumer_start(channel_name(name), words);
	WAIT_FOR(object_look(name).consumers == 2);
	producer_dies(name, &follower);
	cr_expect_eq(tool_end(&follower), 4);
	tool_free(&follower);
	cr_expect(!object_exists(name), "it is told once");
}

/* The ways in which a follower may end that does not report the news itself. */
static const struct ending {
	int number; /* the signal that ends the follower, or ... */
	const char *words[8];
	int status;
} endings[] = {
	{ SIGTERM, { "-f" }, 128 + SIGTERM },
	{ SIGINT, { "-f" }, 128 + SIGINT },
	{ SIGKILL, { "-f" }, 128 + SIGKILL },
	{ 0, { "-f", "-w", "2" }, 124 },
	{ 0, { "-f", "-c", "2" }, 0 },
	{ SIGTERM, { "-f", "-j", "2", "--", "sh", "-c", "cat; echo" }, 128 + SIGTERM },
	{ SIGKILL, { "-f", "--", "sh", "-c", "cat; echo" }, 128 + SIGKILL },
	{ 0, { "-f", "-w", "2", "--", "sh", "-c", "cat; echo" }, 124 },
	{ 0, { "-f", "-c", "2", "--", "sh", "-c", "cat; echo" }, 0 },
};

Test(news, of_a_death_is_left_to_the_next_consumer_by_a_follower_that_ends_otherwise,
     .timeout = 120)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		const struct ending *ending = &endings[i];
		struct tool follower, tool;
		char name[NAME_SIZE];

		follower = consumer_start(channel_name(name), ending->words);
		WAIT_FOR(object_look(name).waiting_data != 0);
		producer_dies(name, &follower);
		if (ending->number != 0)
			kill(follower.pid, ending->number);
		else if (ending->status == 0) {
			cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "two"), 0);
			tool_free(&tool);
		}
		cr_expect_eq(tool_end(&follower), ending->status, "ending %zu", i);
		tool_free(&follower);
		cr_expect_eq(CONSUME(name, "-e"), 4, "nobody is told after ending %zu", i);
		cr_expect(!object_exists(name), "ending %zu", i);
	}
}

Test(news, of_a_death_reaches_each_follower_of_a_group, .timeout = 60)
{
	const char *const idle[] = { "-f", "--idle", "2", NULL };
	struct agent producer = agent_start();
	struct tool first, second;
	char name[NAME_SIZE];

	first = consumer_start(channel_name(name), idle);
	second = consumer_start(name, idle);
	WAIT_FOR(object_look(name).consumers == 2);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	cr_expect_eq(tool_end(&first), 4);
	cr_expect_eq(tool_end(&second), 4);
	tool_free(&first);
	tool_free(&second);
	cr_expect(!object_exists(name));
}

Test(news, of_a_death_is_each_groups_own, .timeout = 60)
{
	const char *const ends[] = { "-f", "--idle", "2", "-g", "a", "--durable", NULL };
	const char *const killed[] = { "-f", "-g", "b", "--durable", NULL };
	struct agent producer = agent_start();
	struct tool first, second, tool;
	char name[NAME_SIZE];

	first = consumer_start(channel_name(name), ends);
	WAIT_FOR(object_look(name).consumers == 1);
	second = consumer_start(name, killed);
	WAIT_FOR(object_look(name).consumers == 2);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	cr_expect_eq(tool_end(&first), 4);
	tool_kill(&second);
	tool_free(&first);
	tool_free(&second);
	cr_expect_eq(CONSUME(name, "-g", "a", "-e"), 0);
	cr_expect_eq(CONSUME(name, "-g", "b", "-e"), 4);
	cr_expect_eq(CONSUME(name, "-g", "b", "-e"), 0);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "a"), 0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "b"), 0);
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(news, of_a_death_is_not_lost_with_a_consumer_that_is_killed_before_it_exits, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&consumer, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	agent_expect(&consumer, "incomplete", "receive");
	agent_kill(&consumer);
	cr_expect_eq(CONSUME(name, "-e"), 4);
	cr_expect(!object_exists(name));
}

Test(news, of_a_death_is_left_by_a_worker_that_exits_with_something_graver, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&producer, "ok", "send one");
	agent_kill(&producer);
	cr_expect_eq(CONSUME(name, "-q", "--retries", "0", "--on-failure", "skip", "--", "false"),
		     123);
	cr_expect_eq(CONSUME(name, "-e"), 4);
	cr_expect(!object_exists(name));
}

Test(news, that_was_told_is_not_told_again_by_a_consumer_that_ended_before, .timeout = 60)
{
	struct agent early = agent_start(), late = agent_start(), producer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&early, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "detach");
	agent_expect(&early, "ended", "receive");
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_kill(&producer);
	agent_expect(&late, "ok", "attach consumer %s", name);
	agent_expect(&late, "incomplete", "receive");
	agent_quit(&late);
	agent_quit(&early);
	cr_expect(!object_exists(name), "what is told goes back to an older value");
}

Test(news, of_a_death_is_what_an_idle_tap_ends_with, .timeout = 60)
{
	const char *const words[] = { "--tap", "-f", "--idle", "2", NULL };
	struct tool tap;
	char name[NAME_SIZE];

	tap = consumer_start(channel_name(name), words);
	WAIT_FOR(object_look(name).waiting_data != 0);
	producer_dies(name, &tap);
	cr_expect_eq(tool_end(&tap), 4);
	tool_free(&tap);
	cr_expect_eq(CONSUME(name, "-e"), 4, "a tap tells nobody");
	cr_expect(!object_exists(name));
}

Test(news, is_counted_on_when_the_counters_wrap, .timeout = 10)
{
	const uint64_t last = EVENTS_ATTACHED | EVENTS_DEATHS | EVENTS_ENDS;
	const uint64_t steps[] = { EVENT_ATTACHED, EVENT_DEATH, EVENT_END };

	for (int i = 0; i < 3; i++) {
		cr_expect(events_later(events_add(last, steps[i]), last));
		cr_expect_not(events_later(last, events_add(last, steps[i])));
		cr_expect(events_later(events_add(0, steps[i]), 0));
		cr_expect_not(events_later(0, events_add(0, steps[i])));
	}
	cr_expect_not(events_later(last, last));
}

/* A producer that waits until consumers are there. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

Test(wait_consumers, nothing_is_sent_before_as_many_as_asked_for_are_there, .timeout = 60)
{
	struct agent first = agent_start(), second = agent_start();
	char name[NAME_SIZE];
	struct tool producer;

	channel_name(name);
	agent_expect(&first, "ok", "attach consumer %s", name);
	producer = tool_start("shm-produce", "-C", name, "--wait-consumers", "2", "x", NULL);
	WAIT_FOR(object_look(name).waiting_consumers != 0);
	agent_expect(&first, "error EAGAIN", "receive dontwait");
	agent_expect(&second, "ok", "attach consumer %s", name);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	agent_expect_delivery(&first, "receive", .sequence = 1, .text = "x");
	agent_expect(&first, "ended", "receive");
	agent_expect(&second, "ended", "receive");
	agent_quit(&first);
	agent_quit(&second);
	cr_assert(!object_exists(name));
}

/* The process that waits is stopped, so it cannot have looked by itself. */
Test(wait_consumers, a_consumer_that_attaches_wakes_the_producer_that_waits_for_it, .timeout = 60)
{
	struct agent consumer = agent_start();
	char name[NAME_SIZE];
	struct tool producer;

	producer = tool_start("shm-produce", "-C", channel_name(name), "--wait-consumers", "1", "x",
			      NULL);
	do { /* it looks once a second: so it is stopped while it sleeps */
		WAIT_FOR(object_look(name).waiting_consumers != 0);
		kill(producer.pid, SIGSTOP);
		test_pause();
		if (object_look(name).waiting_consumers != 0)
			break;
		kill(producer.pid, SIGCONT);
	} while (true);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	cr_expect_eq(object_look(name).waiting_consumers, 0);
	kill(producer.pid, SIGCONT);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "x");
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

Test(wait_consumers, those_that_have_died_do_not_count, .timeout = 60)
{
	struct agent producer = agent_start(), dead = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s nonblock", channel_name(name));
	agent_expect(&dead, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "consumers 1");
	agent_kill(&dead);
	cr_assert_eq(object_look(name).consumers, 1); /* no process has cleaned up yet */
	agent_expect(&producer, "error EAGAIN", "consumers 1");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "consumers 1");
	agent_expect(&producer, "error EAGAIN", "consumers 2");
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

/* The command can be tried again: nothing was read, and nothing has to be cleaned up. */
Test(wait_consumers, giving_up_says_how_many_are_there_and_leaves_no_trace, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;
	int input = bytes_file("line\n", 5);

	tool = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name),
			      "--wait-consumers", "2", "-w", "0.2", NULL);
	cr_expect_eq(tool_end(&tool), 124);
	expect_errors_contain(&tool, "timed out: 0 of 2 consumers are there");
	tool_free(&tool);
	cr_expect_eq(lseek(input, 0, SEEK_CUR), 0);
	close(input);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--wait-consumers", "1", "-n", "x"),
		     3);
	expect_errors_contain(&tool, "0 of 1 consumer is there");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	tool = tool_start("shm-produce", "-C", name, "--wait-consumers", "1", "x", NULL);
	WAIT_FOR(object_look(name).waiting_consumers != 0);
	kill(tool.pid, SIGTERM);
	cr_expect_eq(tool_end(&tool), 143);
	tool_free(&tool);
	cr_expect_not(object_exists(name));
}

Test(wait_consumers, attached_consumers_learn_that_the_producer_has_given_up, .timeout = 60)
{
	static const char *const waits[] = { "-n", "-w0.2" };
	static const int statuses[] = { 3, 124 };

	for (int i = 0; i < 2; i++) {
		char name[NAME_SIZE];
		struct tool consumer, producer;

		consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		cr_expect_eq(tool_run(&producer, "shm-produce", "-C", name, "--wait-consumers", "2",
				      waits[i], "x"),
			     statuses[i]);
		expect_errors_contain(&producer, "1 of 2 consumers are there");
		tool_free(&producer);
		cr_expect_eq(tool_end(&consumer), 4);
		expect_output(&consumer, "");
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
}

Test(wait_consumers, a_bad_number_of_them_is_a_usage_error, .timeout = 60)
{
	static const char *const bad[] = { "0", "-1", "x", "", "65", "99999999999999999999" };
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(
			tool_run(&tool, "shm-produce", "-C", name, "--wait-consumers", bad[i], "x"),
			2);
		expect_errors_contain(&tool, "bad wait-consumers");
		tool_free(&tool);
	}
	cr_expect_not(object_exists(name));
}

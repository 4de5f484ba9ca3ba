/* shm-produce --hold: it is attached as one producer while a command starts others. */
#include "tests/support/agents.h"
#include "tests/support/input.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Waits until the consumer has taken all that is there and sleeps, and only the holder is left of
 * the producers.
 */
static bool idle(const char *name)
{
	struct object_view view = object_look(name);

	return view.producers == 1 && view.head == view.tail && view.waiting_data != 0;
}

Test(hold, consumers_see_one_stream_of_producers_that_come_and_go, .timeout = 60)
{
	struct tool consumer, holder;
	char name[NAME_SIZE];
	int lines[2];

	cr_assert_eq(pipe2(lines, O_CLOEXEC), 0);
	consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
	holder = tool_start_fds(lines[0], -1, "shm-produce", "-C", name, "--hold", "--", "sh", "-c",
				"while read -r line; do \"$TOOLS/shm-produce\" \"$line\"; done",
				NULL);
	close(lines[0]);
	feed(lines[1], "one\n");
	WAIT_FOR(output_is(&consumer, "one\n") && idle(name));
	feed(lines[1], "two\n");
	WAIT_FOR(output_is(&consumer, "one\ntwo\n") && idle(name));
	cr_expect_not(tool_ended(&consumer));
	close(lines[1]);
	cr_expect_eq(tool_end(&holder), 0);
	tool_free(&holder);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* Checks the holder's exit status, and what a consumer makes of it. */
static void expect_statuses(int holder_status, int consumer_status, const char *command,
			    const char *argument, const char *script)
{
	struct tool consumer, holder;
	char name[NAME_SIZE];

	consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_expect_eq(tool_run(&holder, "shm-produce", "-C", name, "--hold", "--", command, argument,
			      script),
		     holder_status, "%s %s", command, script);
	tool_free(&holder);
	cr_expect_eq(tool_end(&consumer), consumer_status, "%s %s", command, script);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(hold, the_status_is_the_commands_and_consumers_learn_whether_it_failed, .timeout = 60)
{
	expect_statuses(0, 0, "sh", "-c", "exit 0");
	expect_statuses(1, 4, "sh", "-c", "exit 1");
	expect_statuses(3, 4, "sh", "-c", "exit 3"); /* not our own 3, which may be tried again */
	expect_statuses(255, 4, "sh", "-c", "exit 255");
	expect_statuses(137, 4, "sh", "-c", "kill -9 $$");
	expect_statuses(126, 4, "/", "-c", "a folder cannot be run");
	expect_statuses(127, 4, "/nowhere/to/be/found", "-c", "");
	expect_statuses(127, 4, "no-such-command-anywhere", "-c", "");
}

Test(hold, what_cannot_be_run_is_named, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--hold", "--",
			      "no-such-command-anywhere"),
		     127);
	expect_errors_contain(&tool, "cannot run \"no-such-command-anywhere\": No such file");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 4); /* it was to be a stream */
	tool_free(&tool);
	cr_assert(!object_exists(name));
}

Test(hold, the_end_is_told_to_followers_after_the_command, .timeout = 60)
{
	struct tool consumer, holder;
	char name[NAME_SIZE];

	consumer = tool_start("shm-consume", "-f", "-C", channel_name(name), NULL);
	cr_expect_eq(tool_run(&holder, "shm-produce", "-C", name, "--end", "--hold", "--", "sh",
			      "-c", "\"$TOOLS/shm-produce\" a; \"$TOOLS/shm-produce\" b"),
		     0);
	tool_free(&holder);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "a\nb\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* Other producers have sent something: it was no empty stream. */
Test(hold, no_empty_stream_is_left_behind_a_stream_that_was_taken, .timeout = 60)
{
	struct tool consumer, holder;
	char name[NAME_SIZE];

	cr_expect_eq(tool_run(&holder, "shm-produce", "-C", channel_name(name), "--hold", "--",
			      "sh", "-c",
			      "\"$TOOLS/shm-produce\" a; exec \"$TOOLS/shm-consume\" -c 1"),
		     0);
	expect_output(&holder, "a\n");
	tool_free(&holder);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&holder, "shm-produce", "-C", name, "--hold", "--", "true"), 0);
	tool_free(&holder);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0); /* this one was empty */
	expect_output(&consumer, "");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/*
 * A script that sends "ready" through the channel, then sleeps until it is killed; it does not
 * outlive a test that has failed.
 */
#define READY_AND(rest)                                                                            \
	rest "; \"$TOOLS/shm-produce\" ready; while kill -0 $PPID 2>&-; do sleep 0.1; done"

static struct tool holder_start(const char *name, const char *script)
{
	struct tool holder =
		tool_start("shm-produce", "-C", name, "--hold", "--", "sh", "-c", script, NULL);

	WAIT_FOR(object_look(name).tail != object_look(name).head);
	return holder;
}

static void expect_left(const char *name, int status)
{
	struct tool consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), status);
	expect_output(&consumer, "ready\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(hold, signals_are_passed_on_to_the_command, .timeout = 60)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGINT };
	struct tool holder;
	char name[NAME_SIZE];

	for (int i = 0; i < 3; i++) {
		channel_name(name);
		holder = holder_start(name, READY_AND("trap 'exit 0' TERM HUP INT"));
		kill(holder.pid, signals[i]);
		cr_expect_eq(tool_end(&holder), 0); /* the command ended well, so we do */
		tool_free(&holder);
		expect_left(name, 0);

		channel_name(name);
		holder = holder_start(name, READY_AND(":"));
		kill(holder.pid, signals[i]);
		cr_expect_eq(tool_end(&holder), 128 + signals[i]);
		tool_free(&holder);
		expect_left(name, 4);
	}
}

/* The signal does not end the holder before the command has ended. */
Test(hold, a_command_that_goes_on_after_a_signal_is_held_on_to, .timeout = 60)
{
	struct tool holder;
	char name[NAME_SIZE];

	channel_name(name);
	holder = holder_start(name, READY_AND("trap '\"$TOOLS/shm-produce\" signal' HUP; "
					      "trap 'exit 9' TERM"));
	kill(holder.pid, SIGHUP);
	WAIT_FOR(object_look(name).tail - object_look(name).head > 32);
	cr_expect_not(tool_ended(&holder));
	kill(holder.pid, SIGTERM);
	cr_expect_eq(tool_end(&holder), 9);
	tool_free(&holder);
	cr_expect_eq(tool_run(&holder, "shm-consume", "-C", name), 4);
	expect_output(&holder, "ready\nsignal\n");
	tool_free(&holder);
	cr_assert(!object_exists(name));
}

/*
 * An ignored SIGCHLD would leave us no status; the command must get its signals as we found ours.
 */
Test(hold, the_command_has_the_signals_that_the_holder_was_started_with, .timeout = 60)
{
	static const struct {
		const char *script; /* exec "$@" starts the holder */
		const char *command;
		int status;
	} cases[] = {
		{ "trap '' CHLD; exec \"$@\"", "exit 7", 7 },
		{ "exec \"$@\"", "kill -PIPE $$; exit 7", 128 + SIGPIPE },
		{ "exec \"$@\"", "kill -XFSZ $$; exit 7", 128 + SIGXFSZ },
		{ "trap '' PIPE; exec \"$@\"", "kill -PIPE $$; exit 7", 7 },
		{ "trap '' XFSZ; exec \"$@\"", "kill -XFSZ $$; exit 7", 7 },
		{ "trap '' HUP; exec \"$@\"", "kill -HUP $PPID; kill -HUP $$; exit 7", 7 },
	};
	char name[NAME_SIZE];
	struct tool tool;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		channel_name(name);
		tool = tool_start(
			"/bin/sh", "-c",
			"holder=$TOOLS/shm-produce; script=$1; channel=$2; command=$3; "
			"set -- \"$holder\" -C \"$channel\" --hold -- sh -c \"$command\"; "
			"ulimit -c 0; eval \"$script\"",
			"test", cases[i].script, name, cases[i].command, NULL);
		cr_expect_eq(tool_end(&tool), cases[i].status, "%s, %s", cases[i].script,
			     cases[i].command);
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 4);
		tool_free(&tool);
		cr_assert(!object_exists(name));
	}
}

Test(hold, the_command_gets_the_channels_name_and_no_descriptor_of_it, .timeout = 60)
{
	static const char script[] = "echo \"$SHM_CHANNEL\" >&2; ls /proc/self/fd | wc -l";
	struct tool held, plain, consumer;
	char name[NAME_SIZE], *expected;

	cr_expect_eq(tool_run(&plain, "/bin/sh", "-c", script), 0);
	expected = tool_output(&plain, NULL);
	cr_expect_eq(tool_run(&held, "shm-produce", "-C", channel_name(name), "--hold", "--",
			      "/bin/sh", "-c", script),
		     0);
	expect_output(&held, expected);
	expect_errors_contain(&held, name);
	free(expected);
	tool_free(&held);
	tool_free(&plain);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(hold, the_dead_are_looked_for_meanwhile, .timeout = 60)
{
	struct agent consumer = agent_start();
	struct tool holder;
	char name[NAME_SIZE];

	channel_name(name);
	holder = holder_start(name, READY_AND("trap 'exit 0' TERM"));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "ready");
	agent_kill(&consumer);
	WAIT_FOR(object_look(name).orphans == 1 && object_look(name).consumers == 0);
	kill(holder.pid, SIGTERM);
	cr_expect_eq(tool_end(&holder), 0);
	tool_free(&holder);
	expect_left(name, 0);
}

static bool said_something(const struct tool *tool)
{
	char *errors = tool_errors(tool);
	bool something = *errors != '\0';

	free(errors);
	return something;
}

Test(hold, a_channel_that_is_removed_meanwhile_is_an_error_at_the_end, .timeout = 60)
{
	struct tool holder;
	char name[NAME_SIZE];
	int lines[2];

	cr_assert_eq(pipe2(lines, O_CLOEXEC), 0);
	holder = tool_start_fds(lines[0], -1, "shm-produce", "-C", channel_name(name), "--hold",
				"--", "cat", NULL);
	close(lines[0]);
	WAIT_FOR(object_look(name).producers == 1);
	object_remove(name);
	WAIT_FOR(said_something(&holder));
	expect_errors_contain(&holder, "cannot hold channel");
	cr_expect_not(tool_ended(&holder)); /* it is not for us to end the command */
	close(lines[1]);
	cr_expect_eq(tool_end(&holder), 1);
	tool_free(&holder);
}

/* With --wait-consumers as well: the command starts when the consumer is there. */
Test(hold, the_command_does_not_start_before_consumers_are_there, .timeout = 60)
{
	struct tool holder, consumer;
	char name[NAME_SIZE];

	holder = tool_start("shm-produce", "-C", channel_name(name), "--wait-consumers", "1",
			    "--hold", "--", "sh", "-c", "echo began; \"$TOOLS/shm-produce\" x",
			    NULL);
	WAIT_FOR(object_look(name).waiting_consumers != 0);
	expect_output(&holder, "");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "x\n");
	tool_free(&consumer);
	cr_expect_eq(tool_end(&holder), 0);
	expect_output(&holder, "began\n");
	tool_free(&holder);
	cr_assert(!object_exists(name));
}

Test(hold, wrong_use_is_a_usage_error, .timeout = 60)
{
	static const char *const wrong[][5] = {
		{ "--hold" },
		{ "--hold", "true" },
		{ "--hold", "--" },
		{ "--hold", "true", "--" },
		{ "--hold", "true", "--", "x" },
		{ "-i", "/dev/null", "--hold", "--", "true" },
		{ "-a", "--hold", "--", "true" },
		{ "-k", "key", "--hold", "--", "true" },
		{ "--when-full=block", "--hold", "--", "true" },
		{ "--when-full=fail", "--hold", "--", "true" },
	};
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *argv[10] = { "shm-produce", "-C", name };

		for (int k = 0; k < 5; k++)
			argv[3 + k] = wrong[i][k];
		tool = tool_start_argv(-1, -1, argv);
		cr_expect_eq(tool_end(&tool), 2, "case %zu", i);
		expect_errors_contain(&tool, "--hold");
		tool_free(&tool);
	}
	cr_expect_not(object_exists(name));
}

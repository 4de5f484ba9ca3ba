/* A tool that waits says why, once, if somebody looks on; on a terminal the lines go away again. */
#include "tests/support/agents.h"
#include "tests/support/support.h"
#include "tests/support/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAKEN_BACK "A\r\033[J"

static int count_of(const char *text, const char *part)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		count++;
	return count;
}

Test(why, a_consumer_tells_the_terminal_that_nobody_sends_and_takes_it_back, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE];
	struct terminal terminal;
	struct tool producer;
	const char *after;

	terminal = terminal_start(80, "shm-consume", "-C", channel_name(name), "-f", NULL);
	WAIT_FOR(terminal_shows(&terminal, "hello\r\n"));
	cr_expect(terminal_shows(&terminal, "waiting for messages\r\n"));
	cr_expect(terminal_shows(&terminal, "attached: no producer, 1 consumer (this one)\r\n"));
	cr_expect(terminal_shows(&terminal, "nobody sends; in another terminal: shm-produce -C "));
	cr_expect(!terminal_shows(&terminal, TAKEN_BACK));
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "the message"), 0);
	tool_free(&producer);
	WAIT_FOR(terminal_shows(&terminal, "the message\r\n"));
	after = strstr(terminal.text, TAKEN_BACK);
	cr_assert_not_null(after, "%s", terminal.text);
	cr_expect_str_eq(after, TAKEN_BACK "the message\r\n");
	/* The note comes once more, but only after another wait. */
	WAIT_FOR(terminal_shows(&terminal, "") &&
		 count_of(terminal.text, "waiting for messages") == 2);
	kill(terminal.pid, SIGINT);
	cr_expect_eq(terminal_end(&terminal), 128 + SIGINT);
	terminal_free(&terminal);
	WAIT_FOR(!object_exists(name));
}

/* The tool goes up as many rows as the note took: lines that are too long take two. */
Test(why, takes_back_all_rows_of_a_narrow_terminal, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], up[32];
	struct terminal terminal;
	struct tool producer;
	unsigned rows = 0;
	char *lines;

	terminal = terminal_start(40, "shm-consume", "-C", channel_name(name), NULL);
	WAIT_FOR(terminal_shows(&terminal, " hello\r\n"));
	lines = strdup(terminal.text);
	for (char *line = strtok(lines, "\r\n"); line != NULL; line = strtok(NULL, "\r\n"))
		rows += (unsigned)((strlen(line) + 39) / 40);
	free(lines);
	cr_assert_gt(rows, 3u);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "x"), 0);
	tool_free(&producer);
	cr_expect_eq(terminal_end(&terminal), 0);
	snprintf(up, sizeof(up), "\033[%u" TAKEN_BACK, rows);
	cr_expect(terminal_shows(&terminal, up), "not %u rows: %s", rows, terminal.text);
	terminal_free(&terminal);
}

Test(why, a_producer_tells_that_nobody_takes, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE], big[4000];
	struct terminal terminal;
	struct tool consumer;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	terminal = terminal_start(80, "shm-produce", "-C", channel_name(name), "-s", "4096", big,
				  big, NULL);
	WAIT_FOR(terminal_shows(&terminal, "in another terminal: shm-consume -C "));
	cr_expect(terminal_shows(&terminal, "waiting for room, the ring is full\r\n"));
	cr_expect(terminal_shows(&terminal, "attached: 1 producer (this one), no consumer\r\n"));
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-c", "2"), 0);
	tool_free(&consumer);
	cr_expect_eq(terminal_end(&terminal), 0);
	cr_expect(terminal_shows(&terminal, TAKEN_BACK));
	terminal_free(&terminal);
	WAIT_FOR(!object_exists(name) || object_look(name).producers == 0);
	object_remove(name);
}

Test(why, names_the_process_that_is_stopped_with_the_lock, .timeout = 60)
{
	char name[NAME_SIZE], line[128];
	struct agent holder = agent_start();
	struct tool tool;

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&holder, "ok", "lock producer");
	kill(holder.tool.pid, SIGSTOP);
	tool = tool_start("shm-produce", "-v", "-C", name, "x", NULL);
	snprintf(line, sizeof(line),
		 "process %ld has the lock, and is stopped; to let it go on: kill -CONT %ld\n",
		 (long)holder.tool.pid, (long)holder.tool.pid);
	WAIT_FOR(errors_contain(&tool, line));
	cr_expect(errors_contain(&tool, "waiting for a lock\n"));
	agent_kill(&holder);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	object_remove(name);
}

Test(why, names_the_process_that_holds_the_flock, .timeout = 60)
{
	char name[NAME_SIZE], line[128];
	struct agent holder = agent_start();
	struct tool tool;

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&holder, "ok", "flock");
	tool = tool_start("shm-consume", "-v", "-C", name, NULL);
	snprintf(line, sizeof(line), "process %ld has the lock; ", (long)holder.tool.pid);
	WAIT_FOR(errors_contain(&tool, line));
	agent_kill(&holder);
	cr_expect_eq(tool_end(&tool), 4);
	tool_free(&tool);
}

Test(why, names_the_processes_that_have_the_turn_and_messages_in_hand, .timeout = 60)
{
	char name[NAME_SIZE], line[128];
	struct agent first = agent_start(), consumer = agent_start();
	struct tool second, third;

	agent_expect(&first, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&first, "ok", "piece 100 more");
	second = tool_start("shm-produce", "-v", "-C", name, "x", NULL);
	snprintf(line, sizeof(line), "process %ld sends first; ", (long)first.tool.pid);
	WAIT_FOR(errors_contain(&second, line));
	cr_expect(errors_contain(&second, "waiting for its turn\n"));
	agent_expect(&first, "ok", "piece 100 last");
	agent_ask(&consumer, "receive");
	cr_expect_eq(tool_end(&second), 0);
	tool_free(&second);
	third = tool_start("shm-produce", "-v", "-a", "-C", name, "y", NULL);
	snprintf(line, sizeof(line), "process %ld has ", (long)consumer.tool.pid);
	WAIT_FOR(errors_contain(&third, line));
	cr_expect(errors_contain(&third, "waiting for acknowledgements\n"));
	kill(consumer.tool.pid, SIGSTOP);
	agent_kill(&consumer);
	agent_kill(&first);
	tool_kill(&third);
	tool_free(&third);
	object_remove(name);
}

Test(why, names_a_producer_that_is_silent_or_stopped, .timeout = 60)
{
	char name[NAME_SIZE], line[128];
	struct agent producer = agent_start();
	struct tool tool;

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	tool = tool_start("shm-consume", "-v", "-C", name, NULL);
	snprintf(line, sizeof(line), "process %ld has sent nothing new\n", (long)producer.tool.pid);
	WAIT_FOR(errors_contain(&tool, line));
	agent_expect(&producer, "ok", "send x");
	kill(producer.tool.pid, SIGSTOP);
	snprintf(line, sizeof(line), "process %ld is the producer, and is stopped; ",
		 (long)producer.tool.pid);
	WAIT_FOR(errors_contain(&tool, line));
	agent_kill(&producer);
	cr_expect_eq(tool_end(&tool), 4);
	tool_free(&tool);
}

Test(why, a_producer_that_waits_for_consumers_says_how_to_start_one, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool = tool_start("shm-produce", "-v", "--wait-consumers", "1", "-C",
				      channel_name(name), "x", NULL);

	WAIT_FOR(errors_contain(&tool, "waiting for consumers\n"));
	WAIT_FOR(errors_contain(&tool, "in another terminal: shm-consume -C "));
	tool_kill(&tool);
	tool_free(&tool);
	object_remove(name);
}

/*
 * Nobody looks on: for three seconds nothing is said; they are measured by the note of another tool
 * that began later.
 */
Test(why, says_nothing_where_nobody_looks_on, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE];
	struct tool silent = tool_start("shm-consume", "-C", channel_name(name), NULL), verbose;
	struct terminal quiet = terminal_start(80, "shm-consume", "-q", "-C", name, NULL);
	char *errors;

	WAIT_FOR(object_look(name).consumers == 2);
	verbose = tool_start("shm-consume", "-v", "-C", name, NULL);
	WAIT_FOR(errors_contain(&verbose, "attached: no producer, 3 consumers ("));
	errors = tool_errors(&silent);
	cr_expect_str_empty(errors);
	free(errors);
	cr_expect(terminal_shows(&quiet, ""));
	cr_expect_str_empty(quiet.text);
	kill(silent.pid, SIGINT);
	kill(quiet.pid, SIGINT);
	kill(verbose.pid, SIGINT);
	tool_end(&silent);
	tool_end(&verbose);
	terminal_end(&quiet);
	errors = tool_errors(&verbose);
	cr_expect_eq(count_of(errors, "waiting for messages\n"), 1);
	free(errors);
	tool_free(&silent);
	tool_free(&verbose);
	terminal_free(&quiet);
	WAIT_FOR(!object_exists(name));
}

/*
 * A command's output is on the same terminal; and while a command runs, waiting for messages is not
 * in vain.
 */
Test(why, a_worker_keeps_its_lines_and_is_silent_while_a_command_runs, .timeout = 60)
{
	terminal_needed();
	char name[NAME_SIZE];
	struct terminal terminal;
	struct tool producer;

	terminal = terminal_start(80, "shm-consume", "-f", "-C", channel_name(name), "--", "cat",
				  NULL);
	WAIT_FOR(terminal_shows(&terminal, "nobody sends"));
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "the message"), 0);
	tool_free(&producer);
	WAIT_FOR(terminal_shows(&terminal, "the message"));
	cr_expect(!terminal_shows(&terminal, TAKEN_BACK));
	WAIT_FOR(object_look(name).waiting_data != 0); /* the message is acknowledged */
	kill(terminal.pid, SIGINT);
	terminal_end(&terminal);
	terminal_free(&terminal);
	WAIT_FOR(!object_exists(name));
}

/* The command that it says to type has all that leads to the channel, and works. */
Test(why, what_root_may_type_about_another_users_channel_works, .timeout = 60)
{
	char name[NAME_SIZE], part[200];
	struct tool tool, producer;

	if (geteuid() != 0)
		test_skip("needs root");
	channel_name(name);
	if (tool_run(&tool, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "sh",
		     "-c", "exec \"$TOOLS/shm-produce\" -C \"$1\" x", "sh", name) != 0)
		test_skip("needs setpriv, and tools that all may run");
	tool_free(&tool);
	producer = tool_start("shm-produce", "-v", "-C", name, "--owner", "54321", "--trust-owner",
			      "--wait-ack", "y", NULL);
	snprintf(part, sizeof(part),
		 "in another terminal: shm-consume -C %s --owner 54321 --trust-owner\n", name);
	WAIT_FOR(errors_contain(&producer, part));
	cr_expect_eq(
		tool_run(&tool, "shm-consume", "-C", name, "--owner", "54321", "--trust-owner"), 0);
	expect_output(&tool, "x\ny\n");
	tool_free(&tool);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

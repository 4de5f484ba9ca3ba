/* A command that is stopped: the consumer says so, and it can be ended all the same. */
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"
#include "tests/support/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A script that cleans up when it is asked to end, and before that stops itself. */
#define STOPS "trap 'echo cleaned >> $DIR/cleaned; exit 1' TERM; kill -STOP $$"

Test(stopped, command_is_told_once_and_ends_by_a_signal, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "job");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c", STOPS, NULL);
	WAIT_FOR(errors_count(&consumer, "is stopped") == 1);
	expect_errors_contain(&consumer, "shm-consume: \"sh\" (process ");
	expect_errors_contain(&consumer, ") is stopped by SIGSTOP, until it gets SIGCONT\n");
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 143);
	cr_expect_eq(errors_count(&consumer, "is stopped"), 1);
	expect_file("cleaned", "cleaned\n");
	tool_free(&consumer);
	expect_rest(name, 0, "job\n");
	folder_remove();
}

/* The command cleans up: it was not only killed in the end. */
Test(stopped, command_ends_when_its_time_is_over, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "job");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--max-time", "0.2",
			      "--retries", "0", "--on-failure", "skip", "--", "sh", "-c", STOPS),
		     125);
	expect_errors_contain(&consumer, "took longer than --max-time; it was stopped by SIGSTOP");
	expect_file("cleaned", "cleaned\n");
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(stopped, command_that_goes_on_is_waited_for, .timeout = 60)
{
	struct tool consumer, shell;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "job");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      "echo $$ > $DIR/pid; kill -STOP $$; echo done; cat", NULL);
	WAIT_FOR(errors_count(&consumer, "is stopped") == 1);
	cr_expect_eq(tool_run(&shell, "sh", "-c", "kill -CONT $(cat $DIR/pid)"), 0);
	tool_free(&shell);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "done\njob");
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(stopped, command_of_hold_is_told_once_and_ends_by_a_signal, .timeout = 60)
{
	struct tool holder;
	char name[NAME_SIZE];

	folder_make();
	holder = tool_start("shm-produce", "-C", channel_name(name), "--hold", "--", "sh", "-c",
			    STOPS, NULL);
	WAIT_FOR(errors_count(&holder, "is stopped") == 1);
	expect_errors_contain(&holder, "shm-produce: \"sh\" (process ");
	expect_errors_contain(&holder, ") is stopped by SIGSTOP, until it gets SIGCONT\n");
	kill(holder.pid, SIGTERM);
	cr_expect_eq(tool_end(&holder), 1);
	cr_expect_eq(errors_count(&holder, "is stopped"), 1);
	expect_file("cleaned", "cleaned\n");
	tool_free(&holder);
	expect_rest(name, 4, "");
	folder_remove();
}

/*
 * A terminal gives input to its foreground process group only, and with tostop it takes output only
 * from it, too.
 */
static void expect_terminal_stops(const char *script, const char *why)
{
	struct terminal terminal;
	char name[NAME_SIZE];

	terminal_needed();
	message_send(channel_name(name), "job");
	terminal = terminal_start(200, "shm-consume", "-C", name, "--", "sh", "-c", script, NULL);
	WAIT_FOR(terminal_shows(&terminal, why));
	kill(terminal.pid, SIGTERM);
	cr_expect_eq(terminal_end(&terminal), 143);
	terminal_free(&terminal);
	expect_rest(name, 0, "job\n");
}

Test(stopped, command_that_reads_the_terminal_is_told_so, .timeout = 60)
{
	expect_terminal_stops("read line < /dev/tty; exit 1",
			      "is stopped by SIGTTIN: it reads the terminal, but runs in the "
			      "background");
}

/* The command sets up the terminal, as a question for a password does. */
Test(stopped, command_that_sets_the_terminal_up_is_told_so, .timeout = 60)
{
	expect_terminal_stops("stty -echo < /dev/tty; exit 1",
			      "is stopped by SIGTTOU: it writes to the terminal or sets it up");
}

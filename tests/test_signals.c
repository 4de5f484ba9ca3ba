/*
 * What asks a consumer with commands, or a holder, to end: one request that comes as several
 * signals, and an impatient one.
 */
#include "support.h"
#include "support_folder.h"
#include "support_terminal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IMPATIENT_MS = 1000, A_WHILE_MS = 50 };

/* A command that counts the signals it gets, and says so when it came to its end. */
#define COUNTS(signal)                                                                             \
	"trap 'echo >> $DIR/traps' " signal "; : > $DIR/began;"                                    \
	"until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done; echo >> $DIR/cleaned"

static void send(const char *name, const char *lines)
{
	int input = bytes_file(lines, strlen(lines));
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

static void expect_channel(const char *name, const char *expected)
{
	struct tool consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), 0);
	expect_output(&consumer, expected);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/* The number in this line of /proc/PID/status. */
static uint64_t status_number(pid_t pid, const char *line, int base)
{
	char path[64], text[256];
	uint64_t number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	cr_assert_not_null(file);
	while (fgets(text, sizeof(text), file) != NULL)
		if (strncmp(text, line, strlen(line)) == 0)
			number = strtoull(text + strlen(line), NULL, base);
	fclose(file);
	return number;
}

/* A while, in which what was sent has its effect, if it has one. */
static void pause_while(void)
{
	uint64_t until = test_now_ms() + A_WHILE_MS;

	while (test_now_ms() < until)
		test_pause();
}

/* Waits until the process has taken the signal, and then a while. */
static void signal_taken(pid_t pid, int number)
{
	WAIT_FOR((status_number(pid, "ShdPnd:", 16) >> (number - 1) & 1) == 0);
	pause_while();
}

/*
 * Sends it, waits until the command has it, and sends it again. False: that took so long, on a
 * busy machine, that it was not one request.
 */
static bool signal_twice(pid_t pid, int number)
{
	uint64_t begun = test_now_ms(), sent;

	kill(pid, number);
	WAIT_FOR(file_lines("traps") == 1);
	kill(pid, number);
	signal_taken(pid, number);
	sent = test_now_ms();
	return sent - begun < IMPATIENT_MS;
}

/* ---- one request, or two ---- */

static void expect_one_request(int number, const char *script)
{
	struct tool consumer;
	char name[NAME_SIZE];
	bool quick;

	folder_make();
	send(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c", script, NULL);
	WAIT_FOR(file_exists("began"));
	quick = signal_twice(consumer.pid, number);
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 128 + number);
	tool_free(&consumer);
	if (!quick) {
		object_remove(name);
		folder_remove();
		test_skip("the machine is too busy to send two signals within a second");
	}
	cr_expect_eq(file_lines("traps"), 1);
	cr_expect_eq(file_lines("cleaned"), 1);
	expect_channel(name, ""); /* it was done */
	folder_remove();
}

Test(signals, two_within_a_second_are_one_request, .timeout = 60)
{
	expect_one_request(SIGTERM, COUNTS("TERM"));
	expect_one_request(SIGINT, COUNTS("INT")); /* not typed: a process sent it */
}

/* It signals the consumer and then its group. */
Test(signals, of_timeout_are_one_request, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	send(channel_name(name), "job\n");
	consumer = tool_start("sh", "-c",
			      "exec timeout 0.5 \"$TOOLS/shm-consume\" -C \"$0\" -- sh -c \"$1\"",
			      name,
			      "trap 'sleep 0.2; echo >> $DIR/cleaned; exit 0' TERM;"
			      ": > $DIR/began; while [ -d $DIR ]; do sleep 0.01; done",
			      NULL);
	cr_expect_eq(tool_end(&consumer), 124);
	tool_free(&consumer);
	if (!file_exists("began")) {
		object_remove(name);
		folder_remove();
		test_skip("the machine is too busy to start a command within half a second");
	}
	cr_expect_eq(file_lines("cleaned"), 1);
	expect_channel(name, "");
	folder_remove();
}

/* Whoever asks in another way may be heard. */
Test(signals, of_another_kind_are_passed_on_as_they_are, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	send(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      "trap 'echo >> $DIR/traps' INT HUP;"
			      "trap 'echo >> $DIR/cleaned; exit 1' TERM; : > $DIR/began;"
			      "while [ -d $DIR ]; do sleep 0.01; done",
			      NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, SIGINT);
	WAIT_FOR(file_lines("traps") == 1);
	kill(consumer.pid, SIGHUP);
	WAIT_FOR(file_lines("traps") == 2);
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 130);
	cr_expect_eq(file_lines("cleaned"), 1);
	tool_free(&consumer);
	expect_channel(name, "job\n");
	folder_remove();
}

static struct terminal terminal_with_job(const char *name, const char *script)
{
	struct terminal terminal;

	send(name, "job\n");
	terminal = terminal_start(80, "shm-consume", "-C", name, "--", "sh", "-c", script, NULL);
	WAIT_FOR(file_exists("began"));
	cr_assert_eq(write(terminal.master, "\003", 1), 1);
	WAIT_FOR(file_lines("traps") == 1);
	return terminal;
}

Test(signals, second_ctrl_c_typed_kills_the_command_at_once, .timeout = 60)
{
	struct terminal terminal;
	char name[NAME_SIZE];

	terminal_needed();
	folder_make();
	terminal = terminal_with_job(channel_name(name), COUNTS("INT"));
	cr_assert_eq(write(terminal.master, "\003", 1), 1);
	cr_expect_eq(terminal_end(&terminal), 130);
	terminal_free(&terminal);
	cr_expect_eq(file_lines("traps"), 1);
	cr_expect_eq(file_lines("cleaned"), 0);
	expect_channel(name, "job\n");
	folder_remove();
}

Test(signals, ctrl_c_typed_and_passed_on_by_a_wrapper_is_one_request, .timeout = 60)
{
	struct terminal terminal;
	char name[NAME_SIZE];
	uint64_t begun, sent;

	terminal_needed();
	folder_make();
	begun = test_now_ms();
	terminal = terminal_with_job(channel_name(name), COUNTS("INT"));
	kill(terminal.pid, SIGINT);
	signal_taken(terminal.pid, SIGINT);
	sent = test_now_ms();
	file_make("go");
	cr_expect_eq(terminal_end(&terminal), 130);
	terminal_free(&terminal);
	if (sent - begun < IMPATIENT_MS) {
		cr_expect_eq(file_lines("cleaned"), 1);
		expect_channel(name, "");
	} else {
		test_note("the machine is too busy to send two signals within a second");
		object_remove(name);
	}
	folder_remove();
}

Test(signals, two_within_a_second_come_to_a_held_command_once, .timeout = 60)
{
	struct tool holder;
	char name[NAME_SIZE];
	bool quick;

	folder_make();
	holder = tool_start("shm-produce", "-C", channel_name(name), "--hold", "--", "sh", "-c",
			    COUNTS("TERM"), NULL);
	WAIT_FOR(file_exists("began"));
	quick = signal_twice(holder.pid, SIGTERM);
	if (quick)
		cr_expect_eq(file_lines("traps"), 1);
	else
		test_note("the machine is too busy to send two signals within a second");
	WAIT_FOR(kill(holder.pid, SIGTERM) == 0 && file_lines("traps") >= 2); /* in a second */
	file_make("go");
	cr_expect_eq(tool_end(&holder), 0);
	tool_free(&holder);
	expect_channel(name, "");
	folder_remove();
}

/* ---- and then ---- */

Test(signals, leave_nothing_to_do_but_to_wait_for_the_command, .timeout = 60)
{
	enum { WATCHED_MS = 1500, SWITCHES_MAX = 10 };
	struct tool consumer;
	char name[NAME_SIZE];
	uint64_t until, switches;

	folder_make();
	send(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c", COUNTS("TERM"), NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, SIGTERM);
	WAIT_FOR(file_lines("traps") == 1);
	switches = status_number(consumer.pid, "voluntary_ctxt_switches:", 10);
	until = test_now_ms() + WATCHED_MS;
	while (test_now_ms() < until)
		test_pause();
	switches = status_number(consumer.pid, "voluntary_ctxt_switches:", 10) - switches;
	cr_expect_leq(switches, (uint64_t)SWITCHES_MAX, "it woke %" PRIu64 " times", switches);
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 143);
	tool_free(&consumer);
	expect_channel(name, "");
	folder_remove();
}

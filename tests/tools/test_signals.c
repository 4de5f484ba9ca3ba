/*
 * Requests to end, to a consumer with commands or a holder: one request that comes as several
 * signals, an impatient one, and one that lets running commands come to their end.
 */
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"
#include "tests/support/terminal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { IMPATIENT_MS = 1000, A_WHILE_MS = 50 };

/* A command that counts the signals it gets, and says so if it comes to its end. */
#define COUNTS(signal)                                                                             \
	"trap 'echo >> $DIR/traps' " signal "; : > $DIR/began;"                                    \
	"until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done; echo >> $DIR/cleaned"

/* Returns the number in this line of /proc/PID/status. */
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

/* Waits for a while, in which a signal has its effect, if it has one. */
static void pause_while(void)
{
	uint64_t until = test_now_ms() + A_WHILE_MS;

	while (test_now_ms() < until)
		test_pause();
}

/* Waits until the process has taken the signal, and then for a while. */
static void signal_taken(pid_t pid, int number)
{
	WAIT_FOR((status_number(pid, "ShdPnd:", 16) >> (number - 1) & 1) == 0);
	pause_while();
}

/*
 * Sends the signal, waits until the command has it, and sends it again. Returns false if that took
 * so long, on a busy machine, that it was not one request.
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
	lines_send(channel_name(name), "job\n");
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
	expect_rest(name, 0, ""); /* the job was done */
	folder_remove();
}

Test(signals, two_within_a_second_are_one_request, .timeout = 60)
{
	expect_one_request(SIGTERM, COUNTS("TERM"));
	expect_one_request(SIGINT, COUNTS("INT")); /* not typed: another process sent it */
}

/* timeout(1) signals the consumer and then its process group. */
Test(signals, of_timeout_are_one_request, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	lines_send(channel_name(name), "job\n");
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
	expect_rest(name, 0, "");
	folder_remove();
}

/* A request by another signal may be heard. */
Test(signals, of_another_kind_are_passed_on_as_they_are, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	lines_send(channel_name(name), "job\n");
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
	expect_rest(name, 0, "job\n");
	folder_remove();
}

static struct terminal terminal_with_job(const char *name, const char *script)
{
	struct terminal terminal;

	lines_send(name, "job\n");
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
	expect_rest(name, 0, "job\n");
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
		expect_rest(name, 0, "");
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
	WAIT_FOR(kill(holder.pid, SIGTERM) == 0 && file_lines("traps") >= 2); /* within a second */
	file_make("go");
	cr_expect_eq(tool_end(&holder), 0);
	tool_free(&holder);
	expect_rest(name, 0, "");
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
	lines_send(channel_name(name), "job\n");
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
	expect_rest(name, 0, "");
	folder_remove();
}

/* ---- drain ---- */

/* A script that writes its message, in one piece, when it may. */
#define WRITES                                                                                     \
	"until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done; echo $(cat) >> $DIR/done"

Test(signals, drain_lets_all_jobs_that_run_finish_and_takes_none, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	lines_send(channel_name(name), "1\n1\n1\n");
	consumer = tool_start("shm-consume", "-f", "-C", name, "-j", "4", "--", "sh", "-c", WRITES,
			      NULL);
	WAIT_FOR(object_look(name).consumers == 4 && object_look(name).claims == 3);
	kill(consumer.pid, SIGUSR1);
	WAIT_FOR(object_look(name).consumers == 3); /* the fourth worker had nothing to finish */
	lines_send(name, "2\n2\n");
	cr_expect_not(tool_ended(&consumer));
	kill(consumer.pid, SIGUSR1); /* nothing more than the first time */
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 0);
	expect_errors_contain(&consumer, "");
	tool_free(&consumer);
	expect_file("done", "1\n1\n1\n");
	expect_rest(name, 0, "2\n2\n");
	folder_remove();
}

/* With a command, when printing, and as an observer. */
Test(signals, drain_ends_a_consumer_that_waits, .timeout = 60)
{
	static const struct {
		const char *arguments[6];
		int status;
	} cases[] = { { { "-f", "-j", "4", "--", "cat" }, 0 },
		      { { "-c", "5", "--", "cat" }, 3 },
		      { { "-f" }, 0 },
		      { { "-c", "5" }, 3 },
		      { { "--tap" }, 0 } };
	struct tool consumer;
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *argv[10] = { "shm-consume", "-C", channel_name(name) };

		for (int k = 0; k < 6; k++)
			argv[3 + k] = cases[i].arguments[k];
		consumer = tool_start_argv(-1, -1, argv);
		WAIT_FOR(object_look(name).waiting_data != 0 || object_look(name).consumers == 4);
		kill(consumer.pid, SIGUSR1);
		cr_expect_eq(tool_end(&consumer), cases[i].status, "case %zu", i);
		expect_errors_contain(&consumer, "");
		tool_free(&consumer);
		cr_expect_not(object_exists(name), "case %zu", i);
	}
}

Test(signals, drain_gives_back_what_waits_to_be_tried_again, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	lines_send(channel_name(name), "again\n");
	consumer = tool_start("shm-consume", "-C", name, "--retry-delay", "1000", "--", "sh", "-c",
			      "echo >> $DIR/runs; exit 1", NULL);
	WAIT_FOR(file_lines("runs") == 1);
	kill(consumer.pid, SIGUSR1);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	cr_expect_eq(file_lines("runs"), 1);
	expect_rest(name, 0, "again\n");
	folder_remove();
}

/*
 * Without a wait before the retry, too; and a message that has failed for the last time is dealt
 * with as --on-failure says.
 */
Test(signals, drain_tries_nothing_again, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	for (int retries = 0; retries < 2; retries++) {
		folder_make();
		lines_send(channel_name(name), "job\n");
		consumer = tool_start("shm-consume", "-f", "-C", name, "-j", "2", "--retries",
				      retries == 0 ? "0" : "1", "--retry-delay", "0",
				      "--on-failure", "skip", "--", "sh", "-c",
				      "echo >> $DIR/runs; : > $DIR/began;"
				      "until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done;"
				      "exit 1",
				      NULL);
		WAIT_FOR(file_exists("began") && object_look(name).consumers == 2);
		kill(consumer.pid, SIGUSR1);
		WAIT_FOR(object_look(name).consumers == 1);
		file_make("go");
		cr_expect_eq(tool_end(&consumer), retries == 0 ? 123 : 0);
		tool_free(&consumer);
		cr_expect_eq(file_lines("runs"), 1);
		if (retries > 0)
			expect_rest(name, 0, "job\n");
		cr_expect_not(object_exists(name));
		folder_remove();
	}
}

Test(signals, after_a_drain_end_it_as_ever, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	lines_send(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "-f", "--", "sh", "-c",
			      "trap 'echo >> $DIR/traps; exit 1' TERM; : > $DIR/began;"
			      "while [ -d $DIR ]; do sleep 0.01; done",
			      NULL);
	WAIT_FOR(file_exists("began") && object_look(name).consumers == 2);
	kill(consumer.pid, SIGUSR1);
	WAIT_FOR(object_look(name).consumers == 1);
	cr_expect_eq(file_lines("traps"), 0);
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 143);
	cr_expect_eq(file_lines("traps"), 1);
	tool_free(&consumer);
	expect_rest(name, 0, "job\n");
	folder_remove();
}

/*
 * The consumer's output is a pipe that is full. What it has claimed beside that is for the next
 * consumer.
 */
Test(signals, drain_lets_a_printer_finish_the_message_that_it_writes, .timeout = 60)
{
	enum { SIZE = 200000 };
	char name[NAME_SIZE], *text = malloc(SIZE + 2);
	struct tool consumer;
	int pipes[2], waiting = 0;
	ssize_t got;
	size_t size = 0;

	memset(text, 'x', SIZE);
	strcpy(text + SIZE, "\n");
	lines_send(channel_name(name), text);
	lines_send(name, "next\n");
	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	consumer = tool_start_fds(-1, pipes[1], "shm-consume", "-C", name, NULL);
	close(pipes[1]);
	WAIT_FOR(ioctl(pipes[0], FIONREAD, &waiting) == 0 && waiting >= 65536);
	kill(consumer.pid, SIGUSR1);
	signal_taken(consumer.pid, SIGUSR1);
	while ((got = read(pipes[0], text, SIZE)) > 0)
		size += (size_t)got;
	cr_expect_eq(size, (size_t)SIZE + 1);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	close(pipes[0]);
	free(text);
	expect_rest(name, 0, "next\n");
}

Test(signals, drain_that_was_ignored_at_the_start_stays_so, .timeout = 60)
{
	static const char *const scripts[] = {
		"trap '' USR1; exec \"$TOOLS/shm-consume\" -c 1 -C \"$0\"",
		"trap '' USR1; exec \"$TOOLS/shm-consume\" -c 1 -C \"$0\" -- cat",
	};
	struct tool consumer;
	char name[NAME_SIZE];

	for (int i = 0; i < 2; i++) {
		consumer = tool_start("sh", "-c", scripts[i], channel_name(name), NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		kill(consumer.pid, SIGUSR1);
		pause_while();
		lines_send(name, "x\n");
		cr_expect_eq(tool_end(&consumer), 0);
		expect_output(&consumer, i == 0 ? "x\n" : "x");
		tool_free(&consumer);
		cr_expect_not(object_exists(name));
	}
}

/* Several commands at once, batches, signals, and consumers that share the work. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"
#include "tests/support/without_calls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sends these bytes as lines, or with the options given. */
#define SEND_BYTES(name, bytes, ...)                                                               \
	do {                                                                                       \
		int input_ = bytes_file(bytes, sizeof(bytes) - 1);                                 \
		struct tool producer_ =                                                            \
			tool_start_fds(input_, -1, "shm-produce", "-C", name, __VA_ARGS__);        \
                                                                                                   \
		close(input_);                                                                     \
		cr_assert_eq(tool_end(&producer_), 0);                                             \
		tool_free(&producer_);                                                             \
	} while (0)
#define SEND_LINES(name, lines) SEND_BYTES(name, lines, NULL)

/* A script that notes that it has begun, and waits. */
#define HOLD ": > $DIR/began; until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done;"

/* ---- several at once ---- */

/* A script that waits until as many as it was told have begun. */
#define MEET(count)                                                                                \
	": > $DIR/here.$$; until [ $(ls $DIR | grep -c here) -ge " #count " ]; do sleep 0.01; "    \
	"done;"

Test(crew, jobs_run_at_once, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "1\n2\n3\n4\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "4", "--", "sh", "-c",
			      MEET(4) "cat >> $DIR/all; echo >> $DIR/all", NULL);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(file_lines("all"), 4);
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(crew, jobs_0_is_one_per_processor, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors > 64)
		processors = 64;
	folder_make();
	consumer =
		tool_start("shm-consume", "-C", channel_name(name), "-j", "0", "--", "cat", NULL);
	WAIT_FOR(object_look(name).consumers == (unsigned)processors);
	kill(consumer.pid, SIGINT);
	cr_expect_eq(tool_end(&consumer), 130);
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

/*
 * A sandbox may refuse system calls that it does not know. A crew then waits for signals, which it
 * can do anyway.
 */
Test(crew, needs_no_event_counter, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	filters_needed();
	SEND_LINES(channel_name(name), "x\n");
	consumer = tool_start_without("eventfd", -1, "shm-consume", "-C", name, "-j", "2", "--",
				      "cat", NULL);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "x");
	expect_errors_contain(&consumer, "");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(crew, new_and_size_are_asked_for_once, .timeout = 60)
{
	struct tool consumer, other;
	char name[NAME_SIZE];

	consumer = tool_start("shm-consume", "-C", channel_name(name), "-j", "3", "--new", "-s",
			      "64K", "--", "cat", NULL);
	WAIT_FOR(object_look(name).consumers == 3);
	cr_expect_eq(tool_run(&other, "shm-consume", "-C", name, "-j", "3", "--new", "--", "cat"),
		     1);
	expect_errors_contain(&other, "it already has 3 consumers");
	tool_free(&other);
	SEND_LINES(name, "x\n");
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "x");
	expect_errors_contain(&consumer, "");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(crew, more_workers_than_places_do_what_they_can, .timeout = 60)
{
	struct tool first, second;
	char name[NAME_SIZE];

	folder_make();
	first = tool_start("shm-consume", "-C", channel_name(name), "-j", "60", "--", "cat", NULL);
	WAIT_FOR(object_look(name).consumers == 60);
	second = tool_start("shm-consume", "-C", name, "-j", "10", "--", "cat", NULL);
	WAIT_FOR(object_look(name).consumers == 64);
	SEND_LINES(name, "x\n");
	cr_expect_eq(tool_end(&first), 0);
	cr_expect_eq(tool_end(&second), 0); /* also those that were still waiting for their turn */
	tool_free(&first);
	tool_free(&second);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(crew, count_is_of_all_jobs_together, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&holder, "ok", "block 9 x");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-j", "4", "-c", "5", "--",
			      "sh", "-c", "echo >> $DIR/runs"),
		     0);
	tool_free(&consumer);
	cr_expect_eq(file_lines("runs"), 5);
	/* A message that one worker may take and does not find, another worker may take. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", "-j", "3", "-b", "3",
			      "-c", "5", "--", "sh", "-c", "cat >> $DIR/rest"),
		     3);
	tool_free(&consumer);
	cr_expect_eq(file_lines("rest"), 4);
	agent_quit(&holder);
	expect_rest(name, 0, "");
	folder_remove();
}

Test(crew, stop_lets_the_other_commands_finish, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "bad\ngood\nlater\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "--retries", "0", "--", "sh",
			      "-c", MEET(2) "[ $(cat) = good ] || exit 1;" HOLD "echo done", NULL);
	WAIT_FOR(file_exists("began"));
	WAIT_FOR(object_look(name).orphans == 1); /* it was given back, and nobody takes it */
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 123);
	expect_output(&consumer, "done\n");
	tool_free(&consumer);
	expect_rest(name, 0, "bad\nlater\n");
	folder_remove();
}

/* A message that cannot be an argument has failed for good at once. */
Test(crew, stop_ends_the_waiting_for_another_attempt, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];
	size_t size;

	SEND_BYTES(channel_name(name), "x\na\0b\n", NULL);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-j", "2", "--retry-delay",
			      "1000", "--", "false", "{}"),
		     123);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), 0);
	free(tool_output(&consumer, &size));
	cr_expect_eq(size, 6);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(crew, signal_ends_the_waiting_for_another_attempt, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "again\nand again\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "--retry-delay", "1000", "--",
			      "sh", "-c", "echo >> $DIR/runs; exit 1", NULL);
	WAIT_FOR(file_lines("runs") == 2);
	kill(consumer.pid, SIGHUP);
	cr_expect_eq(tool_end(&consumer), 129);
	tool_free(&consumer);
	expect_rest(name, 0, "again\nand again\n");
	folder_remove();
}

/*
 * The second thread of the pid namespace finds its id in use, on the channel and on that of dead
 * letters.
 */
Test(crew, workers_have_thread_ids_of_their_own, .timeout = 60)
{
	const uint32_t worker = 2, third = 3, letters = 4;
	struct tool consumer;
	char name[NAME_SIZE], dead[NAME_SIZE];

	bool allowed = tool_run(&consumer, "unshare", "--pid", "--fork", "true") == 0;

	tool_free(&consumer);
	if (!allowed)
		test_skip("no permission to make a pid namespace");
	SEND_LINES(channel_name(name), "x\n");
	SEND_LINES(channel_name(dead), "x\n");
	object_write(name, OFFSET(producers.side.slots[5].tid), &worker, sizeof(worker));
	object_write(name, OFFSET(producers.side.slots[6].tid), &third, sizeof(third));
	object_write(dead, OFFSET(consumers.side.slots[7].tid), &letters, sizeof(letters));
	for (uint32_t tid = 5; tid < 8; tid++)
		object_write(dead, OFFSET(consumers.side.slots[tid + 4].tid), &tid, sizeof(tid));
	consumer = tool_start("unshare", "--pid", "--fork", "--kill-child",
			      tool_path("shm-consume"), "-C", name, "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false", NULL);
	cr_expect_eq(tool_end(&consumer), 123);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	expect_rest(dead, 0, "x\nx\n");
}

/* ---- sharing ---- */

/* Jobs for several consumers; the jobs of the fourth consumer take as long as it is told. */
static void share(const char *fourth, int counts[4])
{
	struct agent holder = agent_start();
	struct tool consumers[4];
	char name[NAME_SIZE], lines[512] = "";
	int input, sum = 0;

	folder_make();
	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	for (int i = 0; i < 4; i++) {
		char script[128];

		snprintf(script, sizeof(script), "sleep %s; echo >> $DIR/done.%d",
			 i == 3 ? fourth : "0.01", i);
		consumers[i] =
			tool_start("shm-consume", "-C", name, "--", "sh", "-c", script, NULL);
	}
	WAIT_FOR(object_look(name).consumers == 4);
	for (int i = 0; i < 100; i++)
		sprintf(lines + strlen(lines), "%d\n", i);
	input = bytes_file(lines, strlen(lines));
	{
		struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

		close(input);
		cr_assert_eq(tool_end(&producer), 0);
		tool_free(&producer);
	}
	agent_quit(&holder);
	for (int i = 0; i < 4; i++) {
		char file[16];

		cr_expect_eq(tool_end(&consumers[i]), 0);
		tool_free(&consumers[i]);
		snprintf(file, sizeof(file), "done.%d", i);
		counts[i] = file_lines(file);
		sum += counts[i];
	}
	cr_expect_eq(sum, 100);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(crew, equal_consumers_get_equal_shares_of_one_block, .timeout = 60)
{
	int counts[4];

	share("0.01", counts);
	for (int i = 0; i < 4; i++)
		cr_expect(counts[i] >= 15 && counts[i] <= 35, "consumer %d got %d of 100", i,
			  counts[i]);
}

Test(crew, quicker_consumer_gets_more, .timeout = 60)
{
	int counts[4];

	share("0.2", counts); /* that is: the others are quicker */
	for (int i = 0; i < 3; i++)
		cr_expect_gt(counts[i], 2 * counts[3], "a quick one got %d, the slow one %d",
			     counts[i], counts[3]);
}

/* ---- batches ---- */

Test(crew, batch_is_delimited_and_as_large_as_what_is_there, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	SEND_LINES(channel_name(name), "1\n2\n3\n");
	SEND_BYTES(name, "4:5:", "-D", ":", NULL);
	SEND_LINES(name, "6\n7");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-b", "4", "--", "sh", "-c",
			      "echo $SHM_SEQ $SHM_SIZE; cat"),
		     0);
	expect_output(&consumer, "1 8\n1\n2\n3\n4\n5 6\n5\n6\n7\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(crew, batch_takes_the_delimiter_that_is_asked_for, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	SEND_LINES(channel_name(name), "a b\nc\n");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-0", "-C", name, "-b", "9", "--", "xargs",
			      "-0", "printf", "<%s>"),
		     0);
	expect_output(&consumer, "<a b><c>");
	tool_free(&consumer);
	SEND_LINES(name, "a b\nc\n");
	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-D", "", "-C", name, "-b", "1", "--", "cat"),
		0);
	expect_output(&consumer, "a bc");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(crew, batch_waits_for_its_messages, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "-b", "3,100", "--", "sh", "-c",
			      "cat >> $DIR/got; echo >> $DIR/runs", NULL);
	WAIT_FOR(object_look(name).consumers == 2);
	agent_expect(&producer, "ok", "send a");
	agent_expect(&producer, "ok", "send b");
	WAIT_FOR(object_look(name).waiting_data == 0); /* both workers gather */
	cr_expect_not(file_exists("got"));
	agent_expect(&producer, "ok", "send c");
	WAIT_FOR(file_lines("runs") == 1);
	expect_file("got", "a\nb\nc\n");
	agent_expect(&producer, "ok", "send d");
	agent_quit(&producer); /* no more messages can come */
	cr_expect_eq(tool_end(&consumer), 0);
	expect_file("got", "a\nb\nc\nd\n");
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(crew, batch_fails_together_and_comes_again_together, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "1\n2\n");
	SEND_LINES(name, "3\n4\n5\n");
	consumer = tool_start("shm-consume", "-C", name, "-b", "4", "--", "sh", "-c", HOLD, NULL);
	WAIT_FOR(file_exists("began"));
	tool_kill(&consumer);
	tool_free(&consumer);
	file_make("go");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-b", "4", "--retry-delay", "0",
			      "--on-failure", "skip", "--", "sh", "-c",
			      "echo $SHM_ATTEMPT: $(cat); [ $SHM_SEQ != 1 ]"),
		     123);
	expect_output(&consumer, "2: 1 2 3 4\n3: 1 2 3 4\n4: 1 2 3 4\n1: 5\n");
	expect_errors_contain(&consumer, "messages 1 to 4 failed for good (dropped)");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(crew, messages_of_a_batch_are_dead_letters_one_by_one, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], dead[NAME_SIZE];

	SEND_LINES(channel_name(name), "1\n\n3\n");
	SEND_BYTES(name, "with\nnewline:", "-D", ":", NULL);
	channel_name(dead);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-b", "10", "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false"),
		     123);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-D", ";", "-C", dead), 0);
	expect_output(&consumer, "1;;3;with\nnewline;");
	tool_free(&consumer);
	cr_expect_not(object_exists(dead));
}

Test(crew, long_message_is_a_batch_of_its_own, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&producer, "ok", "send a");
	agent_tell(&producer, "sendn 10000");
	consumer = tool_start("shm-consume", "-C", name, "-b", "9", "--", "sh", "-c",
			      "echo $SHM_SIZE", NULL);
	cr_assert_str_eq(agent_hear(&producer), "ok");
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "2\n10001\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(crew, batch_without_a_command_is_what_printing_consumers_share, .timeout = 60)
{
	struct agent producer = agent_start(), other = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	agent_expect(&other, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 5 x");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-b", "3", "-w", "0.2"), 124);
	expect_output(&consumer, "x\nx\nx\nx\nx\n");
	tool_free(&consumer);
	agent_quit(&producer);
	agent_quit(&other);
	expect_rest(name, 0, "");
}

/* ---- signals ---- */

static void signal_while_running(int number, const char *script, const char *left)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c", script, NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, number);
	cr_expect_eq(tool_end(&consumer), 128 + number);
	expect_errors_contain(&consumer, "");
	tool_free(&consumer);
	expect_rest(name, 0, left);
	expect_file("caught", "caught\n");
	folder_remove();
}

Test(crew, signal_passes_on_and_what_did_not_succeed_is_given_back, .timeout = 60)
{
	signal_while_running(SIGTERM, "trap 'echo caught >> $DIR/caught; exit 1' TERM;" HOLD,
			     "job\n");
	signal_while_running(SIGHUP, "trap 'echo caught >> $DIR/caught; exit 1' HUP;" HOLD,
			     "job\n");
}

Test(crew, command_that_succeeds_after_a_signal_is_acknowledged, .timeout = 60)
{
	signal_while_running(SIGINT, "trap 'echo caught >> $DIR/caught; exit 0' INT;" HOLD, "");
}

/*
 * The whole process group of the command gets the signal, and the consumer waits for the command.
 */
Test(crew, signal_ends_a_command_that_does_not_handle_it, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "1\n2\n3\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "--", "sh", "-c",
			      MEET(2) ": > $DIR/began; sleep 1000; true", NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 143);
	tool_free(&consumer);
	expect_rest(name, 0, "1\n2\n3\n");
	folder_remove();
}

Test(crew, later_second_signal_kills_the_command, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	SEND_LINES(channel_name(name), "job\n");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      "trap 'echo >> $DIR/traps' INT;"
			      ": > $DIR/began; while :; do sleep 0.01; done",
			      NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, SIGINT);
	WAIT_FOR(file_lines("traps") == 1);
	cr_expect_not(tool_ended(&consumer));
	WAIT_FOR(kill(consumer.pid, SIGINT) == 0 && tool_ended(&consumer)); /* within a second */
	cr_expect_eq(tool_end(&consumer), 130);
	cr_expect_eq(file_lines("traps"), 1);
	tool_free(&consumer);
	expect_rest(name, 0, "job\n");
	folder_remove();
}

Test(crew, signal_ends_a_crew_that_waits, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	for (int i = 0; i < 3; i++) {
		static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

		consumer = tool_start("shm-consume", "-C", channel_name(name), "-j", "3", "-b",
				      "2,100", "--", "cat", NULL);
		WAIT_FOR(object_look(name).consumers == 3);
		kill(consumer.pid, numbers[i]);
		cr_expect_eq(tool_end_within(&consumer, 3), 128 + numbers[i]);
		tool_free(&consumer);
		cr_expect_not(object_exists(name));
	}
}

/* A worker whose failed message has no room in the channel `dead`, which `holder` keeps full. */
static struct tool worker_without_room(const char *name, const char *dead, struct agent *holder)
{
	struct tool consumer;

	*holder = agent_start();
	agent_expect(holder, "ok", "attach producer %s size=4096", dead);
	agent_expect(holder, "ok", "sendn 4000");
	SEND_LINES(name, "a line that does not fit into the hundred bytes left\n");
	consumer = tool_start("shm-consume", "-C", name, "--retries", "0", "--on-failure", "dead",
			      "--dead-letter", dead, "--", "false", NULL);
	WAIT_FOR(object_look(dead).room_wanted != 0);
	return consumer;
}

Test(crew, signal_ends_waiting_for_room_for_a_dead_letter, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct agent holder;
	struct tool consumer = worker_without_room(channel_name(name), channel_name(dead), &holder);

	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end_within(&consumer, 5), 143);
	tool_free(&consumer);
	expect_rest(name, 0, "a line that does not fit into the hundred bytes left\n");
	agent_quit(&holder);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", dead), 4); /* it was cut off there */
	tool_free(&consumer);
	cr_expect_not(object_exists(dead));
}

Test(crew, drain_ends_waiting_for_room_for_a_dead_letter, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct agent holder;
	struct tool consumer = worker_without_room(channel_name(name), channel_name(dead), &holder);

	kill(consumer.pid, SIGUSR1);
	cr_expect_eq(tool_end(&consumer), 1);
	tool_free(&consumer);
	expect_rest(name, 0, "a line that does not fit into the hundred bytes left\n");
	agent_quit(&holder);
	object_remove(dead);
}

Test(crew, truncated_object_is_one_clear_line, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], *errors;

	folder_make();
	SEND_LINES(channel_name(name), "a\nb\n");
	consumer = tool_start("shm-consume", "-C", name, "-j", "2", "--", "sh", "-c", HOLD, NULL);
	WAIT_FOR(object_look(name).claims == 2);
	cr_assert_eq(truncate(object_path(name), 0), 0);
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 1);
	errors = tool_errors(&consumer);
	cr_expect_not_null(strstr(errors, "is damaged"), "it said: %s", errors);
	free(errors);
	tool_free(&consumer);
	object_remove(name);
	folder_remove();
}

/* ---- all of it, under fire ---- */

static int job_number(const char *line, int jobs)
{
	int number = atoi(line);

	cr_assert(number >= 1 && number <= jobs, "no job: \"%s\"", line);
	return number;
}

/* Marks the jobs whose numbers are in this text, a line each. */
static void jobs_mark(char *text, unsigned char *seen, int jobs)
{
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		seen[job_number(line, jobs)] = 1;
}

/*
 * A tenth of all runs fail, and every 100 ms one consumer is killed and another comes: each job
 * reaches an exit status of 0, or the dead letters.
 */
Test(crew, no_job_is_lost_when_commands_fail_and_consumers_are_killed, .timeout = 120)
{
	enum { JOBS = 1000, CONSUMERS = 2 };
	const char *argv[] = { "shm-consume",
			       "-q",
			       "-C",
			       NULL,
			       "-j",
			       "4",
			       "--retries",
			       "2",
			       "--retry-delay",
			       "0.01",
			       "--on-failure",
			       "dead",
			       "--dead-letter",
			       NULL,
			       "--",
			       "sh",
			       "-c",
			       NULL,
			       NULL };
	struct agent holder = agent_start();
	struct tool consumers[CONSUMERS], tool;
	unsigned char *seen = calloc(JOBS + 1, 1);
	char name[NAME_SIZE], dead[NAME_SIZE], *lines = malloc(JOBS * 8), *to = lines, *text;
	int input, kills = 0, dead_count = 0, victim = 0;
	uint64_t kill_at;

	folder_make();
	channel_name(dead);
	agent_expect(&holder, "ok", "attach consumer %s", dead); /* it stays, whoever dies */
	argv[3] = channel_name(name);
	argv[13] = dead;
	/* The number is written only after it is known that the command succeeds. */
	argv[17] = "read job; [ $(($$ % 10)) != 0 ] || exit 1;"
		   "echo $job >> $DIR/done";
	for (int i = 1; i <= JOBS; i++)
		to += sprintf(to, "%d\n", i);
	input = bytes_file(lines, (size_t)(to - lines));
	free(lines);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	close(input);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);

	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = tool_start_argv(-1, -1, argv);
	kill_at = test_now_ms() + 100;
	while (object_look(name).head != object_look(name).tail) {
		test_pause();
		if (test_now_ms() < kill_at || !object_exists(name))
			continue;
		tool_kill(&consumers[victim]);
		tool_free(&consumers[victim]);
		consumers[victim] = tool_start_argv(-1, -1, argv);
		victim = (victim + 1) % CONSUMERS;
		kill_at += 100;
		kills++;
	}
	for (int i = 0; i < CONSUMERS; i++) {
		kill(consumers[i].pid, SIGTERM); /* a consumer that came last would wait for more */
		tool_end(&consumers[i]);
		tool_free(&consumers[i]);
	}

	text = malloc(1 << 20);
	{
		FILE *done = fopen(folder_file("done"), "re");

		cr_assert_not_null(done);
		text[fread(text, 1, (1 << 20) - 1, done)] = '\0';
		fclose(done);
	}
	jobs_mark(text, seen, JOBS);
	free(text);
	agent_expect(&holder, "ok", "detach");
	if (object_exists(dead)) {
		tool_run(&tool, "shm-consume", "-C", dead, "-e");
		text = tool_output(&tool, NULL);
		for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
			dead_count++;
		jobs_mark(text, seen, JOBS);
		free(text);
		tool_free(&tool);
	}
	for (int i = 1; i <= JOBS; i++)
		cr_expect(seen[i], "job %d is lost", i);
	test_note("%d jobs: %d runs succeeded, %d dead letters, %d kills", JOBS, file_lines("done"),
		  dead_count, kills);
	free(seen);
	agent_quit(&holder);
	cr_expect_not(object_exists(dead));
	if (object_exists(name)) /* whose last consumer may have been killed */
		cr_expect_leq(tool_run(&tool, "shm-consume", "-C", name, "-e"), 4);
	cr_expect_not(object_exists(name));
	folder_remove();
}

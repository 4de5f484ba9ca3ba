/*
 * What counts as a try of a message, and what does not: only a command that ran and failed, or
 * whose consumer died meanwhile. Whatever else happened to a message, it is not given up for that.
 */
#include "tests/support/folder.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With one of these, a message that has been tried once is given up. */
#define STRICT "--retries", "0", "--on-failure", "skip"

/* Sends 1 to 3, as one block. */
static void send_three(char name[NAME_SIZE])
{
	int input = bytes_file("1\n2\n3\n", 6);
	struct tool producer =
		tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/* Expects that all three messages come and are run. */
static void expect_all_run(const char *name)
{
	struct tool consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", STRICT, "--", "cat"), 0);
	expect_output(&consumer, "123");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(tries, a_command_that_does_not_exist_has_tried_nothing, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	send_three(name);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", STRICT, "--",
				      "./not-there"),
			     127);
		tool_free(&consumer);
	}
	expect_all_run(name);
}

Test(tries, a_command_that_cannot_be_run_has_tried_nothing, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	send_three(name);
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", STRICT, "--",
				      "/dev/null"),
			     126);
		tool_free(&consumer);
	}
	expect_all_run(name);
}

static void print_in_vain(const char *name)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int nothing = bytes_file("", 0);
	struct tool consumer = tool_start_fds(nothing, full, "shm-consume", "-C", name, "-e", NULL);

	close(full);
	close(nothing);
	cr_expect_eq(tool_end(&consumer), 1);
	tool_free(&consumer);
}

Test(tries, printing_in_vain_is_none, .timeout = 60)
{
	char name[NAME_SIZE];

	send_three(name);
	for (int i = 0; i < 3; i++)
		print_in_vain(name);
	expect_all_run(name);
}

Test(tries, attempts_of_a_block_are_those_of_each_message, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	send_three(name);
	print_in_vain(name);
	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", name, "-c", "1", "--format", "%s %a;"), 0);
	expect_output(&consumer, "1 2;");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "sh", "-c",
			      "echo $(cat) $SHM_ATTEMPT"),
		     0);
	expect_output(&consumer, "2 2\n3 2\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/* Ends the consumer by this signal while its command runs. */
static void interrupt_worker(const char *name, int number)
{
	struct tool consumer = tool_start(
		"shm-consume", "-C", name, STRICT, "--", "sh", "-c",
		": > $DIR/began; until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done", NULL);

	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, number);
	cr_expect_eq(tool_end(&consumer), 128 + number);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "sh", "-c", "rm $DIR/began"), 0);
	tool_free(&consumer);
}

Test(tries, an_orderly_stop_is_none, .timeout = 60)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	char name[NAME_SIZE];

	folder_make();
	send_three(name);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		interrupt_worker(name, numbers[i]);
	expect_all_run(name);
	folder_remove();
}

/* A message that was only taken along with others that failed is as it was. */
Test(tries, what_others_of_a_block_went_through_is_not_its_own, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	send_three(name);
	for (int i = 1; i <= 2; i++) { /* the first message takes its worker with it */
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "1",
				      "--on-failure", "skip", "--", "sh", "-c",
				      "[ $(cat) = 1 ] && kill -9 $PPID"),
			     137);
		tool_free(&consumer);
	}
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "1",
			      "--on-failure", "skip", "--", "sh", "-c", "echo $(cat) $SHM_ATTEMPT"),
		     123);
	expect_output(&consumer, "2 1\n3 1\n");
	expect_errors_contain(&consumer, "message 1 failed for good (dropped): 2 tries have "
					 "failed before\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/*
 * With "stop" a message that failed for good is given back, and counts as that for the next
 * consumer.
 */
Test(tries, those_that_failed_are_remembered, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	send_three(name);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "1",
			      "--retry-delay", "0", "--", "false"),
		     123);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "1",
			      "--on-failure", "skip", "--", "cat"),
		     123);
	expect_output(&consumer, "23");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(tries, status_has_both_numbers, .timeout = 60)
{
	struct tool consumer, look;
	char name[NAME_SIZE];

	folder_make();
	send_three(name);
	print_in_vain(name);
	consumer =
		tool_start("shm-consume", "-C", name, "--retry-delay", "1000", "--", "false", NULL);
	WAIT_FOR(errors_contain(&consumer, "message 1 failed, try 1 of 4"));
	cr_expect_eq(tool_run(&look, "shm-consume", "--status", "-C", name), 0);
	char *output = tool_output(&look, NULL);
	cr_expect(strstr(output, "1 in hand (attempt 2, 1 failed)") != NULL, "%s", output);
	free(output);
	tool_free(&look);
	cr_expect_eq(tool_run(&look, "shm-consume", "--status", "-C", name, "--json"), 0);
	output = tool_output(&look, NULL);
	if (strstr(output, "{") != NULL) { /* the tool has been built with JSON */
		cr_expect(strstr(output, "\"attempts\": 2") != NULL, "%s", output);
		cr_expect(strstr(output, "\"failures\": 1") != NULL, "%s", output);
	}
	free(output);
	tool_free(&look);
	tool_kill(&consumer);
	tool_free(&consumer);
	object_remove(name);
	folder_remove();
}

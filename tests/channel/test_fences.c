/*
 * Processes that may use membarrier and others that may not, as in a sandbox, meet in one channel,
 * in every order of arrival.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/without_calls.h"

static uint32_t fences_of(const char *name)
{
	size_t size;
	unsigned char *bytes = object_contents(name, &size);
	uint32_t fences = 0;

	if (bytes != NULL && size >= sizeof(struct header))
		memcpy(&fences, bytes + OFFSET(header.fences), sizeof(fences));
	free(bytes);
	return fences;
}

#define WITHOUT(input, ...) tool_start_without("membarrier", input, __VA_ARGS__, NULL)

/* Waits for the tool's end; its exit status and output must be these. */
static void expect_end(struct tool *tool, int status, const char *expected)
{
	char *output, *errors;

	cr_expect_eq(tool_end(tool), status);
	output = tool_output(tool, NULL);
	errors = tool_errors(tool);
	cr_expect_str_eq(output, expected, "%s", errors);
	free(output);
	free(errors);
	tool_free(tool);
}

/*
 * Starts a producer that has membarrier, has made the channel with a small ring, has sent "one",
 * and reads its input from *input.
 */
static struct tool producer_with(const char *name, int *input)
{
	struct tool producer;
	int ends[2];

	filters_needed();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	producer = tool_start_argv(
		ends[0], -1, (const char *const[]){ tool_path("shm-produce"), "-C", name, NULL });
	close(ends[0]);
	*input = ends[1];
	cr_assert_eq(write(*input, "one\n", 4), 4);
	WAIT_FOR(object_look(name).tail > object_look(name).head);
	if (fences_of(name) == FENCES_PLAIN) {
		tool_kill(&producer);
		object_remove(name);
		test_skip("this kernel has no membarrier");
	}
	return producer;
}

Test(fences, a_consumer_without_membarrier_joins_a_producer_that_has_it, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), consumer;

	consumer = WITHOUT(-1, "shm-consume", "-C", name, "-c", "2");
	WAIT_FOR(fences_of(name) == FENCES_PLAIN);
	WAIT_FOR(object_look(name).waiting_data != 0); /* it sleeps and has to be woken */
	cr_assert_eq(write(input, "two\n", 4), 4);
	expect_end(&consumer, 0, "one\ntwo\n");
	close(input);
	expect_end(&producer, 0, "");
}

Test(fences, a_producer_without_membarrier_joins_a_consumer_that_has_it, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), consumer, newcomer;

	consumer = tool_start("shm-consume", "-C", name, "-c", "2", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	newcomer = WITHOUT(-1, "shm-produce", "-C", name, "two");
	expect_end(&newcomer, 0, "");
	cr_expect_eq(fences_of(name), FENCES_PLAIN);
	expect_end(&consumer, 0, "one\ntwo\n");
	close(input);
	expect_end(&producer, 0, "");
}

Test(fences, the_first_in_a_channel_without_membarrier_locks_nobody_out, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), tool;

	/* This producer was only there to skip the test where it cannot run. */
	tool_kill(&producer);
	close(input);
	object_remove(name);
	tool = WITHOUT(-1, "shm-produce", "-C", name, "one");
	expect_end(&tool, 0, "");
	cr_expect_eq(fences_of(name), FENCES_PLAIN);
	tool = tool_start("shm-produce", "-C", name, "two", NULL);
	expect_end(&tool, 0, "");
	tool = tool_start("shm-consume", "-C", name, "-c", "1", NULL);
	expect_end(&tool, 0, "one\n");
	tool = WITHOUT(-1, "shm-consume", "-C", name);
	expect_end(&tool, 0, "two\n");
}

/* The second worker of the consumer waits for the first one, and not for messages. */
Test(fences, a_worker_that_waits_for_another_one_keeps_nobody_out, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool consumer, newcomer;

	filters_needed();
	consumer = tool_start("shm-consume", "-C", channel_name(name), "-j", "2", "-c", "1", "--",
			      "cat", NULL);
	WAIT_FOR(object_look(name).consumers == 2 && object_look(name).waiting_data != 0);
	newcomer = WITHOUT(-1, "shm-produce", "-C", name, "one");
	expect_end(&newcomer, 0, "");
	expect_end(&consumer, 0, "one");
}

/* The process never has time to look for the dead. */
Test(fences, a_tap_that_always_has_something_to_see_keeps_nobody_out, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), tap, consumer;

	tap = tool_start("shm-consume", "-C", name, "--tap", "-f", NULL);
	WAIT_FOR(object_look(name).consumers == 1);
	consumer = WITHOUT(-1, "shm-consume", "-C", name, "-c", "1");
	WAIT_FOR(write(input, "more\n", 5) == 5 && tool_ended(&consumer));
	expect_end(&consumer, 0, "one\n");
	tool_kill(&tap);
	tool_free(&tap);
	tool_kill(&producer);
	tool_free(&producer);
	close(input);
	object_remove(name);
}

Test(fences, a_stopped_process_that_relies_on_membarrier_is_named, .timeout = 60)
{
	char name[NAME_SIZE], pid[32];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), tool;
	const char *const newcomers[] = { "-w1", "-n" };
	char *errors;

	snprintf(pid, sizeof(pid), "process %ld,", (long)producer.pid);
	cr_assert_eq(kill(producer.pid, SIGSTOP), 0);
	for (int i = 0; i < 2; i++) {
		tool = WITHOUT(-1, "shm-consume", "-C", name, newcomers[i]);
		cr_expect_neq(tool_end(&tool), 0);
		errors = tool_errors(&tool);
		cr_expect_not_null(strstr(errors, "membarrier is refused here"), "%s", errors);
		cr_expect_not_null(strstr(errors, pid), "%s", errors);
		free(errors);
		tool_free(&tool);
	}
	cr_expect_eq(fences_of(name), FENCES_CHANGING);
	tool = WITHOUT(-1, "shm-consume", "-C", name);
	cr_assert_eq(kill(producer.pid, SIGCONT), 0);
	close(input);
	expect_end(&tool, 0, "one\n");
	expect_end(&producer, 0, "");
}

Test(fences, a_killed_process_that_relied_on_membarrier_holds_up_nobody, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), tool;

	cr_assert_eq(kill(producer.pid, SIGSTOP), 0); /* so that it notices nothing before */
	tool_kill(&producer);
	close(input);
	tool = WITHOUT(-1, "shm-consume", "-C", name);
	expect_end(&tool, 4, "one\n");
	tool_free(&producer);
}

Test(fences, an_observer_needs_no_membarrier, .timeout = 60)
{
	char name[NAME_SIZE];
	int input;
	struct tool producer = producer_with(channel_name(name), &input), tool;
	char *output;

	tool = WITHOUT(-1, "shm-consume", "-C", name, "--peek");
	expect_end(&tool, 0, "one\n");
	tool = WITHOUT(-1, "shm-consume", "-C", name, "--status");
	cr_expect_eq(tool_end(&tool), 0);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, "1 to be taken"), "%s", output);
	free(output);
	tool_free(&tool);
	cr_expect_eq(fences_of(name), FENCES_ASYMMETRIC);
	tool = WITHOUT(-1, "shm-consume", "-C", name, "--doctor");
	tool_end(&tool);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, "membarrier is refused here"), "%s", output);
	free(output);
	tool_free(&tool);
	close(input);
	tool = tool_start("shm-consume", "-C", name, NULL);
	expect_end(&tool, 0, "one\n");
	expect_end(&producer, 0, "");
}

/* Returns the lines of a file of `count` numbers from `first` on. */
static int numbers_file(unsigned first, unsigned count)
{
	char *bytes = malloc(count * 8), *end = bytes;
	int fd;

	cr_assert_not_null(bytes);
	for (unsigned i = first; i < first + count; i++)
		end += sprintf(end, "%u\n", i);
	fd = bytes_file(bytes, (size_t)(end - bytes));
	free(bytes);
	return fd;
}

Test(fences, nothing_is_lost_while_endpoints_change_to_plain_fences, .timeout = 120)
{
	enum { EACH = 20000, PRODUCERS = 3 };
	char name[NAME_SIZE], line[32];
	unsigned char *seen = calloc(PRODUCERS * EACH, 1);
	int input, inputs[PRODUCERS];
	struct tool held = producer_with(channel_name(name), &input), producers[PRODUCERS],
		    consumer;
	char *output, *at;
	unsigned number = 0;

	cr_assert_not_null(seen);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	for (unsigned i = 0; i < PRODUCERS; i++)
		inputs[i] = numbers_file(i * EACH, EACH);
	producers[0] = tool_start_fds(inputs[0], -1, "shm-produce", "-C", name, NULL);
	producers[1] = WITHOUT(inputs[1], "shm-produce", "-C", name);
	producers[2] = tool_start_fds(inputs[2], -1, "shm-produce", "-C", name, NULL);
	for (unsigned i = 0; i < PRODUCERS; i++) {
		expect_end(&producers[i], 0, "");
		close(inputs[i]);
	}
	cr_expect_eq(fences_of(name), FENCES_PLAIN);
	close(input);
	expect_end(&held, 0, "");
	cr_expect_eq(tool_end(&consumer), 0);
	output = tool_output(&consumer, NULL);
	at = strchr(output, '\n') + 1; /* "one" */
	while (sscanf(at, "%31[^\n]", line) == 1) {
		number = (unsigned)strtoul(line, NULL, 10);
		cr_assert_lt(number, (unsigned)(PRODUCERS * EACH));
		cr_expect_eq(seen[number]++, 0, "%u came twice", number);
		at += strlen(line) + 1;
	}
	for (unsigned i = 0; i < PRODUCERS * EACH; i++)
		cr_expect_eq(seen[i], 1, "%u did not come", i);
	free(output);
	free(seen);
	tool_free(&consumer);
}

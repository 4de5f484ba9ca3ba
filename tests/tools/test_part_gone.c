/*
 * A message longer than the ring goes through it in pieces, and what was freed of it cannot be
 * given back: what a worker says of a message that it does not finish must be true.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/folder.h"
#include "tests/support/support.h"

enum { MESSAGE = 20000 };

/* Starts a producer of a long message, or of a short one, in a small ring. */
static struct tool producer_start(const char *name, bool is_long)
{
	char *text = calloc(1, MESSAGE + 1);
	struct tool producer;

	cr_assert_not_null(text);
	memset(text, 'x', MESSAGE);
	producer = tool_start("shm-produce", "-C", name, "-s", "4K", is_long ? text : "x", NULL);
	free(text);
	if (is_long) /* it has made the channel, or a consumer would, with a larger ring */
		WAIT_FOR(object_look(name).room_wanted != 0);
	return producer;
}

static void expect_errors_lack(const struct tool *tool, const char *part)
{
	char *text = tool_errors(tool);

	cr_expect_null(strstr(text, part), "%s", text);
	free(text);
}

/* The next consumer finds nothing but the loss. */
static void expect_loss(const char *name, struct tool *producer)
{
	struct tool rest;

	cr_expect_eq(tool_run(&rest, "shm-consume", "-C", name, "-w", "20"), 4);
	expect_output(&rest, "");
	tool_free(&rest);
	cr_expect_eq(tool_end(producer), 1);
	tool_free(producer);
	cr_expect_not(object_exists(name));
}

Test(part_gone, failed_for_good_is_not_given_back_but_lost, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer = producer_start(channel_name(name), true), consumer;

	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0", "--", "false"),
		123);
	expect_errors_contain(&consumer, "message 1 failed for good (lost, as it is longer than "
					 "the ring): \"false\" ended with status 1\n");
	expect_errors_lack(&consumer, "given back");
	tool_free(&consumer);
	expect_loss(name, &producer);
}

Test(part_gone, short_one_that_failed_for_good_is_given_back, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer = producer_start(channel_name(name), false), consumer;

	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0", "--", "false"),
		123);
	expect_errors_contain(&consumer, "message 1 failed for good (given back): ");
	expect_errors_lack(&consumer, "lost");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "x\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(part_gone, worker_that_is_ended_says_what_it_loses, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer = producer_start(channel_name(name), true), consumer;

	folder_make();
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      ": > $DIR/began; exec sleep 60", NULL);
	WAIT_FOR(file_exists("began"));
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 128 + SIGTERM);
	expect_errors_contain(&consumer, "message 1 is lost: it is longer than the ring, so it "
					 "cannot be given back\n");
	tool_free(&consumer);
	expect_loss(name, &producer);
	folder_remove();
}

Test(part_gone, command_that_is_not_found_loses_it, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer = producer_start(channel_name(name), true), consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "./not-there"), 127);
	expect_errors_contain(&consumer, "message 1 is lost: ");
	tool_free(&consumer);
	expect_loss(name, &producer);
}

Test(part_gone, message_that_finds_no_memory_is_lost, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool producer = producer_start(channel_name(name), true), consumer;

	/* A part of a file in memory can be written: the channel is there already. */
	consumer =
		tool_start("sh", "-c", "ulimit -f 16; exec \"$TOOLS/shm-consume\" -C \"$1\" -- cat",
			   "sh", name, NULL);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "message 1 is lost: ");
	expect_errors_contain(&consumer, "cannot keep a message in memory: File too large\n");
	tool_free(&consumer);
	expect_loss(name, &producer);
}

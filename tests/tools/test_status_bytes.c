/*
 * Bytes of messages are counted the same everywhere: without keys and delimiters, whatever the
 * record.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/agents.h"
#include "tests/support/support.h"

/* Expects that a line of --status contains this. */
static void expect_status(const char *name, const char *part)
{
	struct tool tool;
	char *output;

	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--status"), 0);
	output = tool_output(&tool, NULL);
	cr_expect(strstr(output, part) != NULL, "\"%s\" is not in:\n%s", part, output);
	free(output);
	tool_free(&tool);
}

/* Expects a process in --status: "producer  4711  alive  MESSAGES  BYTES". */
static void expect_endpoint(const char *name, const char *role, const struct agent *agent,
			    unsigned messages, unsigned bytes)
{
	struct tool tool;
	char *output, *line, state[16];
	unsigned sent = 0, size = 0;
	char start[64];

	snprintf(start, sizeof(start), "%s  %ld", role, (long)agent->tool.pid);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "--status"), 0);
	output = tool_output(&tool, NULL);
	line = strstr(output, start);
	cr_assert_not_null(line, "%s", output);
	cr_assert_eq(sscanf(line + strlen(start), "%15s %u %u", state, &sent, &size), 3, "%s",
		     output);
	cr_expect_eq(sent, messages, "%s", output);
	cr_expect_eq(size, bytes, "%s", output);
	free(output);
	tool_free(&tool);
}

Test(status_bytes, of_endpoints_are_those_of_messages_alone, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start(), beside = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&producer, "ok", "key label");
	agent_expect(&producer, "ok", "block 4 four"); /* "four;" four times, by a lone producer */
	agent_expect(&producer, "ok", "send more");
	expect_endpoint(name, "producer", &producer, 5, 20);
	agent_expect(&beside, "ok", "attach producer %s", name);
	agent_expect(&beside, "ok", "block 2 two");
	expect_endpoint(name, "producer", &beside, 2, 6);
	expect_status(name, "7 to be taken (26 bytes)");

	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .messages = 4, .key = "label",
			      .size = 20);
	expect_endpoint(name, "consumer", &consumer, 4, 16);
	agent_expect(&consumer, "ok", "acknowledge");
	expect_status(name, "3 to be taken (10 bytes)");
	agent_quit(&consumer);
	agent_quit(&producer);
	agent_quit(&beside);
	object_remove(name);
}

Test(status_bytes, of_a_block_that_is_taken_in_part_are_those_of_the_rest, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&producer, "ok", "block 5 four");
	expect_status(name, "5 to be taken (20 bytes)");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive 2", .sequence = 1, .messages = 2, .size = 10);
	expect_status(name, "5 to be taken (20 bytes)");
	agent_expect(&consumer, "ok", "acknowledge");
	expect_status(name, "3 to be taken (12 bytes)");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 3, .size = 5);
	expect_status(name, "3 to be taken (12 bytes)");
	agent_expect(&consumer, "ok", "acknowledge");
	expect_status(name, "2 to be taken (8 bytes)");
	expect_endpoint(name, "consumer", &consumer, 3, 12);
	agent_quit(&consumer);
	agent_quit(&producer);
	object_remove(name);
}

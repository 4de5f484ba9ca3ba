/* Consumers of one channel share its messages: a consumer that is not alone takes one at a time. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(share, consumer_that_is_alone_takes_a_whole_block, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&consumer, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 5 x");
	agent_expect_delivery(&consumer, "receive share", .sequence = 1, .messages = 5,
			      .text = "x;x;x;x;x;");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_quit(&producer);
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

Test(share, consumers_take_one_message_each_out_of_one_block, .timeout = 60)
{
	struct agent producer = agent_start(), consumers[3];
	char name[NAME_SIZE];

	channel_name(name);
	for (int i = 0; i < 3; i++) {
		consumers[i] = agent_start();
		agent_expect(&consumers[i], "ok", "attach consumer %s", name);
	}
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 7 x");
	for (unsigned i = 0; i < 6; i++) /* some are acknowledged out of order */
		agent_expect_delivery(&consumers[i % 4 % 3], "receive share", .sequence = i + 1,
				      .text = "x;");
	for (int i = 0; i < 3; i++)
		agent_expect(&consumers[i], "ok", "acknowledge");
	agent_quit(&consumers[0]);
	agent_quit(&consumers[1]);
	agent_expect_delivery(&consumers[2], "receive share", .sequence = 7, .text = "x;");
	agent_expect(&producer, "ok", "detach");
	agent_expect(&consumers[2], "ended", "receive share");
	agent_quit(&producer);
	agent_quit(&consumers[2]);
	cr_assert(!object_exists(name));
}

Test(share, share_is_a_number_that_can_be_chosen, .timeout = 60)
{
	struct agent producer = agent_start(), first = agent_start(), second = agent_start();
	char name[NAME_SIZE];

	agent_expect(&first, "ok", "attach consumer %s share=3", channel_name(name));
	agent_expect(&second, "ok", "attach consumer %s share=3", name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 7 x");
	agent_expect_delivery(&first, "receive share", .sequence = 1, .messages = 3,
			      .text = "x;x;x;");
	agent_expect_delivery(&second, "receive 2 share", .sequence = 4, .messages = 2,
			      .text = "x;x;");
	agent_expect_delivery(&first, "receive share", .sequence = 6, .messages = 2,
			      .text = "x;x;");
	agent_expect(&first, "ok", "acknowledge");
	agent_expect(&second, "ok", "acknowledge");
	agent_quit(&producer);
	agent_quit(&first);
	agent_quit(&second);
	cr_assert(!object_exists(name));
}

Test(share, message_of_a_dead_neighbour_comes_again_and_no_other, .timeout = 60)
{
	struct agent producer = agent_start(), first = agent_start(), second = agent_start();
	char name[NAME_SIZE];

	agent_expect(&first, "ok", "attach consumer %s", channel_name(name));
	agent_expect(&second, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "block 4 x");
	agent_expect_delivery(&first, "receive share", .sequence = 1, .text = "x;");
	agent_expect_delivery(&second, "receive share", .sequence = 2, .text = "x;");
	agent_kill(&first);
	agent_expect(&second, "ok", "look");
	agent_expect_delivery(&second, "receive share", .sequence = 1, .attempts = 2, .text = "x;");
	/* it is alone now */
	agent_expect_delivery(&second, "receive share", .sequence = 3, .messages = 2,
			      .text = "x;x;");
	agent_expect(&second, "ok", "acknowledge");
	agent_quit(&producer);
	agent_quit(&second);
	cr_assert(!object_exists(name));
}

/* The tools print one line each, in whatever order; nothing is lost and nothing comes twice. */
Test(share, printing_consumers_share_a_block, .timeout = 120)
{
	enum { LINES = 3000 };
	struct tool consumers[3], producer;
	struct agent holder = agent_start();
	char name[NAME_SIZE], *text = malloc(LINES * 8), *to = text;
	int seen[LINES] = { 0 }, input;

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	for (int i = 0; i < 3; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).consumers == 3);
	for (int i = 0; i < LINES; i++)
		to += sprintf(to, "%d\n", i);
	input = bytes_file(text, (size_t)(to - text));
	free(text);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	agent_quit(&holder);
	for (int i = 0; i < 3; i++) {
		char *output;

		cr_expect_eq(tool_end(&consumers[i]), 0);
		output = tool_output(&consumers[i], NULL);
		for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n"))
			seen[atoi(line)]++;
		free(output);
		tool_free(&consumers[i]);
	}
	for (int i = 0; i < LINES; i++)
		cr_assert_eq(seen[i], 1, "line %d came %d times", i, seen[i]);
	cr_assert(!object_exists(name));
}

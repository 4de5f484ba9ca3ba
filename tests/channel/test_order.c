/*
 * The orders of memory that the protocol relies on, as C11 promises them and not as this processor
 * keeps them: weak_order.c plays each scene with every value that a load may return.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/support.h"

/* Plays the scene of weak_order that has this name. */
static void play(const char *name)
{
	struct tool tool;
	char *output;

	tool = tool_start(tool_path("tests/weak_order"), name, NULL);
	if (tool_end_within(&tool, 100) != 0) { /* a sanitizer is slow */
		output = tool_output(&tool, NULL);
		cr_expect_fail("%s", output);
		free(output);
	}
	tool_free(&tool);
}

Test(order, the_machine_reorders_what_c11_lets_it_and_nothing_else, .timeout = 120)
{
	play("machine");
}

Test(order, a_mark_is_found_beside_a_lone_producer_though_looks_are_reordered, .timeout = 120)
{
	play("check");
}

Test(order, a_newcomer_that_the_lone_producer_never_saw_can_be_buried, .timeout = 120)
{
	play("bury");
}

Test(order, an_observer_sees_the_head_that_a_lone_producer_saw, .timeout = 120)
{
	play("observe-alone");
}

Test(order, an_observer_sees_the_frontier_that_another_producer_moved, .timeout = 120)
{
	play("observe-mutex");
}

Test(order, an_observer_sees_the_frontier_of_a_producer_that_has_left, .timeout = 120)
{
	play("observe-successor");
}

Test(order, a_number_that_dropped_messages_took_is_not_that_of_an_older_tail, .timeout = 120)
{
	play("drop");
}

Test(order, a_leaving_consumer_wakes_a_holder_of_the_turn_that_has_not_seen_head_move,
     .timeout = 120)
{
	play("turn");
}

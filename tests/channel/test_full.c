/* When the ring is full: producers that fail instead of waiting, and how the answer is chosen. */
#include <errno.h>
#include <string.h>

#include "tests/support/agents.h"
#include "tests/support/full_ring.h"
#include "tests/support/support.h"

/* ---- fail ---- */

Test(full, fail_exits_3_when_there_is_no_room_and_sends_when_there_is, .timeout = 60)
{
	struct agent consumer = agent_start(), filler;
	char name[NAME_SIZE];
	struct tool tool;

	filler = filler_start(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", "fail", "x"), 3);
	expect_errors_contain(&tool, "it is full");
	tool_free(&tool);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", "fail", "x"), 0);
	tool_free(&tool);
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "x");
	agent_quit(&filler);
	all_end(name, &consumer);
}

Test(full, fail_and_drop_new_wait_for_a_lock_all_the_same, .timeout = 60)
{
	struct agent holder = agent_start(), fail = agent_start(), drop = agent_start();
	struct agent consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail timeout=200", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new timeout=200", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&holder, "ok", "lock producer");
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	cr_expect_str_eq(agent_hear(&fail), "error ETIMEDOUT");
	cr_expect_str_eq(agent_hear(&drop), "error ETIMEDOUT");
	agent_expect(&holder, "ok", "unlock producer");
	agent_expect(&fail, "ok", "send three");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "three");
	agent_quit(&holder);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* The holder of the turn writes its block; it does not wait for room. */
Test(full, fail_and_drop_new_wait_while_the_holder_of_the_turn_works, .timeout = 60)
{
	struct agent worker = agent_start(), fail = agent_start(), drop = agent_start();
	struct agent consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&worker, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&worker, "ok", "reserve 100");
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_turn) == 2);
	agent_expect(&worker, "ok", "commit 100");
	cr_expect_str_eq(agent_hear(&fail), "ok");
	cr_expect_str_eq(agent_hear(&drop), "ok");
	for (int i = 0; i < 3; i++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_quit(&worker);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/* The producer that came first waits for room: then there is none for those after it. */
Test(full, fail_and_drop_new_do_not_wait_with_a_producer_that_waits_for_room, .timeout = 60)
{
	struct agent filler, fail = agent_start(), drop = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	filler = filler_start(name);
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_tell(&filler, "send waits");
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	agent_expect(&fail, "error EAGAIN", "send x");
	agent_expect(&drop, "dropped", "send x");
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	filler_take(&consumer);
	cr_expect_str_eq(agent_hear(&filler), "ok");
	/* the second was dropped */
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "waits");
	agent_expect(&fail, "ok", "send y");
	agent_expect_delivery(&consumer, "receive", .sequence = 4, .text = "y");
	agent_quit(&filler);
	agent_quit(&fail);
	agent_quit(&drop);
	all_end(name, &consumer);
}

/*
 * The holder of the turn waits awake: its request is there, without bit 0. The request is a reason
 * to refuse as long as head has not reached it. A holder that has got its room, and was held up
 * before it withdrew the request, counts as a producer at work.
 */
Test(full, a_request_without_its_bit_counts_until_head_has_reached_it, .timeout = 60)
{
	struct agent worker = agent_start(), fail = agent_start(), drop = agent_start(),
		     old = agent_start(), consumer = agent_start();
	uint64_t met = 8, unmet = 1 << 20;
	char name[NAME_SIZE];

	agent_expect(&worker, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&fail, "ok", "attach producer %s fail", name);
	agent_expect(&drop, "ok", "attach producer %s drop-new", name);
	agent_expect(&old, "ok", "attach producer %s drop-old", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&worker, "ok", "send first");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "first");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&worker, "ok", "reserve 100");
	object_write(name, OFFSET(producers.room_wanted), &unmet, sizeof(unmet));
	agent_expect(&fail, "error EAGAIN", "send x");
	agent_expect(&drop, "dropped", "send x");
	object_write(name, OFFSET(producers.room_wanted), &met, sizeof(met));
	agent_tell(&fail, "send one");
	agent_tell(&drop, "send two");
	agent_tell(&old, "send three");
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_turn) == 3);
	agent_expect(&worker, "ok", "commit 100");
	cr_expect_str_eq(agent_hear(&fail), "ok");
	cr_expect_str_eq(agent_hear(&drop), "ok");
	cr_expect_str_eq(agent_hear(&old), "ok");
	cr_expect_eq(object_look(name).room_wanted, 0);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(strncmp(agent_ask(&consumer, "receive"), "ok ", 3), 0);
	agent_quit(&worker);
	agent_quit(&fail);
	agent_quit(&drop);
	agent_quit(&old);
	all_end(name, &consumer);
}

/* ---- usage ---- */

Test(full, a_bad_answer_to_a_full_ring_is_a_usage_error, .timeout = 60)
{
	static const char *const bad[] = { "", "never", "drop", "drop-old-new", "Block" };
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--when-full", bad[i], "x"),
			     2);
		expect_errors_contain(&tool, "block, fail, drop-new or drop-old");
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", "--when-full", "block", "x"),
		     2);
	expect_errors_contain(&tool, "--when-full block waits, --nonblock never does");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", "--when-full", "fail", "x"),
		     0);
	tool_free(&tool);
	object_remove(name);
}

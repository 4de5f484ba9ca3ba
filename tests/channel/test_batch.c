/* A lone consumer claims several records at once; no other process may notice. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <string.h>

enum { QUICK = 20, MESSAGES = 60 };

/*
 * A producer that has sent MESSAGES messages, and a consumer that has taken QUICK of them and
 * claims many at once.
 */
struct pair {
	char name[NAME_SIZE];
	struct agent producer, consumer;
};

static void receive_expect(struct agent *consumer, unsigned sequence, unsigned attempts)
{
	agent_expect_delivery(consumer, "receive dontwait", .sequence = sequence,
			      .attempts = attempts, .text = "word");
}

static struct pair pair_start(void)
{
	struct pair pair = { .producer = agent_start(), .consumer = agent_start() };

	agent_expect(&pair.producer, "ok", "attach producer %s", channel_name(pair.name));
	agent_expect(&pair.consumer, "ok", "attach consumer %s", pair.name);
	for (int i = 0; i < MESSAGES; i++)
		agent_expect(&pair.producer, "ok", "send word");
	for (unsigned i = 1; i <= QUICK; i++)
		receive_expect(&pair.consumer, i, 1);
	return pair;
}

/* Receives the rest; then both processes end. */
static void pair_end(struct pair *pair, struct agent *consumer, unsigned next)
{
	for (unsigned i = next; i <= MESSAGES; i++)
		receive_expect(consumer, i, 1);
	agent_expect(consumer, "ok", "acknowledge");
	agent_quit(&pair->producer);
	agent_quit(consumer);
	cr_assert(!object_exists(pair->name));
}

Test(batch, a_newcomer_gets_what_was_claimed_and_not_delivered, .timeout = 60)
{
	struct pair pair = pair_start();
	struct agent newcomer = agent_start();

	agent_expect(&newcomer, "ok", "attach consumer %s", pair.name);
	receive_expect(&pair.consumer, QUICK + 1, 1);
	receive_expect(&newcomer, QUICK + 2, 1);
	receive_expect(&pair.consumer, QUICK + 3, 1);
	agent_expect(&newcomer, "ok", "acknowledge");
	agent_quit(&newcomer);
	pair_end(&pair, &pair.consumer, QUICK + 4);
}

Test(batch, acknowledging_each_message_leaves_the_rest_as_it_was, .timeout = 60)
{
	struct pair pair = pair_start();
	unsigned next = QUICK + 1;

	for (; next <= QUICK + 10; next++) {
		receive_expect(&pair.consumer, next, 1);
		agent_expect(&pair.consumer, "ok", "acknowledge");
		cr_expect_eq(object_look(pair.name).orphans, 0);
	}
	pair_end(&pair, &pair.consumer, next);
}

Test(batch, a_consumer_that_leaves_after_acknowledging_leaves_no_orphan, .timeout = 60)
{
	struct pair pair = pair_start();
	struct agent next = agent_start();

	agent_expect(&pair.consumer, "ok", "interrupt");
	agent_expect(&pair.consumer, "error EINTR", "receive");
	agent_expect(&pair.consumer, "ok", "acknowledge");
	cr_expect_eq(object_look(pair.name).claims, 0);
	agent_quit(&pair.consumer);
	agent_expect(&next, "ok", "attach consumer %s", pair.name);
	pair_end(&pair, &next, QUICK + 1);
}

/* What was delivered comes again, and says so; what was only claimed comes for the first time. */
Test(batch, a_consumer_gives_back_what_was_delivered, .timeout = 60)
{
	struct pair pair = pair_start();

	agent_expect(&pair.consumer, "ok", "give 0");
	receive_expect(&pair.consumer, QUICK, 2);
	pair_end(&pair, &pair.consumer, QUICK + 1);
}

/*
 * The same rule beside other consumers: they get what was only claimed as if it had not been
 * claimed.
 */
Test(batch, the_rest_of_a_block_that_is_given_back_has_been_delivered, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start(), other = agent_start();

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "block 4 w");
	agent_expect_delivery(&consumer, "receive dontwait", .sequence = 1, .messages = 4,
			      .text = "w;w;w;w;");
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect(&consumer, "ok", "give 2");
	agent_expect_delivery(&other, "receive dontwait", .sequence = 3, .messages = 2,
			      .attempts = 2, .text = "w;w;");
	agent_expect(&other, "ok", "acknowledge");
	agent_quit(&consumer);
	agent_quit(&other);
	agent_quit(&producer);
	cr_assert(!object_exists(name));
}

/*
 * A claim that ends moves head in the critical section that begins the next claim: a producer that
 * waits for room sees it.
 */
Test(batch, head_moves_when_a_claim_ends_and_only_then, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	uint64_t record;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "send word");
	record = object_look(name).tail;
	for (unsigned i = 1; i < 4; i++)
		agent_expect(&producer, "ok", "send word");
	receive_expect(&consumer, 1, 1); /* a claim of one record, then one of two */
	cr_expect_eq(object_look(name).head, 0);
	receive_expect(&consumer, 2, 1);
	cr_expect_eq(object_look(name).head, record);
	receive_expect(&consumer, 3, 1);
	cr_expect_eq(object_look(name).head, record);
	receive_expect(&consumer, 4, 1);
	cr_expect_eq(object_look(name).head, 3 * record);
	agent_expect(&consumer, "ok", "acknowledge");
	cr_expect_eq(object_look(name).head, 4 * record);
	agent_quit(&producer);
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

Test(batch, what_is_acknowledged_is_room_for_a_producer_that_does_not_wait, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();
	int sent = 0, free = 0;

	agent_expect(&producer, "ok", "attach producer %s size=4096 nonblock", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	while (strcmp(agent_ask(&producer, "send word"), "ok") == 0)
		sent++;
	for (unsigned i = 1; i <= QUICK + 1; i++)
		receive_expect(&consumer, i, 1);
	while (strcmp(agent_ask(&producer, "send word"), "ok") == 0)
		free++;
	cr_expect_eq(free, QUICK); /* all but the message in hand */
	agent_kill(&consumer);
	agent_quit(&producer);
	cr_expect_gt(sent, QUICK);
	object_remove(name);
}

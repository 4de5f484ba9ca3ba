/* Deliveries of several messages out of several records, and attempts at one delivery. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

/* Sends two blocks and two single messages: "a;" 1 to 3, "b", "c;" 5 to 7, "d". */
static void send_mixture(struct agent *producer)
{
	agent_expect(producer, "ok", "block 3 a");
	agent_expect(producer, "ok", "send b");
	agent_expect(producer, "ok", "block 3 c");
	agent_expect(producer, "ok", "send d");
}

static void pair_start(struct agent *producer, struct agent *consumer, char name[NAME_SIZE])
{
	*producer = agent_start();
	*consumer = agent_start();
	agent_expect(producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(consumer, "ok", "attach consumer %s", name);
}

static void pair_end(struct agent *producer, struct agent *consumer, const char *name)
{
	agent_quit(producer);
	agent_quit(consumer);
	cr_expect_not(object_exists(name));
}

Test(together, delivery_goes_over_records_and_into_the_next, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	send_mixture(&producer);
	agent_expect_delivery(&consumer, "receive 5 together", .sequence = 1, .messages = 3,
			      .text = "a;a;a;");
	agent_expect_delivery(&consumer, "more", .sequence = 4, .text = "b");
	agent_expect_delivery(&consumer, "more", .sequence = 5, .text = "c;");
	agent_expect(&consumer, "ended", "more");
	cr_expect_eq(object_look(name).claims, 1);
	agent_expect_delivery(&consumer, "receive 5 together", .sequence = 6, .messages = 2,
			      .text = "c;c;");
	agent_expect_delivery(&consumer, "more", .sequence = 8, .text = "d");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "valid");
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	pair_end(&producer, &consumer, name);
}

Test(together, all_of_it_comes_again_when_its_holder_dies, .timeout = 60)
{
	struct agent producer, consumer, successor = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	send_mixture(&producer);
	agent_expect_delivery(&consumer, "receive 5 together", .sequence = 1, .messages = 3,
			      .text = "a;a;a;");
	agent_expect_delivery(&consumer, "more", .sequence = 4, .text = "b");
	agent_kill(&consumer);
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect_delivery(&successor, "receive 5 together", .sequence = 1, .messages = 3,
			      .attempts = 2, .text = "a;a;a;");
	agent_expect_delivery(&successor, "more", .sequence = 4, .attempts = 2, .text = "b");
	agent_expect_delivery(&successor, "more", .sequence = 5, .attempts = 2, .text = "c;");
	agent_expect(&successor, "ended", "more");
	agent_expect_delivery(&successor, "receive 2 together", .sequence = 6, .messages = 2,
			      .text = "c;c;");
	agent_expect(&successor, "ok", "acknowledge");
	agent_expect_delivery(&successor, "receive", .sequence = 8, .text = "d");
	agent_expect(&successor, "ok", "acknowledge");
	pair_end(&producer, &successor, name);
}

/*
 * What was in hand keeps its mark also if the successor takes it in other portions, and dies, too.
 */
Test(together, successors_that_take_less_know_that_it_was_delivered, .timeout = 60)
{
	struct agent producer, consumer, successor = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	send_mixture(&producer);
	agent_expect_delivery(&consumer, "receive 8 together", .sequence = 1, .messages = 3,
			      .text = "a;a;a;");
	agent_kill(&consumer);
	for (unsigned i = 2; i < 5; i++) { /* the first message kills each consumer */
		successor = agent_start();
		agent_expect(&successor, "ok", "attach consumer %s", name);
		agent_expect_delivery(&successor, "receive 1 share", .sequence = 1, .attempts = i,
				      .text = "a;");
		agent_kill(&successor);
	}
	successor = agent_start();
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect_delivery(&successor, "receive 1", .sequence = 1, .attempts = 5, .text = "a;");
	/* these have attempts of their own */
	agent_expect_delivery(&successor, "receive 3 together", .sequence = 2, .messages = 2,
			      .attempts = 2, .text = "a;a;");
	agent_expect_delivery(&successor, "more", .sequence = 4, .attempts = 2, .text = "b");
	agent_expect(&successor, "ended", "more");
	agent_expect(&successor, "ok", "give 0");
	agent_expect_delivery(&successor, "receive", .sequence = 2, .messages = 2, .attempts = 3,
			      .text = "a;a;");
	agent_expect_delivery(&successor, "receive", .sequence = 4, .attempts = 3, .text = "b");
	agent_expect_delivery(&successor, "receive", .sequence = 5, .messages = 3, .attempts = 2,
			      .text = "c;c;c;");
	agent_expect_delivery(&successor, "receive", .sequence = 8, .attempts = 2, .text = "d");
	agent_expect(&successor, "ok", "acknowledge");
	pair_end(&producer, &successor, name);
}

Test(together, a_long_message_comes_alone, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	agent_expect(&producer, "ok", "send before");
	agent_expect(&producer, "ok", "piece 100 more");
	agent_expect_delivery(&consumer, "receive 10 together", .sequence = 1, .text = "before");
	agent_expect(&consumer, "ended", "more");
	agent_ask(&consumer, "receive 10 together");
	agent_expect(&consumer, "ok", "check");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&producer, "ok", "piece 50 last");
	agent_ask(&consumer, "receive 10 together");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "acknowledge");
	pair_end(&producer, &consumer, name);
}

Test(together, a_gathering_consumer_waits_until_there_are_enough, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	producer = agent_start();
	consumer = agent_start();
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s gather=100000", name);
	agent_tell(&consumer, "receive 3 together");
	agent_expect(&producer, "ok", "send a");
	agent_expect(&producer, "ok", "send b");
	/* A gathering consumer takes no wake-up from a consumer that would act. */
	WAIT_FOR(object_look(name).waiting_data == 0);
	cr_expect_not(agent_answered(&consumer));
	cr_expect_eq(object_look(name).claims, 0);
	agent_expect(&producer, "ok", "send c");
	expect_delivery(agent_hear(&consumer), .sequence = 1, .text = "a");
	agent_expect_delivery(&consumer, "more", .sequence = 2, .text = "b");
	agent_expect_delivery(&consumer, "more", .sequence = 3, .text = "c");
	agent_expect(&consumer, "ended", "more");
	/* The end of the stream is the end of waiting. */
	agent_tell(&consumer, "receive 3 together");
	agent_expect(&producer, "ok", "send d");
	WAIT_FOR(object_look(name).claims == 0 && object_look(name).waiting_data == 0);
	agent_quit(&producer);
	expect_delivery(agent_hear(&consumer), .sequence = 4, .text = "d");
	agent_expect(&consumer, "ended", "receive 3 together");
	agent_quit(&consumer);
	cr_expect_not(object_exists(name));
}

Test(together, a_gathering_consumer_does_not_keep_messages_from_others, .timeout = 60)
{
	struct agent producer, consumer, other = agent_start();
	char name[NAME_SIZE];

	producer = agent_start();
	consumer = agent_start();
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s gather=100000 share=9", name);
	agent_tell(&consumer, "receive 2 together share");
	agent_expect(&producer, "ok", "send a");
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive", .sequence = 1, .text = "a");
	agent_expect(&other, "ok", "acknowledge");
	cr_expect_not(agent_answered(&consumer));
	agent_tell(&consumer, "nothing"); /* the producer's answer comes second */
	agent_quit(&producer);
	cr_assert_str_eq(agent_hear(&consumer), "ended");
	cr_assert_str_eq(agent_hear(&consumer), "what? nothing");
	agent_quit(&other);
	agent_quit(&consumer);
	cr_expect_not(object_exists(name));
}

Test(together, gathering_ends_in_time_and_when_the_ring_is_full, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	producer = agent_start();
	consumer = agent_start();
	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s gather=20", name);
	agent_expect(&producer, "ok", "send a");
	agent_expect_delivery(&consumer, "receive 3 together", .sequence = 1, .text = "a");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&consumer, "ok", "detach");
	agent_expect(&consumer, "ok", "attach consumer %s gather=100000", name);
	agent_tell(&consumer, "receive 3 together");
	agent_expect(&producer, "ok", "sendn 3000");
	agent_tell(&producer, "sendn 3000");
	expect_delivery(agent_hear(&consumer), .sequence = 2, .size = 3000);
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "acknowledge");
	cr_assert_str_eq(agent_hear(&producer), "ok");
	/* An interrupted receive has nothing in hand. */
	agent_tell(&consumer, "receive 3 together");
	cr_expect_eq(object_look(name).claims, 0);
	agent_quit(&producer);
	agent_hear(&consumer);
	agent_expect(&consumer, "ok", "acknowledge");
	agent_quit(&consumer);
	cr_expect_not(object_exists(name));
}

/* ---- attempts ---- */

Test(together, attempts_are_counted_in_the_channel, .timeout = 60)
{
	struct agent producer, consumer, successor = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	agent_expect(&producer, "ok", "send a");
	agent_expect(&producer, "ok", "send b");
	agent_expect(&consumer, "error 22", "retry");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "a");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect(&consumer, "ok 3", "retry");
	agent_kill(&consumer);
	agent_expect(&successor, "ok", "attach consumer %s", name);
	agent_expect_delivery(&successor, "receive", .sequence = 1, .attempts = 4, .text = "a");
	agent_expect(&successor, "ok 5", "retry");
	agent_expect(&successor, "ok", "give 0");
	agent_expect_delivery(&successor, "receive", .sequence = 1, .attempts = 6, .text = "a");
	agent_expect_delivery(&successor, "receive", .sequence = 2, .text = "b");
	agent_expect(&successor, "ok", "acknowledge");
	pair_end(&producer, &successor, name);
}

Test(together, attempts_are_not_inherited_within_a_claim, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	for (int i = 0; i < 4; i++) /* quick: it claims several at once */
		agent_expect(&producer, "ok", "send x");
	for (int i = 0; i < 4; i++)
		agent_ask(&consumer, "receive");
	for (int i = 0; i < 4; i++)
		agent_expect(&producer, "ok", "send y");
	agent_expect_delivery(&consumer, "receive", .sequence = 5, .text = "y");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect_delivery(&consumer, "receive", .sequence = 6, .text = "y");
	agent_expect_delivery(&consumer, "receive", .sequence = 7, .text = "y");
	agent_expect_delivery(&consumer, "receive", .sequence = 8, .text = "y");
	agent_expect(&producer, "ok", "block 3 z");
	agent_expect_delivery(&consumer, "receive", .sequence = 9, .messages = 3, .text = "z;z;z;");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect(&consumer, "ok", "give 1");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 10, .attempts = 3, .text = "z;");
	agent_expect(&consumer, "ok 4", "retry");
	agent_expect_delivery(&consumer, "receive 1", .sequence = 11, .attempts = 3, .text = "z;");
	agent_expect(&consumer, "ok", "acknowledge");
	pair_end(&producer, &consumer, name);
}

Test(together, epoch_tells_channels_of_one_name_apart, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE], epoch[64];

	pair_start(&producer, &consumer, name);
	strcpy(epoch, agent_ask(&producer, "epoch"));
	cr_expect_str_eq(agent_ask(&consumer, "epoch"), epoch);
	agent_expect(&producer, "ok", "detach");
	agent_expect(&producer, "ok 0", "epoch");
	agent_expect(&consumer, "ended", "receive");
	agent_expect(&consumer, "ok", "detach");
	cr_expect_not(object_exists(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	cr_expect_gt(strtoull(agent_ask(&consumer, "epoch") + 3, NULL, 10),
		     strtoull(epoch + 3, NULL, 10));
	agent_quit(&consumer);
	agent_quit(&producer);
	cr_expect_not(object_exists(name));
}

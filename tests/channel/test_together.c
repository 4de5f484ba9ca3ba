/* Deliveries of several messages out of several records, and attempts at one delivery. */
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

/* Two blocks and two single messages: "a;" 1 to 3, "b", "c;" 5 to 7, "d". */
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
	agent_expect(&consumer, "ok 1 3 6 1 FL- a;a;a;", "receive 5 together");
	agent_expect(&consumer, "ok 4 1 1 1 FL- b", "more");
	agent_expect(&consumer, "ok 5 1 2 1 FL- c;", "more");
	agent_expect(&consumer, "ended", "more");
	cr_expect_eq(object_look(name).claims, 1);
	agent_expect(&consumer, "ok 6 2 4 1 FL- c;c;", "receive 5 together");
	agent_expect(&consumer, "ok 8 1 1 1 FL- d", "more");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "valid");
	cr_expect_eq(object_look(name).head, object_look(name).tail);
	pair_end(&producer, &consumer, name);
}

Test(together, all_of_it_comes_again_when_its_holder_dies, .timeout = 60)
{
	struct agent producer, consumer, heir = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	send_mixture(&producer);
	agent_expect(&consumer, "ok 1 3 6 1 FL- a;a;a;", "receive 5 together");
	agent_expect(&consumer, "ok 4 1 1 1 FL- b", "more");
	agent_kill(&consumer);
	agent_expect(&heir, "ok", "attach consumer %s", name);
	agent_expect(&heir, "ok 1 3 6 2 FL- a;a;a;", "receive 5 together");
	agent_expect(&heir, "ok 4 1 1 2 FL- b", "more");
	agent_expect(&heir, "ok 5 1 2 2 FL- c;", "more");
	agent_expect(&heir, "ended", "more");
	agent_expect(&heir, "ok 6 2 4 1 FL- c;c;", "receive 2 together");
	agent_expect(&heir, "ok", "acknowledge");
	agent_expect(&heir, "ok 8 1 1 1 FL- d", "receive");
	agent_expect(&heir, "ok", "acknowledge");
	pair_end(&producer, &heir, name);
}

/* What was in hand keeps its mark also if the heir takes it in other portions, and dies, too. */
Test(together, heirs_that_take_less_know_that_it_was_delivered, .timeout = 60)
{
	struct agent producer, consumer, heir = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	send_mixture(&producer);
	agent_expect(&consumer, "ok 1 3 6 1 FL- a;a;a;", "receive 8 together");
	agent_kill(&consumer);
	for (int i = 2; i < 5; i++) { /* the first one is poison */
		heir = agent_start();
		agent_expect(&heir, "ok", "attach consumer %s", name);
		cr_expect_eq(atoi(agent_ask(&heir, "receive 1 share") + strlen("ok 1 1 2 ")), i);
		agent_kill(&heir);
	}
	heir = agent_start();
	agent_expect(&heir, "ok", "attach consumer %s", name);
	agent_expect(&heir, "ok 1 1 2 5 FL- a;", "receive 1");
	agent_expect(&heir, "ok 2 2 4 2 FL- a;a;", "receive 3 together"); /* not its attempts */
	agent_expect(&heir, "ok 4 1 1 2 FL- b", "more");
	agent_expect(&heir, "ended", "more");
	agent_expect(&heir, "ok", "give 0");
	agent_expect(&heir, "ok 2 2 4 3 FL- a;a;", "receive");
	agent_expect(&heir, "ok 4 1 1 3 FL- b", "receive");
	agent_expect(&heir, "ok 5 3 6 2 FL- c;c;c;", "receive");
	agent_expect(&heir, "ok 8 1 1 2 FL- d", "receive");
	agent_expect(&heir, "ok", "acknowledge");
	pair_end(&producer, &heir, name);
}

Test(together, a_long_message_comes_alone, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	agent_expect(&producer, "ok", "send before");
	agent_expect(&producer, "ok", "piece 100 more");
	agent_expect(&consumer, "ok 1 1 6 1 FL- before", "receive 10 together");
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

Test(together, who_gathers_waits_until_there_are_enough, .timeout = 60)
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
	/* It sleeps on nothing that a consumer who would act could miss. */
	WAIT_FOR(object_look(name).waiting_data == 0);
	cr_expect_not(agent_answered(&consumer));
	cr_expect_eq(object_look(name).claims, 0);
	agent_expect(&producer, "ok", "send c");
	cr_assert_str_eq(agent_hear(&consumer), "ok 1 1 1 1 FL- a");
	agent_expect(&consumer, "ok 2 1 1 1 FL- b", "more");
	agent_expect(&consumer, "ok 3 1 1 1 FL- c", "more");
	agent_expect(&consumer, "ended", "more");
	/* The end of the stream is the end of waiting. */
	agent_tell(&consumer, "receive 3 together");
	agent_expect(&producer, "ok", "send d");
	WAIT_FOR(object_look(name).claims == 0 && object_look(name).waiting_data == 0);
	agent_quit(&producer);
	cr_assert_str_eq(agent_hear(&consumer), "ok 4 1 1 1 FL- d");
	agent_expect(&consumer, "ended", "receive 3 together");
	agent_quit(&consumer);
	cr_expect_not(object_exists(name));
}

Test(together, who_gathers_does_not_keep_messages_from_others, .timeout = 60)
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
	agent_expect(&other, "ok 1 1 1 1 FL- a", "receive");
	agent_expect(&other, "ok", "acknowledge");
	cr_expect_not(agent_answered(&consumer));
	agent_tell(&consumer, "nothing"); /* its answer comes second */
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
	agent_expect(&consumer, "ok 1 1 1 1 FL- a", "receive 3 together");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_expect(&consumer, "ok", "detach");
	agent_expect(&consumer, "ok", "attach consumer %s gather=100000", name);
	agent_tell(&consumer, "receive 3 together");
	agent_expect(&producer, "ok", "sendn 3000");
	agent_tell(&producer, "sendn 3000");
	cr_assert_eq(strncmp(agent_hear(&consumer), "ok 2 1 3000 1", 13), 0);
	agent_expect(&consumer, "ended", "more");
	agent_expect(&consumer, "ok", "acknowledge");
	cr_assert_str_eq(agent_hear(&producer), "ok");
	/* An interrupted one has nothing in hand. */
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
	struct agent producer, consumer, heir = agent_start();
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	agent_expect(&producer, "ok", "send a");
	agent_expect(&producer, "ok", "send b");
	agent_expect(&consumer, "error 22", "retry");
	agent_expect(&consumer, "ok 1 1 1 1 FL- a", "receive");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect(&consumer, "ok 3", "retry");
	agent_kill(&consumer);
	agent_expect(&heir, "ok", "attach consumer %s", name);
	agent_expect(&heir, "ok 1 1 1 4 FL- a", "receive");
	agent_expect(&heir, "ok 5", "retry");
	agent_expect(&heir, "ok", "give 0");
	agent_expect(&heir, "ok 1 1 1 6 FL- a", "receive");
	agent_expect(&heir, "ok 2 1 1 1 FL- b", "receive");
	agent_expect(&heir, "ok", "acknowledge");
	pair_end(&producer, &heir, name);
}

Test(together, attempts_are_not_inherited_within_a_claim, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	pair_start(&producer, &consumer, name);
	for (int i = 0; i < 4; i++) /* quick: it claims several records at once */
		agent_expect(&producer, "ok", "send x");
	for (int i = 0; i < 4; i++)
		agent_ask(&consumer, "receive");
	for (int i = 0; i < 4; i++)
		agent_expect(&producer, "ok", "send y");
	agent_expect(&consumer, "ok 5 1 1 1 FL- y", "receive");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect(&consumer, "ok 6 1 1 1 FL- y", "receive");
	agent_expect(&consumer, "ok 7 1 1 1 FL- y", "receive");
	agent_expect(&consumer, "ok 8 1 1 1 FL- y", "receive");
	agent_expect(&producer, "ok", "block 3 z");
	agent_expect(&consumer, "ok 9 3 6 1 FL- z;z;z;", "receive");
	agent_expect(&consumer, "ok 2", "retry");
	agent_expect(&consumer, "ok", "give 1");
	agent_expect(&consumer, "ok 10 1 2 3 FL- z;", "receive 1");
	agent_expect(&consumer, "ok 4", "retry");
	agent_expect(&consumer, "ok 11 1 2 3 FL- z;", "receive 1");
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

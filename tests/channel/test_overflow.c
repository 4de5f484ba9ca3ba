/* Whole channels whose positions pass 2^64. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel/ring.h"
#include "tests/support/agents.h"
#include "tests/support/support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Multiples of 8: the overflow falls between records, into a header, into a payload. */
static const uint64_t channel_starts[] = { UINT64_C(18446744073709551560),
					   UINT64_C(0) - 8,
					   UINT64_C(0) - 16,
					   UINT64_C(0) - 32,
					   UINT64_C(0) - 64,
					   UINT64_C(0) - 4096 };

struct pair {
	struct agent producer, consumer;
	char name[NAME_SIZE];
};

static void pair_start(struct pair *pair, uint64_t first)
{
	pair->producer = agent_start();
	pair->consumer = agent_start();
	channel_name(pair->name);
	agent_expect(&pair->producer, "ok", "attach producer %s size=4096 first=%llu", pair->name,
		     (unsigned long long)first);
	agent_expect(&pair->consumer, "ok", "attach consumer %s", pair->name);
	cr_assert_eq(object_look(pair->name).tail, first);
}

/* After everything was received: the stream ends, and nothing stays. */
static void pair_end(struct pair *pair)
{
	agent_expect(&pair->consumer, "error EAGAIN", "receive dontwait");
	agent_expect(&pair->consumer, "ok", "valid");
	agent_quit(&pair->producer);
	agent_expect(&pair->consumer, "ended", "receive");
	agent_quit(&pair->consumer);
	cr_assert_not(object_exists(pair->name));
}

Test(overflow, messages_cross_a_channel_whose_positions_overflow, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(channel_starts); i++) {
		struct pair pair;
		uint64_t end = channel_starts[i];

		pair_start(&pair, channel_starts[i]);
		for (unsigned n = 1; n <= 200; n++) {
			char text[64];

			snprintf(text, sizeof(text), "message %u%.*s", n, (int)(n % 40),
				 "........................................");
			agent_expect(&pair.producer, "ok", "send %s", text);
			agent_expect_delivery(&pair.consumer, "receive", .sequence = n,
					      .text = text);
			end += ring_record_bytes(strlen(text));
		}
		agent_expect(&pair.consumer, "ok", "acknowledge");
		cr_assert_eq(object_look(pair.name).tail, end);
		cr_assert_eq(object_look(pair.name).head, end);
		cr_assert_lt(end, channel_starts[i], "it did not overflow");
		pair_end(&pair);
	}
}

Test(overflow, blocks_are_taken_apart_across_the_overflow, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(channel_starts); i++) {
		struct pair pair;

		pair_start(&pair, channel_starts[i]);
		agent_expect(&pair.producer, "ok", "block 10 ab");
		agent_expect(&pair.producer, "ok", "block 10 cd");
		agent_expect_delivery(&pair.consumer, "receive 4", .sequence = 1, .messages = 4,
				      .text = "ab;ab;ab;ab;");
		agent_expect_delivery(&pair.consumer, "receive 9", .sequence = 5, .messages = 6,
				      .text = "ab;ab;ab;ab;ab;ab;");
		agent_expect(&pair.consumer, "ok", "valid");
		agent_expect_delivery(&pair.consumer, "receive 9", .sequence = 11, .messages = 9,
				      .text = "cd;cd;cd;cd;cd;cd;cd;cd;cd;");
		agent_expect(&pair.consumer, "ok", "valid");
		agent_expect_delivery(&pair.consumer, "receive 9", .sequence = 20, .text = "cd;");
		agent_expect(&pair.consumer, "ok", "acknowledge");
		pair_end(&pair);
	}
}

Test(overflow, a_full_ring_makes_the_producer_wait_across_the_overflow, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(channel_starts); i++) {
		struct pair pair;

		pair_start(&pair, channel_starts[i]);
		for (unsigned n = 1; n <= 20; n++) {
			/*
			 * the first message fills the ring but for 64 bytes; the second does not
			 * fit
			 */
			agent_expect(&pair.producer, "ok", "sendn %d", 4096 - 24 - 64);
			agent_tell(&pair.producer, "sendn %u", 50 + n);
			WAIT_FOR(object_look(pair.name).room_wanted != 0);
			cr_assert_not(agent_answered(&pair.producer));
			agent_expect_delivery(&pair.consumer, "receive", .sequence = 2 * n - 1,
					      .size = 4008);
			agent_expect(&pair.consumer, "ok", "check");
			agent_expect(&pair.consumer, "ok", "acknowledge");
			cr_assert_str_eq(agent_hear(&pair.producer), "ok");
			agent_expect_delivery(&pair.consumer, "receive", .sequence = 2 * n,
					      .size = 50 + n);
			agent_expect(&pair.consumer, "ok", "check");
			agent_expect(&pair.consumer, "ok", "acknowledge");
		}
		pair_end(&pair);
	}
}

Test(overflow, a_message_longer_than_the_ring_streams_across_the_overflow, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(channel_starts); i++) {
		struct pair pair;
		size_t received = 0;
		bool last = false;

		pair_start(&pair, channel_starts[i]);
		agent_tell(&pair.producer, "sendn 20001");
		while (!last) {
			struct delivery piece = delivery_read(agent_ask(&pair.consumer, "receive"));

			cr_assert_eq(piece.sequence, 1);
			cr_assert_eq(piece.part == FIRST_PART, received == 0);
			received += piece.size;
			last = piece.part == LAST_PART;
		}
		cr_assert_eq(received, 20001);
		agent_expect(&pair.consumer, "ok", "acknowledge");
		cr_assert_str_eq(agent_hear(&pair.producer), "ok");
		agent_expect(&pair.producer, "ok", "send after");
		agent_expect_delivery(&pair.consumer, "receive", .sequence = 2, .text = "after");
		agent_expect(&pair.consumer, "ok", "acknowledge");
		pair_end(&pair);
	}
}

Test(overflow, a_claim_across_the_overflow_is_delivered_again_after_a_death, .timeout = 60)
{
	for (size_t i = 0; i < COUNT_OF(channel_starts); i++) {
		struct pair pair;
		struct agent second = agent_start();

		pair_start(&pair, channel_starts[i]);
		agent_expect(&second, "ok", "attach consumer %s", pair.name);
		for (unsigned n = 1; n <= 3; n++)
			agent_expect(&pair.producer, "ok", "block 9 %u%u%u", n, n, n);
		agent_expect_delivery(&pair.consumer, "receive 2", .sequence = 1, .messages = 2,
				      .text = "111;111;");
		agent_expect_delivery(&second, "receive", .sequence = 3, .messages = 7,
				      .text = "111;111;111;111;111;111;111;");
		agent_kill(&pair.consumer);
		pair.consumer = second;
		agent_expect(&second, "ok", "look");
		cr_assert_eq(object_look(pair.name).orphans, 1);
		agent_expect(&second, "ok", "valid");
		agent_expect_delivery(&second, "receive", .sequence = 1, .messages = 2,
				      .attempts = 2, .text = "111;111;");
		agent_expect_delivery(&second, "receive", .sequence = 10, .messages = 9,
				      .text = "222;222;222;222;222;222;222;222;222;");
		cr_assert_eq(object_look(pair.name).head, channel_starts[i] + 64);
		agent_expect_delivery(&second, "receive", .sequence = 19, .messages = 9,
				      .text = "333;333;333;333;333;333;333;333;333;");
		agent_expect(&second, "ok", "acknowledge");
		pair.consumer = second;
		pair_end(&pair);
	}
}

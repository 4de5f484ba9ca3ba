/* Values that no process would write: they are refused by name, or work goes on. It never hangs. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Test(damage, turn_of_a_producer_that_is_not_there_is_taken_back, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	uint32_t nobody = 8, nonsense = 77;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "attach producer %s timeout=5000", name);
	object_write(name, OFFSET(producers.turn), &nobody, sizeof(nobody));
	agent_expect(&producer, "ok", "send x");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "x");
	object_write(name, OFFSET(producers.turn), &nonsense, sizeof(nonsense));
	agent_expect(&producer, "error DAMAGED", "send y");
	agent_quit(&producer);
	agent_quit(&consumer);
	object_remove(name);
}

Test(damage, claim_of_a_consumer_that_is_not_there_is_orphaned, .timeout = 60)
{
	struct agent producer = agent_start(), first = agent_start(), second = agent_start();
	uint64_t nobody = 10;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send x");
	agent_expect(&first, "ok", "attach consumer %s", name);
	agent_expect_delivery(&first, "receive", .sequence = 1, .text = "x");
	object_write(name, OFFSET(consumers.groups[0].claims[0].owner), &nobody, sizeof(nobody));
	agent_expect(&second, "ok", "attach consumer %s timeout=5000", name);
	agent_expect_delivery(&second, "receive", .sequence = 1, .size = 1);
	agent_quit(&first);
	agent_quit(&producer);
	agent_quit(&second);
	object_remove(name);
}

/* Each of the words that the two sides exchange is replaced by garbage under a waiting pair. */
Test(damage, garbage_in_any_word_is_refused_or_survived, .timeout = 200)
{
	static const struct {
		const char *field;
		size_t offset, size;
	} words[] = {
		{ "tail", OFFSET(producers.tail), 8 },
		{ "mark", OFFSET(producers.marks[0]), sizeof(struct mark) },
		{ "other mark", OFFSET(producers.marks[1]), sizeof(struct mark) },
		{ "turn_next", OFFSET(producers.turn_next), 4 },
		{ "room_wanted", OFFSET(producers.room_wanted), 8 },
		{ "waiting_turn", OFFSET(producers.waiting_turn), 8 },
		{ "waiting_ack", OFFSET(producers.waiting_ack), 8 },
		{ "waiting_consumers", OFFSET(producers.waiting_consumers), 8 },
		{ "events", OFFSET(producers.events), 8 },
		{ "head", OFFSET(consumers.head), 8 },
		{ "next", OFFSET(consumers.groups[0].next[0]), sizeof(struct cursor) },
		{ "other next", OFFSET(consumers.groups[0].next[1]), sizeof(struct cursor) },
		{ "next_selector", OFFSET(consumers.groups[0].next_selector), 4 },
		{ "claims_used", OFFSET(consumers.groups[0].claims_used), 8 },
		{ "claim", OFFSET(consumers.groups[0].claims[0]), sizeof(struct claim) },
		{ "waiting_data", OFFSET(consumers.waiting_data), 8 },
		{ "waiting_piece", OFFSET(consumers.waiting_piece), 8 },
		{ "told", OFFSET(consumers.groups[0].told), 8 },
		{ "empty_end", OFFSET(consumers.groups[0].empty_end), 4 },
	};
	static const unsigned char fills[] = { 0x00, 0xff, 0x5a, 0x08 };

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		for (size_t f = 0; f < sizeof(fills); f++) {
			struct tool producer, consumer;
			unsigned char garbage[256];
			char name[NAME_SIZE];
			int status;

			channel_name(name);
			cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "-s", "4K", "a",
					      "b"),
				     0);
			tool_free(&producer);
			memset(garbage, fills[f], sizeof(garbage));
			object_write(name, words[w].offset, garbage, words[w].size);
			producer = tool_start("shm-produce", "-C", name, "-w", "0.2", "c", NULL);
			consumer = tool_start("shm-consume", "-C", name, "-w", "0.2", NULL);
			status = tool_end(&producer);
			cr_expect(status == 0 || status == 1 || status == 124,
				  "%s, %02x: producer %d", words[w].field, fills[f], status);
			status = tool_end(&consumer);
			cr_expect(status == 0 || status == 1 || status == 4 || status == 124,
				  "%s, %02x: consumer %d", words[w].field, fills[f], status);
			tool_free(&producer);
			tool_free(&consumer);
			object_remove(name);
		}
}

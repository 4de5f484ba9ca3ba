/*
 * Agents: endpoints in processes of their own (agent.c describes their language) that do one step
 * at a time, and what a consumer among them is expected to be handed.
 */
#ifndef SUPPORT_AGENTS_H
#define SUPPORT_AGENTS_H

#include "tests/support/support.h"

struct agent {
	struct tool tool;
	int commands, answers;
	char answer[512];
};

/* Starts an agent; it is not attached yet. */
struct agent agent_start(void);

/* Sends a command without waiting for its answer. */
void agent_tell(struct agent *agent, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits for the answer to the last command; in agent->answer, without the newline. */
const char *agent_hear(struct agent *agent);

/* Sends a command and waits for its answer. */
const char *agent_ask(struct agent *agent, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* True if the answer to the last command has come. */
bool agent_answered(const struct agent *agent);

/* Sends a command; the answer must be this text. */
#define agent_expect(agent, expected, ...) cr_assert_str_eq(agent_ask(agent, __VA_ARGS__), expected)

void agent_kill(struct agent *agent); /* kills it with -9 and waits for its end */
void agent_quit(struct agent *agent); /* makes it detach, if it is attached, and end */

/* ---- what a consumer is handed ---- */

enum delivery_part { WHOLE, FIRST_PART, MIDDLE_PART, LAST_PART };

/*
 * The answer to "receive" or "more". A field that is not given stands for the ordinary case: one
 * message, whole, at its first attempt, without a key. Only sequence has to be given always.
 */
struct delivery {
	unsigned long long sequence; /* of its first message */
	unsigned messages;	     /* not given: 1, or 0 in a later part of a long message */
	size_t size;		     /* in bytes; not given: that of text; neither: not checked */
	unsigned attempts;	     /* not given: 1 */
	enum delivery_part part;
	const char *key;  /* with "%XX" for a byte that is not printable; not given: none */
	const char *text; /* of which the agent shows 64 bytes; not given: not checked */
};

/* True if the answer says that exactly this was delivered. */
bool delivery_is(const char *answer, const struct delivery *expected);

/* Returns the answer that is expected, as far as it is checked (static buffer). */
const char *delivery_answer(const struct delivery *expected);

/* Reads such an answer back, but for key and text; anything else fails the test. */
struct delivery delivery_read(const char *answer);

/*
 * The answer must be this delivery: expect_delivery(agent_hear(&agent), .sequence = 2,
 * .text = "word").
 */
#define expect_delivery(answer, ...)                                                               \
	do {                                                                                       \
		struct delivery expected_ = { __VA_ARGS__ };                                       \
		const char *answer_ = (answer);                                                    \
		cr_assert(delivery_is(answer_, &expected_), "answered: \"%s\", expected: \"%s\"",  \
			  answer_, delivery_answer(&expected_));                                   \
	} while (0)

/* Sends a command, "receive" or "more"; the answer must be this delivery. */
#define agent_expect_delivery(agent, command, ...)                                                 \
	expect_delivery(agent_ask(agent, "%s", command), __VA_ARGS__)

#endif

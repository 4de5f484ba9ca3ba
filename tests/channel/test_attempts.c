/*
 * The history of each message: how often it was handed out, and how many tries with it have failed.
 * Whatever becomes of the claims that it lies in, both numbers must be what really happened to it.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 400, CONSUMERS = 4, STEPS = 160, RUNS = 24 };

/* ---- the model ---- */

enum state { WAITING, IN_HAND, DONE };

struct message {
	enum state state;
	unsigned attempts, failures;
};

struct consumer {
	struct agent agent;
	unsigned first, count; /* the messages in hand */
	bool together, trying;
};

struct scene {
	char name[NAME_SIZE];
	struct agent producer;
	struct consumer consumers[CONSUMERS];
	unsigned consumer_count;
	struct message messages[MESSAGES + 1]; /* by their number: the first is 1 */
	unsigned sent;
	unsigned seed;
	char story[4096]; /* the story of this run, to find out what went wrong */
};

static unsigned below(struct scene *scene, unsigned limit)
{
	scene->seed = scene->seed * 1103515245u + 12345u;
	return scene->seed / 65536u % limit;
}

static void tell(struct scene *scene, unsigned number, const char *what)
{
	size_t size = strlen(scene->story);

	if (size > sizeof(scene->story) / 2) {
		memmove(scene->story, scene->story + size / 2, size - size / 2 + 1);
		size = strlen(scene->story);
	}
	snprintf(scene->story + size, sizeof(scene->story) - size, "%u: %s\n", number, what);
}

/*
 * Notes that what is in this consumer's hands is done, or is given back but for its first `done`
 * messages.
 */
static void let_go(struct scene *scene, struct consumer *consumer, unsigned done)
{
	for (unsigned i = 0; i < consumer->count; i++)
		scene->messages[consumer->first + i].state = i < done ? DONE : WAITING;
	consumer->count = 0;
	consumer->trying = false;
}

static void failed(struct scene *scene, struct consumer *consumer)
{
	for (unsigned i = 0; i < consumer->count; i++)
		scene->messages[consumer->first + i].failures++;
}

/* Checks the answer to "receive" or "more" against the model, and notes it there. */
static void handed_out(struct scene *scene, struct consumer *consumer, unsigned number)
{
	struct delivery delivery = delivery_read(consumer->agent.answer);
	unsigned first = (unsigned)delivery.sequence, count = delivery.messages;
	unsigned attempts = delivery.attempts, failures;

	sscanf(agent_ask(&consumer->agent, "failures"), "ok %u", &failures);
	cr_assert(first > 0 && count > 0 && first + count - 1 <= scene->sent);
	if (consumer->count == 0)
		consumer->first = first;
	cr_assert_eq(consumer->first + consumer->count, first);
	for (unsigned i = first; i < first + count; i++) {
		struct message *message = &scene->messages[i];

		cr_assert_eq(message->state, WAITING, "consumer %u got %u: state %d\n%s", number, i,
			     message->state, scene->story);
		message->state = IN_HAND;
		message->attempts++;
		cr_assert_eq(message->attempts, attempts,
			     "consumer %u: %u was handed out %u times, not %u\n%s", number, i,
			     message->attempts, attempts, scene->story);
		cr_assert_eq(message->failures, failures,
			     "consumer %u: %u failed %u times, not %u\n%s", number, i,
			     message->failures, failures, scene->story);
	}
	consumer->count += count;
}

/* ---- the steps ---- */

static void attach(struct scene *scene, struct consumer *consumer)
{
	*consumer = (struct consumer){ .agent = agent_start() };
	agent_expect(&consumer->agent, "ok", "attach consumer %s share=%u", scene->name,
		     1 + below(scene, 3));
}

static void send(struct scene *scene)
{
	unsigned count = 1 + below(scene, 5);

	if (scene->sent + count > MESSAGES)
		return;
	tell(scene, count, "are sent");
	if (count == 1)
		agent_expect(&scene->producer, "ok", "send m");
	else
		agent_expect(&scene->producer, "ok", "block %u m", count);
	scene->sent += count;
}

static void receive(struct scene *scene, struct consumer *consumer, unsigned number)
{
	char words[64];
	const char *answer;
	bool together = below(scene, 3) == 0;

	snprintf(words, sizeof(words), "receive %u dontwait%s%s", below(scene, 7),
		 below(scene, 2) == 0 ? " share" : "", together ? " together" : "");
	if (together && strncmp(words, "receive 0", 9) == 0)
		words[8] = '9';
	tell(scene, number, words);
	answer = agent_ask(&consumer->agent, "%s", words);
	let_go(scene, consumer, consumer->count);
	tell(scene, number, answer);
	if (strcmp(answer, "error EAGAIN") == 0 || strcmp(answer, "ended") == 0)
		return;
	consumer->together = together;
	handed_out(scene, consumer, number);
	while (together && strcmp(agent_ask(&consumer->agent, "more"), "ended") != 0) {
		tell(scene, number, consumer->agent.answer);
		handed_out(scene, consumer, number);
	}
}

static void retry(struct scene *scene, struct consumer *consumer)
{
	char expected[32];

	for (unsigned i = 0; i < consumer->count; i++)
		scene->messages[consumer->first + i].attempts++;
	snprintf(expected, sizeof(expected), "ok %u", scene->messages[consumer->first].attempts);
	agent_expect(&consumer->agent, expected, "retry");
}

static void give_back(struct scene *scene, struct consumer *consumer)
{
	unsigned done = consumer->together ? 0 : below(scene, consumer->count);

	agent_expect(&consumer->agent, "ok", "give %u", done);
	let_go(scene, consumer, done);
}

/* A consumer that dies in the middle of a try has failed with it. */
static void die(struct scene *scene, struct consumer *consumer)
{
	agent_kill(&consumer->agent);
	if (consumer->trying)
		failed(scene, consumer);
	let_go(scene, consumer, 0);
	attach(scene, consumer);
}

static void step_with_messages(struct scene *scene, struct consumer *consumer, unsigned number)
{
	static const char *const names[] = { "give back", "retry",  "tried",	  "tried failed",
					     "dies",	  "leaves", "acknowledge" };
	unsigned what = below(scene, 7);

	if (!consumer->trying && below(scene, 3) == 0) {
		tell(scene, number, "try");
		agent_expect(&consumer->agent, "ok", "try");
		consumer->trying = true;
		return;
	}
	tell(scene, number, names[what]);
	switch (what) {
	case 0:
		give_back(scene, consumer);
		break;
	case 1:
		retry(scene, consumer);
		break;
	case 2:
		agent_expect(&consumer->agent, "ok", "tried");
		consumer->trying = false;
		break;
	case 3:
		agent_expect(&consumer->agent, "ok", "tried failed");
		if (consumer->trying)
			failed(scene, consumer);
		consumer->trying = false;
		break;
	case 4:
		die(scene, consumer);
		break;
	case 5: /* in good order, which is no failure */
		agent_quit(&consumer->agent);
		let_go(scene, consumer, 0);
		attach(scene, consumer);
		break;
	default:
		agent_expect(&consumer->agent, "ok", "acknowledge");
		let_go(scene, consumer, consumer->count);
		break;
	}
}

static void step(struct scene *scene)
{
	unsigned number = below(scene, scene->consumer_count);
	struct consumer *consumer = &scene->consumers[number];

	if (below(scene, 3) == 0)
		send(scene);
	else if (consumer->count > 0 && below(scene, 2) == 0)
		step_with_messages(scene, consumer, number);
	else if (consumer->count == 0 && below(scene, 12) == 0)
		die(scene, consumer);
	else
		receive(scene, consumer, number);
}

/* Makes all consumers but the first leave; that one gets what is left. */
static void drain(struct scene *scene)
{
	struct consumer *last = &scene->consumers[0];

	for (unsigned i = scene->consumer_count; i-- > 1;) {
		agent_quit(&scene->consumers[i].agent);
		let_go(scene, &scene->consumers[i], 0);
	}
	agent_quit(&scene->producer);
	do
		receive(scene, last, 0);
	while (last->count > 0);
	agent_quit(&last->agent);
	for (unsigned i = 1; i <= scene->sent; i++)
		cr_assert_eq(scene->messages[i].state, DONE, "message %u is gone\n%s", i,
			     scene->story);
	cr_assert_not(object_exists(scene->name));
}

Test(attempts, are_what_each_message_has_been_through, .timeout = 300)
{
	for (unsigned run = 1; run <= RUNS; run++) {
		static struct scene scene;

		memset(&scene, 0, sizeof(scene));
		scene.seed = run;
		scene.consumer_count = 1 + run % CONSUMERS; /* when alone it claims ahead */
		scene.producer = agent_start();
		agent_expect(&scene.producer, "ok", "attach producer %s", channel_name(scene.name));
		for (unsigned i = 0; i < scene.consumer_count; i++)
			attach(&scene, &scene.consumers[i]);
		for (unsigned i = 0; i < STEPS; i++)
			step(&scene);
		drain(&scene);
	}
}

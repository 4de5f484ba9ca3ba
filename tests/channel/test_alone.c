/*
 * A producer that is alone writes without the mutex; a process that comes must not write beside it.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Leaves the object as if the producer in the first slot had been stopped in the middle of writing
 * alone.
 */
static void writing_set(const char *name, uint32_t writing)
{
	object_write(name, OFFSET(producers.side.slots[0].writing), &writing, sizeof(writing));
}

Test(alone, a_newcomer_waits_for_the_producer_that_writes_and_names_it, .timeout = 60)
{
	struct agent first = agent_start();
	struct tool newcomer, consumer;
	char name[NAME_SIZE], pid[32];

	agent_expect(&first, "ok", "attach producer %s", channel_name(name));
	writing_set(name, 1);
	snprintf(pid, sizeof(pid), "process %ld", (long)first.tool.pid);
	cr_expect_eq(tool_run(&newcomer, "shm-produce", "-C", name, "-w", "0.3", "late"), 124);
	expect_errors_contain(&newcomer, pid);
	tool_free(&newcomer);
	cr_expect_eq(object_look(name).tail, object_look(name).head); /* nothing was written */

	newcomer = tool_start("shm-produce", "-C", name, "late", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	cr_expect_not(tool_ended(&newcomer));
	writing_set(name, 0);
	cr_expect_eq(tool_end(&newcomer), 0); /* it looks again within a second */
	tool_free(&newcomer);
	agent_quit(&first);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4); /* one producer gave up */
	expect_output(&consumer, "late\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(alone, a_newcomer_goes_on_when_the_producer_that_wrote_has_died, .timeout = 60)
{
	struct agent first = agent_start();
	struct tool newcomer, consumer;
	char name[NAME_SIZE];

	agent_expect(&first, "ok", "attach producer %s", channel_name(name));
	agent_expect(&first, "ok", "send before");
	writing_set(name, 1);
	newcomer = tool_start("shm-produce", "-C", name, "after", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	agent_kill(&first);
	cr_expect_eq(tool_end_within(&newcomer, 3), 0);
	tool_free(&newcomer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name), 4);
	expect_output(&consumer, "before\nafter\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/*
 * A lone producer announces that it writes, and wakes the process that waits for it to finish: the
 * second look of the handshake.
 */
Test(alone, a_lone_producer_sees_a_newcomer_and_takes_the_lock, .timeout = 60)
{
	struct agent first = agent_start(), second = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	agent_expect(&first, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&first, "ok", "send alone");
	agent_expect(&second, "ok", "attach producer %s timeout=300", name);
	agent_expect(&first, "ok", "lock producer"); /* the lone producer would not notice */
	agent_expect(&second, "error ETIMEDOUT", "send second");
	agent_expect(&first, "ok", "unlock producer");
	agent_expect(&second, "ok", "lock producer");
	agent_tell(&first, "send first");
	agent_expect_delivery(&consumer, "receive dontwait", .sequence = 1, .text = "alone");
	agent_expect(&consumer, "error EAGAIN", "receive dontwait");
	cr_expect_not(agent_answered(&first));
	agent_expect(&second, "ok", "unlock producer");
	cr_assert_str_eq(agent_hear(&first), "ok");
	agent_expect_delivery(&consumer, "receive", .sequence = 2, .text = "first");
	agent_quit(&second);
	agent_expect(&first, "ok", "send alone again");
	agent_expect_delivery(&consumer, "receive", .sequence = 3, .text = "alone again");
	agent_expect(&consumer, "ok", "acknowledge");
	agent_quit(&first);
	agent_quit(&consumer);
	cr_assert(!object_exists(name));
}

/* Writes numbered lines into a pipe, until *stop is set. Never returns. */
static void feed(int output, const atomic_int *stop)
{
	char line[16];

	for (int i = 0; atomic_load(stop) == 0; i++) {
		int size = snprintf(line, sizeof(line), "%07d\n", i % 10000000);

		if (write(output, line, (size_t)size) != size)
			_exit(1);
	}
	_exit(0);
}

/* Counts both kinds of lines. Each kind must come in its order, and none may be missing. */
static void lines_check(const struct tool *consumer, int *visitors, int *others)
{
	char *output = tool_output(consumer, NULL);

	*visitors = *others = 0;
	for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strncmp(line, "visitor", 7) == 0) {
			cr_assert_eq(atoi(line + 7), (*visitors)++);
		} else {
			cr_assert_eq(strlen(line), 7);
			cr_assert_eq(atoi(line), *others % 10000000, "line %d is \"%s\"", *others,
				     line);
			(*others)++;
		}
	}
	free(output);
}

/* One producer sends all the time; others come, send one message each, and go. */
Test(alone, others_come_and_go_beside_a_busy_producer, .timeout = 120)
{
	enum { VISITORS = 100 };
	atomic_int *stop = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tool consumer, busy;
	char name[NAME_SIZE];
	int input[2], visitors, others;
	pid_t feeder;

	cr_assert_neq(stop, MAP_FAILED);
	cr_assert_eq(pipe2(input, O_CLOEXEC), 0); /* from a pipe, lines are sent as they come */
	feeder = fork();
	if (feeder == 0)
		feed(input[1], stop);
	close(input[1]);
	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	busy = tool_start_fds(input[0], -1, "shm-produce", "-C", name, "-s", "64K", NULL);
	close(input[0]);
	WAIT_FOR(object_look(name).tail != 0);
	for (int i = 0; i < VISITORS; i++) {
		struct tool visitor;
		char word[16];

		snprintf(word, sizeof(word), "visitor%d", i);
		cr_assert_eq(tool_run(&visitor, "shm-produce", "-C", name, word), 0);
		tool_free(&visitor);
	}
	atomic_store(stop, 1);
	waitpid(feeder, NULL, 0);
	cr_expect_eq(tool_end_within(&busy, 60), 0);
	tool_free(&busy);
	cr_expect_eq(tool_end(&consumer), 0);
	lines_check(&consumer, &visitors, &others);
	cr_expect_eq(visitors, VISITORS);
	cr_expect_gt(others, VISITORS);
	tool_free(&consumer);
	munmap(stop, sizeof(*stop));
	cr_assert(!object_exists(name));
}

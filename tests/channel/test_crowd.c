/* Many producers and consumers at once: nothing is lost, doubled or torn. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PRODUCERS = 8, CONSUMERS = 4, MESSAGES = 20000, LINE = 64 };

/* Returns the input of one producer: "producer number xxx...\n", lines of different lengths. */
static int numbered_lines(int producer, int count)
{
	char *text = malloc((size_t)count * LINE), *to = text;
	int fd;

	for (int i = 0; i < count; i++)
		to += sprintf(to, "%d %d %.*s.\n", producer, i, (producer + i) % 40,
			      "########################################");
	fd = bytes_file(text, (size_t)(to - text));
	free(text);
	return fd;
}

/* Checks each line of an output and counts it; the lines of each producer must come in order. */
static void lines_count(const struct tool *consumer, unsigned char *seen, int count)
{
	char *text = tool_output(consumer, NULL);
	int last[PRODUCERS];

	memset(last, -1, sizeof(last));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		int producer = -1, number = -1;
		char marks[LINE] = "", end = 0;

		if (strchr(line, '#') != NULL)
			sscanf(line, "%d %d %63[#]%c", &producer, &number, marks, &end);
		else
			sscanf(line, "%d %d %c", &producer, &number, &end);
		cr_assert(producer >= 0 && producer < PRODUCERS && number >= 0 && number < count &&
				  end == '.' && strlen(marks) == (size_t)((producer + number) % 40),
			  "torn line: \"%s\"", line);
		cr_assert_gt(number, last[producer], "out of order: \"%s\"", line);
		last[producer] = number;
		seen[producer * count + number]++;
	}
	free(text);
}

static void crowd(const char *size, int count)
{
	struct tool producers[PRODUCERS], consumers[CONSUMERS];
	struct agent holder = agent_start();
	unsigned char *seen = calloc((size_t)PRODUCERS * (size_t)count, 1);
	char name[NAME_SIZE];

	channel_name(name);
	/*
	 * As long as this producer is attached the stream is not over, however late a consumer
	 * comes.
	 */
	agent_expect(&holder, "ok", "attach producer %s size=%s", name, size);
	/* Half of the consumers come before the producers, half after them. */
	for (int i = 0; i < CONSUMERS / 2; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		int input = numbered_lines(i, count);

		producers[i] = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
		close(input);
	}
	for (int i = CONSUMERS / 2; i < CONSUMERS; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	for (int i = 0; i < PRODUCERS; i++)
		cr_expect_eq(tool_end_within(&producers[i], 120), 0);
	WAIT_FOR(object_look(name).consumers == CONSUMERS);
	agent_expect(&holder, "ok", "detach");
	for (int i = 0; i < CONSUMERS; i++) {
		cr_expect_eq(tool_end_within(&consumers[i], 120), 0);
		lines_count(&consumers[i], seen, count);
		tool_free(&consumers[i]);
	}
	for (int i = 0; i < PRODUCERS; i++)
		tool_free(&producers[i]);
	agent_quit(&holder);
	for (int i = 0; i < PRODUCERS * count; i++)
		cr_assert_eq(seen[i], 1, "message %d of producer %d came %d times", i % count,
			     i / count, seen[i]);
	free(seen);
	cr_expect(!object_exists(name));
}

Test(crowd, eight_producers_and_four_consumers_share_a_large_ring, .timeout = 240)
{
	crowd("1048576", MESSAGES);
}

Test(crowd, eight_producers_and_four_consumers_share_a_tiny_ring, .timeout = 240)
{
	crowd("4096", MESSAGES);
}

/* One system call per message: all processes meet at the mutexes and the turn. */
Test(crowd, producers_of_single_messages_all_get_their_turn, .timeout = 240)
{
	enum { COUNT = 300 };
	struct tool producers[PRODUCERS], consumers[CONSUMERS];
	struct agent holder = agent_start();
	unsigned char *seen = calloc(PRODUCERS * COUNT, 1);
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s size=4096", name);
	for (int i = 0; i < PRODUCERS; i++) {
		const char *argv[COUNT + 4] = { "shm-produce", "-C", name };
		char texts[COUNT][LINE];

		for (int k = 0; k < COUNT; k++) {
			snprintf(texts[k], LINE, "%d %d %.*s.", i, k, (i + k) % 40,
				 "########################################");
			argv[3 + k] = texts[k];
		}
		producers[i] = tool_start_argv(-1, -1, argv);
	}
	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	for (int i = 0; i < PRODUCERS; i++) {
		cr_expect_eq(tool_end_within(&producers[i], 120), 0);
		tool_free(&producers[i]);
	}
	WAIT_FOR(object_look(name).consumers == CONSUMERS);
	agent_quit(&holder);
	for (int i = 0; i < CONSUMERS; i++) {
		cr_expect_eq(tool_end_within(&consumers[i], 120), 0);
		lines_count(&consumers[i], seen, COUNT);
		tool_free(&consumers[i]);
	}
	for (int i = 0; i < PRODUCERS * COUNT; i++)
		cr_assert_eq(seen[i], 1);
	free(seen);
	cr_expect(!object_exists(name));
}

/* Messages longer than the ring from several producers: whole lines of one letter each. */
Test(crowd, messages_longer_than_the_ring_are_not_interleaved, .timeout = 240)
{
	enum { LONG = 30000, COUNT = 12 };
	struct tool producers[PRODUCERS], consumers[CONSUMERS];
	struct agent holder = agent_start();
	char name[NAME_SIZE], *text = malloc(COUNT * (LONG + 1 + 4));
	int lines[PRODUCERS] = { 0 }, shorts[PRODUCERS] = { 0 };

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s size=8192", name);
	for (int i = 0; i < CONSUMERS; i++)
		consumers[i] = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).consumers == CONSUMERS);
	for (int i = 0; i < PRODUCERS; i++) {
		char *to = text;
		int input;

		for (int k = 0; k < COUNT; k++) {
			memset(to, 'a' + i, LONG);
			to += LONG;
			to += sprintf(to, "\n%c%c\n", 'A' + i, 'A' + i);
		}
		input = bytes_file(text, (size_t)(to - text));
		producers[i] = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
		close(input);
	}
	free(text);
	for (int i = 0; i < PRODUCERS; i++) {
		cr_expect_eq(tool_end_within(&producers[i], 120), 0);
		tool_free(&producers[i]);
	}
	agent_quit(&holder);
	for (int i = 0; i < CONSUMERS; i++) {
		char *output;

		cr_expect_eq(tool_end_within(&consumers[i], 120), 0);
		output = tool_output(&consumers[i], NULL);
		for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			size_t size = strlen(line);
			char same[2] = { line[0], 0 };

			cr_assert_eq(strspn(line, same), size, "torn");
			if (size == LONG)
				lines[line[0] - 'a']++;
			else if (size == 2)
				shorts[line[0] - 'A']++;
			else
				cr_assert_fail("a line of %zu bytes", size);
		}
		free(output);
		tool_free(&consumers[i]);
	}
	for (int i = 0; i < PRODUCERS; i++) {
		cr_expect_eq(lines[i], COUNT);
		cr_expect_eq(shorts[i], COUNT);
	}
	cr_expect(!object_exists(name));
}

/* Signals all the time: an interrupted wait goes on, and nothing is lost or sent twice. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel.h"
#include "tests/support/agents.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

enum { PROMPT_MS = 3000 }; /* how long after Ctrl-C, or after the time of -w, a tool may live */

enum {
	STORM_US = 50,
	STORM_MESSAGES = 20000,
	LONG_MESSAGE = 300000,
	STORM_ROUNDS = 5,
	STORM_SIGNALS =
		100 /* at least, in all rounds; a slow machine delivers fewer than it should */
};

static volatile sig_atomic_t storm_signals;

static void storm_signal(int number)
{
	(void)number;
	storm_signals++;
}

/*
 * From now on a signal interrupts this thread every 50 µs, and no system call is restarted.
 * Until storm_end(): nothing of Criterion's, and no new process (fork would never end).
 */
static void storm_begin(void)
{
	const struct itimerval often = { .it_interval.tv_usec = STORM_US,
					 .it_value.tv_usec = STORM_US };
	struct sigaction action = { .sa_handler = storm_signal };

	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void storm_end(void)
{
	const struct itimerval never = { 0 };

	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
}

static struct channel_options storm_options(const char *name, uint64_t size)
{
	return (struct channel_options){ .name = name,
					 .owner = geteuid(),
					 .size = size,
					 .timeout_ns = DEADLINE_S * UINT64_C(1000000000) };
}

/* Returns numbered lines and then one long line: what is sent and received here. */
static char *storm_text(size_t *size)
{
	char *text = numbered_lines(STORM_MESSAGES, size), *longer;

	longer = realloc(text, *size + LONG_MESSAGE + 1);
	cr_assert_not_null(longer);
	text = longer;
	memset(text + *size, 'L', LONG_MESSAGE);
	*size += LONG_MESSAGE;
	text[(*size)++] = '\n';
	return text;
}

/* Skips a test that is an endpoint itself, if the tools have another C library. */
static void need_tools_like_us(void)
{
	const char *foreign = getenv("FOREIGN_TOOLS");

	if (foreign != NULL && *foreign != '\0')
		test_skip("the tools have another C library than this test");
}

Test(signal_storm, a_channel_is_made_in_a_storm_of_signals, .timeout = 60)
{
	static const uint64_t sizes[] = { 4096, 1 << 20, 16 << 20 };
	struct channel *channel = channel_new();
	char name[NAME_SIZE];

	cr_assert_not_null(channel);
	channel_name(name);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct channel_options options = storm_options(name, sizes[i]);
		int rc;

		storm_begin();
		rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
		if (rc == 0)
			channel_detach(channel, 0);
		storm_end();
		cr_expect_eq(rc, 0, "%d", rc);
		cr_expect(!object_exists(name));
	}
	channel_free(channel);
}

/* Sends the text, line by line, to a tool. */
static void send_in_a_storm(const char *text, size_t size)
{
	struct channel *channel = channel_new();
	struct channel_options options;
	const char *line = text;
	struct tool consumer;
	char name[NAME_SIZE];
	int rc;

	cr_assert_not_null(channel);
	channel_name(name);
	options = storm_options(name, 65536);
	consumer = tool_start("shm-consume", "-C", name, "-s", "64K", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	storm_begin();
	rc = channel_attach(channel, CHANNEL_PRODUCER, &options);
	while (rc == 0 && line < text + size) {
		const char *end = memchr(line, '\n', (size_t)(text + size - line));

		rc = channel_send(channel, line, (size_t)(end - line), 0);
		line = end + 1;
	}
	if (rc == 0)
		rc = channel_wait_acknowledged(channel);
	channel_detach(channel, 0);
	storm_end();
	cr_assert_eq(rc, 0, "%d before byte %zu", rc, (size_t)(line - text));
	cr_expect_eq(tool_end(&consumer), 0);
	expect_bytes(&consumer, text, size);
	tool_free(&consumer);
	channel_free(channel);
	cr_expect(!object_exists(name));
}

/* Receives the text, line by line, from a tool. */
static void receive_in_a_storm(const char *text, size_t size)
{
	struct channel *channel = channel_new();
	int input = bytes_file(text, size), rc;
	struct channel_options options;
	char *got = malloc(size);
	struct tool producer;
	char name[NAME_SIZE];
	size_t have = 0;

	cr_assert_not_null(channel);
	cr_assert_not_null(got);
	channel_name(name);
	options = storm_options(name, 65536);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", "64K", NULL);
	WAIT_FOR(object_look(name).producers == 1);
	storm_begin();
	rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
	if (rc == 0)
		rc = CHANNEL_DELIVERED;
	while (rc == CHANNEL_DELIVERED) {
		struct channel_delivery delivery;

		rc = channel_receive(channel, 1, 0, 0, &delivery);
		if (rc == CHANNEL_DELIVERED && delivery.size <= size - have) {
			memcpy(got + have, delivery.bytes, delivery.size);
			have += delivery.size;
		}
	}
	channel_detach(channel, 0);
	storm_end();
	cr_assert_eq(rc, CHANNEL_ENDED, "%d after %zu bytes", rc, have);
	cr_expect_eq(have, size - 1, "of a message in pieces the delimiter is not sent");
	cr_expect_eq(memcmp(got, text, have), 0);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input);
	channel_free(channel);
	free(got);
	cr_expect(!object_exists(name));
}

Test(signal_storm, every_message_is_sent_once_in_a_storm_of_signals, .timeout = 60)
{
	size_t size;
	char *text;

	need_tools_like_us();
	text = storm_text(&size);

	for (int round = 0; round < STORM_ROUNDS; round++)
		send_in_a_storm(text, size);
	cr_expect_gt(storm_signals, STORM_SIGNALS, "%d signals", (int)storm_signals);
	free(text);
}

Test(signal_storm, every_message_is_received_once_in_a_storm_of_signals, .timeout = 60)
{
	size_t size;
	char *text;

	need_tools_like_us();
	text = storm_text(&size);

	for (int round = 0; round < STORM_ROUNDS; round++)
		receive_in_a_storm(text, size);
	cr_expect_gt(storm_signals, STORM_SIGNALS, "%d signals", (int)storm_signals);
	free(text);
}

Test(signal_storm, a_wait_is_as_long_as_asked_for_in_a_storm_of_signals, .timeout = 60)
{
	struct agent producer = agent_start();
	struct channel *channel = channel_new();
	struct channel_delivery delivery;
	struct channel_options options;
	char name[NAME_SIZE];
	uint64_t start, end;
	int rc;

	need_tools_like_us();
	cr_assert_not_null(channel);
	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	options = storm_options(name, 65536);
	rc = channel_attach(channel, CHANNEL_CONSUMER, &options);
	cr_assert_eq(rc, 0);
	start = test_now_ms();
	storm_begin();
	rc = channel_receive(channel, 1, 0, UINT64_C(1500000000), &delivery);
	storm_end();
	end = test_now_ms();
	cr_expect_eq(rc, -ETIMEDOUT);
	cr_expect_geq(end - start, 1499);
	cr_expect_lt(end - start, 1500 + PROMPT_MS);
	channel_detach(channel, 0);
	channel_free(channel);
	agent_quit(&producer);
	expect_rest(name, 0, "");
}

/* Stops and continues the tools without a pause until they end, which interrupts their waits. */
static void stop_and_go(const struct tool *tools, int count)
{
	uint64_t until = test_now_ms() + DEADLINE_S * 1000;
	const struct timespec pause = { .tv_nsec = STORM_US * 1000 };
	bool running;

	do {
		running = false;
		for (int i = 0; i < count; i++) {
			if (tool_ended(&tools[i]))
				continue;
			running = true;
			kill(tools[i].pid, SIGSTOP);
			kill(tools[i].pid, SIGCONT);
		}
		nanosleep(&pause, NULL);
		cr_assert_lt(test_now_ms(), until, "they do not get on");
	} while (running);
}

Test(signal_storm, tools_that_are_stopped_and_continued_all_the_time_lose_nothing, .timeout = 120)
{
	static const char *const sizes[] = { "4K", "1M" };
	size_t size;
	char *text = storm_text(&size);

	for (int i = 0; i < 4 * STORM_ROUNDS; i++) {
		int input = bytes_file(text, size);
		struct tool tools[2];
		char name[NAME_SIZE];

		channel_name(name);
		tools[0] = tool_start("shm-consume", "-C", name, "-s", sizes[i % 2], NULL);
		tools[1] = tool_start_fds(input, -1, "shm-produce", "-C", name, "-s", sizes[i % 2],
					  NULL);
		stop_and_go(tools, 2);
		cr_expect_eq(tool_end(&tools[0]), 0);
		cr_expect_eq(tool_end(&tools[1]), 0);
		expect_bytes(&tools[0], text, size);
		tool_free(&tools[0]);
		tool_free(&tools[1]);
		close(input);
		cr_expect(!object_exists(name));
	}
	free(text);
}

Test(signal_storm, a_timeout_is_kept_by_a_tool_that_is_stopped_and_continued, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool tool;
	char name[NAME_SIZE];
	uint64_t start = test_now_ms(), end;

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	tool = tool_start("shm-consume", "-C", name, "-w", "1.5", NULL);
	stop_and_go(&tool, 1);
	end = test_now_ms();
	cr_expect_eq(tool_end(&tool), 124);
	cr_expect_geq(end - start, 1500);
	cr_expect_lt(end - start, 1500 + PROMPT_MS);
	tool_free(&tool);
	agent_quit(&producer);
	expect_rest(name, 0, "");
}

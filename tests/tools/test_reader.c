/*
 * The reader of a consumer's output goes away while nothing comes: nothing is written that would
 * show it, and the consumer must not stay and take what nobody reads.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/support.h"

enum { ARGUMENTS_MAX = 8 };

static const char *const ways[][ARGUMENTS_MAX] = {
	{ "-f" },
	{ NULL }, /* it waits for its first producer */
	{ "-f", "-D", "" },
	{ "-f", "--json-lines" },
	{ "-f", "--format", "%o %s" },
	{ "-f", "--framing", "netstring" },
	{ "-f", "-g", "group" },
	{ "--tap", "-f" },
	{ "--tap" },
	{ "-f", "--idle", "600" },
	{ "-f", "-w", "600" },
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* Starts a consumer that writes to `output`, which is closed here. */
static struct tool consumer_start(const char *name, int output, const char *const *words)
{
	const char *argv[ARGUMENTS_MAX + 4] = { "shm-consume", "-C", name };
	struct tool tool;

	for (int i = 0; i < ARGUMENTS_MAX && words[i] != NULL; i++)
		argv[i + 3] = words[i];
	tool = tool_start_argv(-1, output, argv);
	close(output);
	return tool;
}

/* Expects that the consumer, which was asleep when its reader went, ends. */
static void expect_quiet_end(struct tool *consumer, int status, const char *errors)
{
	char *text;

	cr_expect_eq(tool_end(consumer), status);
	text = tool_errors(consumer);
	if (*errors == '\0')
		cr_expect_str_eq(text, "");
	else
		expect_errors_contain(consumer, errors);
	free(text);
	tool_free(consumer);
}

Test(reader, that_goes_away_ends_a_consumer_that_has_nothing_to_print, .timeout = 120)
{
	for (int i = 0; i < WAYS; i++) {
		struct tool consumer, tool;
		char name[NAME_SIZE];
		int ends[2];

		cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
		consumer = consumer_start(channel_name(name), ends[1], ways[i]);
		WAIT_FOR(object_look(name).waiting_data != 0);
		close(ends[0]);
		expect_quiet_end(&consumer, 128 + SIGPIPE, "");
		cr_expect(!object_exists(name), "way %d", i);
		/* The consumer has taken nothing that came after that. */
		cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "one"), 0);
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
		expect_output(&tool, "one\n");
		tool_free(&tool);
	}
}

Test(reader, that_goes_away_after_some_messages_ends_the_consumer_too, .timeout = 60)
{
	const char *const words[] = { "-f", NULL };
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE], bytes[4];
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	consumer = consumer_start(channel_name(name), ends[1], words);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&producer, "ok", "send one");
	cr_assert_eq(read(ends[0], bytes, 4), 4);
	close(ends[0]);
	expect_quiet_end(&consumer, 128 + SIGPIPE, "");
	cr_expect_eq(object_look(name).consumers, 0, "it holds a place");
	agent_quit(&producer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-n"), 3);
	tool_free(&consumer);
}

Test(reader, at_a_socket_that_goes_away_ends_the_consumer_too, .timeout = 60)
{
	const char *const words[] = { "-f", NULL };
	struct tool consumer;
	char name[NAME_SIZE];
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	consumer = consumer_start(channel_name(name), ends[1], words);
	WAIT_FOR(object_look(name).waiting_data != 0);
	close(ends[0]);
	expect_quiet_end(&consumer, 128 + SIGPIPE, "");
	cr_expect(!object_exists(name));
}

Test(reader, at_a_terminal_that_has_hung_up_ends_the_consumer_too, .timeout = 60)
{
	const char *const words[] = { "-f", NULL };
	struct tool consumer;
	char name[NAME_SIZE], path[128];
	int master;

	terminal_needed();
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
		  ptsname_r(master, path, sizeof(path)) == 0);
	consumer = consumer_start(channel_name(name), open(path, O_RDWR | O_NOCTTY | O_CLOEXEC),
				  words);
	WAIT_FOR(object_look(name).waiting_data != 0);
	close(master);
	expect_quiet_end(&consumer, 1, "cannot write standard output: ");
	cr_expect(!object_exists(name));
}

Test(reader, that_goes_away_is_an_error_where_SIGPIPE_is_ignored, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	consumer = tool_start_fds(-1, ends[1], "sh", "-c",
				  "trap '' PIPE; exec \"$TOOLS/shm-consume\" -C \"$1\" -f", "sh",
				  channel_name(name), NULL);
	close(ends[1]);
	WAIT_FOR(object_look(name).waiting_data != 0);
	close(ends[0]);
	expect_quiet_end(&consumer, 1, "cannot write standard output: Broken pipe\n");
	cr_expect(!object_exists(name));
}

Test(reader, that_goes_away_ends_a_consumer_that_waits_for_a_lock, .timeout = 60)
{
	const char *const words[] = { "-f", NULL };
	struct agent holder = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];
	int ends[2];

	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&holder, "ok", "flock");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	consumer = consumer_start(name, ends[1], words);
	close(ends[0]);
	expect_quiet_end(&consumer, 128 + SIGPIPE, "");
	agent_kill(&holder); /* which has the flock, and the consumer would ask for it */
	object_remove(name);
}

/* A file, or /dev/null, has no reader that could go. */
Test(reader, is_not_missed_where_there_is_none, .timeout = 60)
{
	struct tool consumer, tool;
	char name[NAME_SIZE];
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t until;

	consumer = tool_start_fds(-1, null, "shm-consume", "-C", channel_name(name), "-f", NULL);
	close(null);
	WAIT_FOR(object_look(name).waiting_data != 0);
	until = test_now_ms() + 2500; /* it has looked by then, or this test shows nothing */
	while (test_now_ms() < until)
		test_pause();
	cr_expect(!tool_ended(&consumer));
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "--end", "one"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

/* --format: each message in the form that is asked for. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void send_lines(const char *name, const char *lines, const char *key)
{
	int input = bytes_file(lines, strlen(lines));
	struct tool producer =
		tool_start_fds(input, -1, "shm-produce", "-C", name, "-k", key, NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/* Returns what --status prints of the channel. */
static void expect_peek(const char *name, const char *format, const char *expected)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "--format", format), 0);
	expect_output(&tool, expected);
	tool_free(&tool);
}

Test(format, prints_every_part_and_nothing_of_its_own, .timeout = 60)
{
	char name[NAME_SIZE], expected[3 * NAME_SIZE + 64];
	struct tool tool;

	send_lines(channel_name(name), "one\n\nthree", "a key");
	expect_peek(name, "%s", "onethree");
	expect_peek(name, "%S.", "3.0.5.");
	expect_peek(name, "%o %k %a\\n", "1 a key 1\n2 a key 1\n3 a key 1\n");
	expect_peek(name, "", "");
	expect_peek(name, "%%s\\t\\x41\\\\,", "%s\tA\\,%s\tA\\,%s\tA\\,");
	expect_peek(name, "%s%s|", "oneone||threethree|");
	snprintf(expected, sizeof(expected), "%s one %s  %s three ", name, name, name);
	expect_peek(name, "%c %s ", expected);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--format", "%s\\0", "-c", "2"), 0);
	cr_expect_eq(memcmp(tool_output(&tool, NULL), "one\0\0", 6), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "", "--format", "%s"), 2);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--format", "%o:%s"), 0);
	expect_output(&tool, "3:three");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(format, prints_the_epoch_of_the_channel, .timeout = 60)
{
	char name[NAME_SIZE], *peeked, *taken;
	struct tool tool;

	send_lines(channel_name(name), "one\ntwo\n", "");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek", "--format", "%e,"), 0);
	peeked = tool_output(&tool, NULL);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--format", "%e,"), 0);
	taken = tool_output(&tool, NULL);
	tool_free(&tool);
	cr_expect_str_eq(peeked, taken);
	cr_expect_eq(strspn(taken, "0123456789"), 19u, "%s", taken); /* ns, until 2286 */
	free(peeked);
	free(taken);
}

Test(format, refuses_a_bad_one_by_its_position, .timeout = 60)
{
	static const struct {
		const char *format, *at;
	} bad[] = { { "%", "character 1: \"%\"" },	 { "%q", "character 1: \"%q\"" },
		    { "ab%", "character 3: \"%\"" },	 { "%s%%%d", "character 5: \"%d\"" },
		    { "\\", "character 1: \"\\\"" },	 { "%s\\q", "character 3: \"\\q\"" },
		    { "x\\x4", "character 2: \"\\x\"" }, { "%-5s", "character 1: \"%-\"" } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tool tool;

		cr_expect_eq(tool_run(&tool, "shm-consume", "--format", bad[i].format), 2);
		expect_errors_contain(&tool, bad[i].at);
		tool_free(&tool);
	}
}

Test(format, refuses_what_does_not_go_together, .timeout = 60)
{
	static const char *const arguments[][6] = {
		{ "--format", "%s", "-0", NULL },
		{ "--format", "%s", "-D,", NULL },
		{ "--format", "%s", "--framing", "lines", NULL },
		{ "--format", "%s", "--json-lines", NULL },
		{ "--json-lines", "--format", "%s", NULL },
		{ "--json-lines", "--framing", "netstring", NULL },
		{ "--format", "%s", "--", "true", NULL },
		{ "--json-lines", "--", "true", NULL },
	};

	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		const char *argv[8] = { "shm-consume" };
		struct tool tool;

		memcpy(argv + 1, arguments[i], sizeof(arguments[i]));
		tool = tool_start_argv(-1, -1, argv);
		cr_expect_eq(tool_end(&tool), 2, "%s %s", argv[1], argv[2]);
		expect_errors_contain(&tool, "--help");
		tool_free(&tool);
	}
}

Test(format, counts_the_attempts_and_keeps_the_key_of_a_killed_consumer, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent agent = agent_start();
	struct tool tool;

	send_lines(channel_name(name), "one\n", "k");
	agent_expect(&agent, "ok", "attach consumer %s", name);
	agent_expect_delivery(&agent, "receive", .sequence = 1, .key = "k", .size = 4);
	agent_kill(&agent);
	cr_expect_eq(
		tool_run(&tool, "shm-consume", "-C", name, "--format", "%k %o %a %s", "--stats"),
		0);
	expect_output(&tool, "k 1 2 one");
	expect_errors_contain(&tool, ", redelivered 1, ");
	tool_free(&tool);
}

/* ---- longer than the ring ---- */

enum { LONG = 100000 };

static void expect_long(const char *format, const char *before, unsigned copies, const char *after)
{
	char name[NAME_SIZE], *body = malloc(LONG), *output;
	size_t size, at = strlen(before);
	struct tool producer, consumer;
	int input;

	for (int i = 0; i < LONG; i++)
		body[i] = (char)(i * 7 + i / 251);
	input = bytes_file(body, LONG);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "4096",
				  "-k", "K", "-i", "-", NULL);
	consumer = tool_start("shm-consume", "-C", name, "-s", "4096", "--format", format, NULL);
	cr_expect_eq(tool_end(&producer), 0, "%s", tool_errors(&producer));
	cr_expect_eq(tool_end(&consumer), 0, "%s", tool_errors(&consumer));
	output = tool_output(&consumer, &size);
	cr_assert_eq(size, strlen(before) + copies * LONG + strlen(after), "%s: %zu bytes", format,
		     size);
	cr_expect_eq(memcmp(output, before, at), 0);
	for (unsigned i = 0; i < copies; i++, at += LONG)
		cr_expect_eq(memcmp(output + at, body, LONG), 0);
	cr_expect_str_eq(output + at, after);
	tool_free(&producer);
	tool_free(&consumer);
	free(output);
	free(body);
	close(input);
}

Test(format, prints_messages_longer_than_the_ring, .timeout = 120)
{
	expect_long("%s", "", 1, "");
	expect_long("<%k %o>%s<%S %a %k>", "<K 1>", 1, "<100000 1 K>"); /* printed as it comes */
	expect_long("%S:%s,", "100000:", 1, ",");			/* to be known first */
	expect_long("%s%s.", "", 2, ".");
	expect_long("%o %S", "1 100000", 0, "");
}

/*
 * What stands before the size is printed at once: it is there while the producer still waits for
 * its input.
 */
Test(format, streams_a_long_message_whose_size_need_not_be_known, .timeout = 60)
{
	char name[NAME_SIZE], *body = calloc(1, LONG);
	struct tool producer, consumer;
	int input[2];
	size_t size = 0;

	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	producer = tool_start_fds(input[0], -1, "shm-produce", "-C", channel_name(name), "-s",
				  "4096", "-D", "", NULL);
	consumer =
		tool_start("shm-consume", "-C", name, "-s", "4096", "--format", "%o %s %S", NULL);
	cr_assert_eq(write(input[1], body, 65536), 65536);
	while (size < 10000) {
		free(tool_output(&consumer, &size));
		test_pause();
	}
	close(input[1]);
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	free(tool_output(&consumer, &size));
	cr_expect_eq(size, 2u + 65536u + 6u);
	tool_free(&producer);
	tool_free(&consumer);
	close(input[0]);
	free(body);
}

/* ---- nothing is kept back, nothing is lost ---- */

Test(format, keeps_no_message_back_while_it_waits, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE], got[16];
	struct tool consumer;
	int output[2];

	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	consumer = tool_start_fds(-1, output[1], "shm-consume", "-C", name, "--format", "%o %s.",
				  NULL);
	agent_expect(&producer, "ok", "send one");
	cr_assert_eq(read(output[0], got, sizeof(got)), 6);
	cr_expect_eq(memcmp(got, "1 one.", 6), 0);
	agent_expect(&producer, "ok", "send two");
	cr_assert_eq(read(output[0], got, sizeof(got)), 6);
	cr_expect_eq(memcmp(got, "2 two.", 6), 0);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	close(output[0]);
	close(output[1]);
}

Test(format, gives_back_what_could_not_be_written, .timeout = 60)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_geq(full, 0);
	send_lines(channel_name(name), "one\ntwo\n", "");
	tool = tool_start_fds(-1, full, "shm-consume", "-C", name, "--format", "%s\\n", NULL);
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, strerror(ENOSPC));
	tool_free(&tool);
	close(full);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--format", "%o %a %s\\n"), 0);
	expect_output(&tool, "1 2 one\n2 2 two\n");
	tool_free(&tool);
}

/*
 * The reader takes a part of a block and goes: what was written whole is not delivered again, and
 * nothing is missing. A pipe has room for 64 KiB.
 */
Test(format, delivers_again_only_what_was_not_written_whole, .timeout = 60)
{
	enum { LINES = 20000 };
	char name[NAME_SIZE], *lines = malloc(LINES * 6 + 1), *rest;
	unsigned before = 0, first = 0;
	struct tool consumer;
	size_t size = 0;
	int output[2];
	char got[4096];
	ssize_t count;

	for (int i = 0; i < LINES; i++)
		sprintf(lines + i * 6, "%05d\n", i);
	send_lines(channel_name(name), lines, "");
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	cr_assert_geq(fcntl(output[1], F_SETPIPE_SZ, 65536), 0);
	consumer = tool_start_fds(-1, output[1], "shm-consume", "-C", name, "--format", "%o %s\\n",
				  NULL);
	count = read(output[0], got, sizeof(got)); /* the consumer's first write is there */
	cr_assert_gt(count, 0);
	cr_assert_eq(kill(consumer.pid, SIGTERM), 0);
	cr_expect_eq(tool_end(&consumer), 128 + SIGTERM);
	tool_free(&consumer);
	close(output[1]);
	for (; count > 0; count = read(output[0], got, sizeof(got)))
		for (ssize_t i = 0; i < count; i++)
			before += got[i] == '\n';
	close(output[0]);
	cr_expect(before > 0 && before < LINES, "%u", before);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--format", "%o %s\\n"), 0);
	rest = tool_output(&consumer, &size);
	cr_expect_eq(sscanf(rest, "%u", &first), 1);
	cr_expect_eq(first, before + 1, "%u lines before, then %u", before, first);
	tool_free(&consumer);
	free(rest);
	free(lines);
}

/* This limit is not that of what can be gathered. */
Test(format, a_file_that_may_not_grow_is_an_error_of_the_file, .timeout = 60)
{
	char name[NAME_SIZE], text[4096], script[256];
	struct tool tool;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), text), 0);
	tool_free(&tool);
	folder_make();
	snprintf(script, sizeof(script),
		 "ulimit -f 1 && \"$TOOLS/shm-consume\" -C %s --format '%%s' >\"$DIR/out\"", name);
	cr_expect_eq(tool_run(&tool, "sh", "-c", script), 1);
	expect_errors_contain(&tool, "cannot write standard output: File too large");
	tool_free(&tool);
	folder_remove();
	object_remove(name);
}

Test(format, goes_with_groups_and_a_tap, .timeout = 60)
{
	struct agent producer = agent_start();
	char name[NAME_SIZE];
	struct tool tap, tool;

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	tap = tool_start("shm-consume", "-C", name, "--tap", "-c", "2", "--format", "tap %o %s\\n",
			 NULL);
	WAIT_FOR(object_look(name).consumers == 1);
	agent_expect(&producer, "ok", "send one");
	agent_expect(&producer, "ok", "send two");
	cr_expect_eq(tool_end(&tap), 0);
	expect_output(&tap, "tap 1 one\ntap 2 two\n");
	tool_free(&tap);
	cr_expect_eq(
		tool_run(&tool, "shm-consume", "-C", name, "-g", "g", "-c", "2", "--format", "%s "),
		0);
	expect_output(&tool, "one two ");
	tool_free(&tool);
	agent_quit(&producer);
	object_remove(name);
}

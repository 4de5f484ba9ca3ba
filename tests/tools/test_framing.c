/* --framing: what one tool writes the other reads back, whatever bytes the messages have. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame/netstring.h"

/* ---- the parser ---- */

static struct netstring take(const char *text, size_t *taken)
{
	struct netstring netstring = { .size = 0 };

	*taken = netstring_take(&netstring, (const unsigned char *)text, strlen(text));
	return netstring;
}

Test(framing, takes_a_size_up_to_its_colon_in_any_pieces, .timeout = 10)
{
	struct netstring netstring = { .size = 0 };
	size_t taken;

	cr_expect(take("0:,", &taken).complete && taken == 2);
	cr_expect(take("123:abc", &taken).size == 123 && taken == 4);
	cr_expect_eq(take("999999999999999999:", &taken).size, UINT64_C(999999999999999999));
	cr_expect(!take("12", &taken).complete && taken == 2);
	cr_expect_eq(netstring_take(&netstring, (const unsigned char *)"1", 1), 1u);
	cr_expect_eq(netstring_take(&netstring, (const unsigned char *)"", 0), 0u);
	cr_expect_eq(netstring_take(&netstring, (const unsigned char *)"7:x", 3), 2u);
	cr_expect(netstring.complete && netstring.size == 17 && netstring.bad == NULL);
}

/* ---- bad input ---- */

static const struct {
	const char *input;
	const char *offset;
	const char *why;
	unsigned whole; /* messages "abc" before it */
} bad[] = {
	{ "x", "0", "a size must be here", 0 },
	{ ":", "0", "a size must be here", 0 },
	{ "-1:,", "0", "a size must be here", 0 },
	{ "00:,", "1", "begins with a zero", 0 },
	{ "03:abc,", "1", "begins with a zero", 0 },
	{ "3 :abc,", "1", "a digit or \":\"", 0 },
	{ "3:abc", "5", "ends inside a message", 0 },
	{ "3:abc;", "5", "\",\" must be here", 0 },
	{ "3:abcd,", "5", "\",\" must be here", 0 },
	{ "3:abc,3", "7", "ends inside a size", 1 },
	{ "3:abc,3:", "8", "ends inside a message", 1 },
	{ "3:abc,\n", "6", "a size must be here", 1 },
	{ "3:abc,3:abc,3:ab,", "17", "ends inside a message", 2 },
	{ "9999999999999999999:", "18", "too long", 0 },
	{ "3:abc,999999999999999999:a", "26", "ends inside a message", 1 },
	{ "3:abc,5000:abc", "14", "ends inside a message", 1 },
};

Test(framing, refuses_a_bad_netstring_by_its_offset_and_keeps_what_is_before_it, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char name[NAME_SIZE], part[64], expected[64] = "";
		int input = bytes_file(bad[i].input, strlen(bad[i].input));
		struct tool tool =
			tool_start_fds(input, -1, "shm-produce", "-s", "4096", "-C",
				       channel_name(name), "--framing", "netstring", NULL);

		cr_expect_eq(tool_end(&tool), 1, "%s", bad[i].input);
		snprintf(part, sizeof(part), "at byte offset %s: ", bad[i].offset);
		expect_errors_contain(&tool, part);
		expect_errors_contain(&tool, bad[i].why);
		tool_free(&tool);
		for (unsigned count = 0; count < bad[i].whole; count++)
			strcat(expected, "abc\n");
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 4, "%s", bad[i].input);
		expect_output(&tool, expected);
		tool_free(&tool);
		close(input);
	}
}

Test(framing, refuses_what_does_not_go_together, .timeout = 30)
{
	static const char *const arguments[][5] = {
		{ "shm-produce", "--framing", "x", NULL },
		{ "shm-consume", "--framing", "Lines", NULL },
		{ "shm-produce", "--framing", "netstring", "-0", NULL },
		{ "shm-consume", "-D,", "--framing", "lines", NULL },
		{ "shm-produce", "--framing", "null", "-D,", NULL },
	};
	struct tool tool;

	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		tool = tool_start_argv(-1, -1, arguments[i]);
		cr_expect_eq(tool_end(&tool), 2);
		expect_errors_contain(&tool, "framing");
		expect_errors_contain(&tool, "--help");
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-consume", "--framing", "netstring", "--", "true"), 2);
	expect_errors_contain(&tool, "--batch");
	tool_free(&tool);
}

Test(framing, knows_the_size_of_a_netstring_and_of_its_message, .timeout = 10)
{
	static const size_t sizes[] = { 0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 99999, 100000 };

	cr_expect_eq(netstring_bytes(0), 3u);
	cr_expect_eq(netstring_bytes(10), 14u);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char text[32];
		size_t bytes = (size_t)snprintf(text, sizeof(text), "%zu:,", sizes[i]) + sizes[i];

		cr_expect_eq(netstring_bytes(sizes[i]), bytes, "%zu", sizes[i]);
		cr_expect_eq(netstring_message(bytes), sizes[i], "%zu", sizes[i]);
	}
}

/* ---- there and back ---- */

struct bytes {
	unsigned char *at;
	size_t size;
};

static void bytes_add(struct bytes *bytes, const void *more, size_t size)
{
	bytes->at = realloc(bytes->at, bytes->size + size + 1);
	cr_assert_not_null(bytes->at);
	memcpy(bytes->at + bytes->size, more, size);
	bytes->size += size;
}

static unsigned random_next(unsigned *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/*
 * Makes a message: mostly short, some of a page's size, some longer than the ring, with bytes that
 * could be framing.
 */
static size_t random_message(unsigned *state, unsigned char *bytes, size_t most)
{
	static const unsigned char likely[] = { '\n', '\0', ',', ':', '0', '3', 'a', 0xff };
	unsigned kind = random_next(state) % 32;
	size_t size = random_next(state) % 20;

	if (kind == 0)
		size = random_next(state) % most;
	else if (kind < 4)
		size = 4000 + random_next(state) % 200;
	for (size_t i = 0; i < size; i++)
		bytes[i] = random_next(state) % 2 == 0 ? likely[random_next(state) % 8]
						       : (unsigned char)random_next(state);
	return size;
}

/* Runs both tools at once on a ring of 4 KiB; what comes out must be the input. */
static void expect_back(const char *framing, const struct bytes *input)
{
	char name[NAME_SIZE], *output;
	int fd = bytes_file(input->at, input->size);
	struct tool consumer = tool_start("shm-consume", "-s", "4096", "-C", channel_name(name),
					  "--framing", framing, NULL);
	struct tool producer = tool_start_fds(fd, -1, "shm-produce", "-s", "4096", "-C", name,
					      "--framing", framing, NULL);
	size_t size;

	cr_expect_eq(tool_end_within(&producer, 60), 0, "%s", tool_errors(&producer));
	cr_expect_eq(tool_end_within(&consumer, 60), 0, "%s", tool_errors(&consumer));
	output = tool_output(&consumer, &size);
	cr_expect(size == input->size && memcmp(output, input->at, size) == 0,
		  "--framing %s: %zu bytes in, %zu bytes out", framing, input->size, size);
	free(output);
	close(fd);
	tool_free(&producer);
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

enum { MESSAGES = 400, LONGEST = 60000 };

Test(framing, brings_random_messages_back_as_netstrings, .timeout = 180)
{
	struct bytes input = { NULL, 0 };
	unsigned char *message = malloc(LONGEST);
	unsigned state = 4711;
	char size[24];

	for (int i = 0; i < MESSAGES; i++) {
		size_t length = random_message(&state, message, LONGEST);

		bytes_add(&input, size, (size_t)snprintf(size, sizeof(size), "%zu:", length));
		bytes_add(&input, message, length);
		bytes_add(&input, ",", 1);
	}
	expect_back("netstring", &input);
	free(message);
	free(input.at);
}

static void expect_delimited_back(const char *framing, unsigned char end, unsigned seed)
{
	struct bytes input = { NULL, 0 };
	unsigned char *message = malloc(LONGEST);

	for (int i = 0; i < MESSAGES; i++) {
		size_t length = random_message(&seed, message, LONGEST);

		for (size_t j = 0; j < length; j++)
			if (message[j] == end)
				message[j] = 'x';
		bytes_add(&input, message, length);
		bytes_add(&input, &end, 1);
	}
	bytes_add(&input, "the last one", 12); /* without its newline */
	expect_back(framing, &input);
	free(message);
	free(input.at);
}

Test(framing, brings_random_messages_back_as_lines_and_with_nulls, .timeout = 180)
{
	expect_delimited_back("lines", '\n', 1);
	expect_delimited_back("null", '\0', 2);
}

/* A block of lines becomes netstrings, and netstrings become lines. */
Test(framing, goes_from_one_to_the_other, .timeout = 60)
{
	char name[NAME_SIZE];
	int lines = bytes_file("one\n\ntwo", 8), strings = bytes_file("3:one,0:,3:two,", 15);
	struct tool tool = tool_start_fds(lines, -1, "shm-produce", "-C", channel_name(name), NULL);

	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--framing", "netstring"), 0);
	expect_output(&tool, "3:one,0:,3:two,");
	tool_free(&tool);
	tool = tool_start_fds(strings, -1, "shm-produce", "-C", name, "--framing=netstring", NULL);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--framing=lines"), 0);
	expect_output(&tool, "one\n\ntwo\n");
	tool_free(&tool);
	close(lines);
	close(strings);
}

Test(framing, takes_an_empty_input_for_no_messages, .timeout = 30)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", channel_name(name), "--framing", "netstring"),
		0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--framing", "netstring"), 0);
	expect_output(&tool, "");
	tool_free(&tool);
}

/* ---- whole messages only ---- */

/*
 * A netstring longer than the ring whose comma is missing, or whose input ends: it is never
 * delivered as whole.
 */
static void expect_cut(const char *end)
{
	enum { SIZE = 50000 };
	struct bytes input = { NULL, 0 };
	char name[NAME_SIZE], *body = calloc(1, SIZE), *output;
	struct tool producer, strings;
	size_t size;
	int fd;

	bytes_add(&input, "2:ok,50000:", 11);
	bytes_add(&input, body, SIZE - (*end == '\0' ? 1 : 0));
	bytes_add(&input, end, strlen(end));
	fd = bytes_file(input.at, input.size);
	producer = tool_start_fds(fd, -1, "shm-produce", "-s", "4096", "-C", channel_name(name),
				  "--framing", "netstring", NULL);
	strings =
		tool_start("shm-consume", "-s", "4096", "-C", name, "--framing", "netstring", NULL);
	cr_expect_eq(tool_end(&producer), 1);
	cr_expect_eq(tool_end(&strings), 4);
	output = tool_output(&strings, &size);
	cr_expect_str_eq(output, "2:ok,");
	cr_expect_eq(size, 5u);
	free(output);
	tool_free(&producer);
	tool_free(&strings);
	object_remove(name);
	close(fd);
	free(body);
	free(input.at);
}

Test(framing, aborts_a_long_message_that_is_cut_short, .timeout = 60)
{
	expect_cut("");
	expect_cut(";");
}

/* Each netstring is sent when its comma is there: not before, and not only when more comes. */
Test(framing, sends_each_netstring_when_it_is_complete, .timeout = 60)
{
	char name[NAME_SIZE], got[16];
	struct tool producer, consumer;
	int input[2], output[2];

	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	producer = tool_start_fds(input[0], -1, "shm-produce", "-C", channel_name(name),
				  "--framing", "netstring", NULL);
	consumer = tool_start_fds(-1, output[1], "shm-consume", "-C", name, "--framing",
				  "netstring", NULL);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(write(input[1], "1:a,2:b", 7), 7);
		cr_assert_eq(read(output[0], got, sizeof(got)), 4);
		cr_expect_eq(memcmp(got, "1:a,", 4), 0);
		cr_assert_eq(write(input[1], "c,", 2), 2);
		cr_assert_eq(read(output[0], got, sizeof(got)), 5);
		cr_expect_eq(memcmp(got, "2:bc,", 5), 0);
	}
	close(input[1]);
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&producer);
	tool_free(&consumer);
	close(input[0]);
	close(output[0]);
	close(output[1]);
}

Test(framing, drops_netstrings_whole_when_the_ring_is_full, .timeout = 60)
{
	struct bytes input = { NULL, 0 };
	char name[NAME_SIZE], *body = calloc(1, 50000);
	struct tool tool;
	int fd;

	bytes_add(&input, "3900:", 5);
	bytes_add(&input, body, 3900);
	bytes_add(&input, ",50000:", 7);
	bytes_add(&input, body, 50000);
	bytes_add(&input, ",2000:", 6);
	bytes_add(&input, body, 2000);
	bytes_add(&input, ",4:last,", 8);
	fd = bytes_file(input.at, input.size);
	tool = tool_start_fds(fd, -1, "shm-produce", "-s", "4096", "-C", channel_name(name),
			      "--framing", "netstring", "--when-full", "drop-new", NULL);
	cr_expect_eq(tool_end(&tool), 0);
	expect_errors_contain(&tool, "dropped 2 messages");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-q", "-C", name, "--format", "%S %o\\n"), 0);
	expect_output(&tool, "3900 1\n4 4\n");
	tool_free(&tool);
	close(fd);
	free(body);
	free(input.at);
}

/* ---- for a command ---- */

/* Blocks of lines and netstrings, of which one is longer than the ring, in batches. */
Test(framing, gives_netstrings_to_the_command_of_a_batch, .timeout = 60)
{
	enum { LONG = 30000 };
	struct bytes input = { NULL, 0 }, expected = { NULL, 0 };
	char name[NAME_SIZE], *body = calloc(1, LONG), *output;
	struct tool producer, consumer;
	size_t size;
	int fd;

	memset(body, '9', LONG);
	bytes_add(&input, "a\n\nten bytes.\n", 14);
	bytes_add(&input, body, LONG);
	bytes_add(&input, "\nend", 4);
	bytes_add(&expected, "1:a,0:,10:ten bytes.,30000:", 27);
	bytes_add(&expected, body, LONG);
	bytes_add(&expected, ",3:end,", 7);
	fd = bytes_file(input.at, input.size);
	consumer = tool_start("shm-consume", "-s", "4096", "-C", channel_name(name), "-b", "3",
			      "--framing", "netstring", "--stats", "--", "cat", NULL);
	producer = tool_start_fds(fd, -1, "shm-produce", "-s", "4096", "-C", name, NULL);
	cr_expect_eq(tool_end(&producer), 0, "%s", tool_errors(&producer));
	cr_expect_eq(tool_end(&consumer), 0, "%s", tool_errors(&consumer));
	output = tool_output(&consumer, &size);
	cr_expect(size == expected.size && memcmp(output, expected.at, size) == 0, "%.40s", output);
	expect_errors_contain(&consumer, "5 messages, 30014 bytes in ");
	tool_free(&producer);
	tool_free(&consumer);
	close(fd);
	free(output);
	free(body);
	free(input.at);
	free(expected.at);
}

/* A dead letter is the message, without the framing that the command got. */
Test(framing, sends_dead_letters_as_they_were, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct tool tool;

	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", channel_name(name), "a", "", "ten bytes."), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-q", "-C", name, "-b", "10", "--framing",
			      "netstring", "--retries", "0", "--on-failure", "dead",
			      "--dead-letter", channel_name(dead), "--", "false"),
		     123);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", dead, "--format", "[%s]"), 0);
	expect_output(&tool, "[a][][ten bytes.]");
	tool_free(&tool);
}

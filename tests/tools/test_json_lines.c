/* --json-lines: one object for each message, text as text and anything else as base64. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/base64.h"

#ifdef WITH_JANSSON
#include <jansson.h>
#endif

Test(json_lines, encodes_the_test_vectors_of_RFC_4648, .timeout = 10)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "//77" },
		{ "\xff", "/w==" },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t size = strlen(vectors[i][0]);
		char text[16];

		memset(text, '#', sizeof(text));
		cr_expect_eq(base64_size(size), strlen(vectors[i][1]));
		base64_encode(text, (const unsigned char *)vectors[i][0], size);
		cr_expect_eq(memcmp(text, vectors[i][1], base64_size(size)), 0, "%s",
			     vectors[i][1]);
		cr_expect_eq(text[base64_size(size)], '#');
	}
}

#ifdef WITH_JANSSON
static int digit_value(char digit)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = strchr(digits, digit);

	cr_assert_not_null(found, "'%c' is no digit of base64", digit);
	return (int)(found - digits);
}

/* Decodes base64, written independently of the encoder; returns the size. */
static size_t base64_decode(const char *text, unsigned char *bytes)
{
	size_t size = 0, bits = 0;
	unsigned word = 0;

	for (; *text != '\0' && *text != '='; text++) {
		word = word << 6 | (unsigned)digit_value(*text);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes[size++] = (unsigned char)(word >> bits);
		}
	}
	return size;
}

static json_int_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	cr_assert(json_is_integer(value), "no number \"%s\"", name);
	return json_integer_value(value);
}

/* Returns the bytes under this name or, as base64, under the other; exactly one must be there. */
static size_t bytes_of(const json_t *object, const char *name, unsigned char *bytes, bool *text)
{
	char name_base64[64];
	const json_t *value = json_object_get(object, name), *encoded;

	snprintf(name_base64, sizeof(name_base64), "%s_base64", name);
	encoded = json_object_get(object, name_base64);
	cr_assert((value == NULL) != (encoded == NULL));
	*text = value != NULL;
	if (value == NULL)
		return base64_decode(json_string_value(encoded), bytes);
	memcpy(bytes, json_string_value(value), json_string_length(value));
	return json_string_length(value);
}

/* Returns the next line of *text as an object, and moves *text beyond it. */
static json_t *next_object(const char **text)
{
	const char *end = strchr(*text, '\n');
	json_error_t error;
	json_t *object;

	cr_assert_not_null(end);
	object = json_loadb(*text, (size_t)(end - *text), JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
			    &error);
	cr_assert(json_is_object(object), "%s: %.200s", error.text, *text);
	*text = end + 1;
	return object;
}

enum { MESSAGES = 200, LONGEST = 50000 };

static size_t random_message(unsigned *state, unsigned char *bytes)
{
	static const char *const texts[] = { "a",    "\n",	 "\"",		 "\\",
					     "\x01", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
					     "\x7f", "</" };
	unsigned kind = (*state = *state * 1664525U + 1013904223U) >> 24;
	size_t size = 0, most = kind < 4 ? LONGEST - 8 : kind % 24;

	while (size < most) {
		*state = *state * 1664525U + 1013904223U;
		if (kind % 2 == 0 || *state >> 29 == 0) {
			bytes[size++] = (unsigned char)(*state >> 16);
		} else {
			const char *text = texts[(*state >> 8) % 10];

			for (; *text != '\0'; text++)
				bytes[size++] = (unsigned char)*text;
		}
	}
	return size;
}

/* The messages go through a ring of 4 KiB, so that some of them come in pieces. */
Test(json_lines, brings_random_messages_back, .timeout = 120)
{
	static unsigned char bytes[LONGEST], got[LONGEST];
	unsigned state = 99, texts = 0;
	int input = memfd_create("input", MFD_CLOEXEC);
	char name[NAME_SIZE], *output;
	struct tool producer, consumer;
	const char *at;

	for (int i = 0; i < MESSAGES; i++) {
		size_t size = random_message(&state, bytes);

		dprintf(input, "%zu:", size);
		cr_assert_eq(write(input, bytes, size), (ssize_t)size);
		dprintf(input, ",");
	}
	lseek(input, 0, SEEK_SET);
	producer = tool_start_fds(input, -1, "shm-produce", "-s", "4096", "-C", channel_name(name),
				  "--framing", "netstring", "-k", "\xc3\xa4\xff", NULL);
	consumer = tool_start("shm-consume", "-s", "4096", "-C", name, "--json-lines", NULL);
	cr_expect_eq(tool_end(&producer), 0, "%s", tool_errors(&producer));
	cr_expect_eq(tool_end(&consumer), 0, "%s", tool_errors(&consumer));
	at = output = tool_output(&consumer, NULL);
	state = 99;
	for (int i = 0; i < MESSAGES; i++) {
		size_t size = random_message(&state, bytes);
		json_t *object = next_object(&at);
		bool text;

		cr_expect_eq(number(object, "sequence"), i + 1);
		cr_expect_eq(number(object, "attempt"), 1);
		cr_expect_gt(number(object, "epoch"), 0);
		cr_expect_eq(number(object, "size"), (json_int_t)size);
		cr_expect_str_eq(json_string_value(json_object_get(object, "channel")), name);
		cr_expect_eq(bytes_of(object, "key", got, &text), 3u);
		cr_expect(!text && memcmp(got, "\xc3\xa4\xff", 3) == 0);
		cr_assert_eq(bytes_of(object, "message", got, &text), size, "message %d", i);
		cr_assert_eq(memcmp(got, bytes, size), 0, "message %d", i);
		texts += text;
		json_decref(object);
	}
	cr_expect_str_empty(at);
	cr_expect(texts > 10 && texts < MESSAGES - 10, "%u", texts);
	free(output);
	tool_free(&producer);
	tool_free(&consumer);
	close(input);
}

/* Overlong forms, surrogates, what is beyond Unicode, and what is cut off. */
Test(json_lines, takes_nothing_for_text_that_is_not_UTF_8, .timeout = 60)
{
	static const char *const lines[] = { "\xc0\x80",	 "\xed\xa0\x80", "\xf4\x90\x80\x80",
					     "\xe2\x82",	 "\x80",	 "a\xff",
					     "\xf8\x88\x80\x80", "\xfe" };
	char name[NAME_SIZE], *output;
	const char *at;
	struct tool tool;
	int input = memfd_create("input", MFD_CLOEXEC);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		dprintf(input, "%s\n", lines[i]);
	lseek(input, 0, SEEK_SET);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), NULL);
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--json-lines"), 0);
	at = output = tool_output(&tool, NULL);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *object = next_object(&at);
		unsigned char got[8];
		bool text;

		cr_expect_eq(bytes_of(object, "message", got, &text), strlen(lines[i]));
		cr_expect(!text && memcmp(got, lines[i], strlen(lines[i])) == 0);
		cr_expect_null(json_object_get(object, "key"));
		cr_expect_null(json_object_get(object, "key_base64"));
		json_decref(object);
	}
	free(output);
	tool_free(&tool);
	close(input);
}

Test(json_lines, goes_with_peek_and_count, .timeout = 60)
{
	char name[NAME_SIZE], *output;
	const char *at;
	struct tool tool;
	json_t *object;

	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "-k", "kind", "one",
			      "two"),
		     0);
	tool_free(&tool);
	cr_expect_eq(
		tool_run(&tool, "shm-consume", "-C", name, "--peek", "-c", "1", "--json-lines"), 0);
	at = output = tool_output(&tool, NULL);
	object = next_object(&at);
	cr_expect_str_empty(at);
	cr_expect_gt(number(object, "epoch"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(object, "key")), "kind");
	cr_expect_str_eq(json_string_value(json_object_get(object, "message")), "one");
	json_decref(object);
	free(output);
	tool_free(&tool);
	object_remove(name);
}

/* The sequence number of the next message that is sent. */
static void sequence_set(const char *name, uint64_t sequence)
{
	object_write(name, OFFSET(producers.marks[0].sequence), &sequence, sizeof(sequence));
	object_write(name, OFFSET(producers.marks[1].sequence), &sequence, sizeof(sequence));
}

Test(json_lines, numbers_are_right_beyond_those_with_a_sign, .timeout = 60)
{
	static const uint64_t numbers[] = { INT64_MAX - UINT64_C(1), INT64_MAX, UINT64_C(1) << 63,
					    UINT64_MAX - 2 };
	char name[NAME_SIZE], expected[256];
	struct tool tool;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		unsigned long long number = numbers[i];

		cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--groups",
				      "a", "x"),
			     0);
		tool_free(&tool);
		cr_assert_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "a", "-c", "1"), 0);
		tool_free(&tool);
		sequence_set(name, number);
		object_write(name, OFFSET(header.epoch), &numbers[i], sizeof(numbers[i]));
		cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "y"), 0);
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "a", "-c", "1", "-q",
				      "--json-lines"),
			     0);
		snprintf(expected, sizeof(expected),
			 "{\"channel\":\"%s\",\"epoch\":%llu,\"sequence\":%llu,\"attempt\":1,"
			 "\"size\":1,\"message\":\"y\"}\n",
			 name, number, number);
		expect_output(&tool, expected);
		tool_free(&tool);
		object_remove(name);
	}
}

/* Expects a number that equals this one, as far as a double can hold it. */
static void expect_number(const json_t *object, const char *name, double expected)
{
	double value = json_number_value(json_object_get(object, name));

	cr_expect(value > expected * 0.999999 && value < expected * 1.000001,
		  "\"%s\" is %.17g, not %.17g", name, value, expected);
}

Test(json_lines, what_is_told_of_a_channel_is_right_beyond_numbers_with_a_sign, .timeout = 60)
{
	const uint64_t large = (UINT64_C(1) << 63) + (UINT64_C(1) << 62);
	char name[NAME_SIZE], *text;
	struct tool tool;
	json_t *status;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "--groups", "a", "x"),
		     0);
	tool_free(&tool);
	sequence_set(name, large);
	object_write(name, OFFSET(consumers.groups[0].redelivered), &large, sizeof(large));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--status", "--json"), 0);
	text = tool_output(&tool, NULL);
	status = json_loads(text, 0, NULL);
	cr_assert_not_null(status, "%s", text);
	expect_number(status, "sent", (double)large);
	expect_number(json_array_get(json_object_get(status, "groups"), 0), "redelivered",
		      (double)large);
	json_decref(status);
	free(text);
	tool_free(&tool);
	object_remove(name);
}
#else
Test(json_lines, is_refused_by_a_build_without_jansson, .timeout = 30)
{
	struct tool tool;

	if (getenv("FOREIGN_TOOLS") != NULL && *getenv("FOREIGN_TOOLS") != '\0')
		test_skip("the tools are of another build");
	cr_expect_eq(tool_run(&tool, "shm-consume", "--json-lines"), 1);
	expect_errors_contain(&tool, "made without jansson");
	tool_free(&tool);
}
#endif

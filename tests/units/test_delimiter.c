#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/delimiter.h"

/*
 * Returns a copy that ends exactly where its memory ends, so that the address sanitizer sees a look
 * beyond it.
 */
struct text {
	unsigned char *bytes;
	size_t size;
};

static struct text text_new(const void *bytes, size_t size)
{
	struct text text = { .bytes = malloc(size > 0 ? size : 1), .size = size };

	cr_assert_not_null(text.bytes);
	if (size > 0)
		memcpy(text.bytes, bytes, size);
	return text;
}

static struct text text_of(const char *string)
{
	return text_new(string, strlen(string));
}

/* ---- a reference: slow, short and obvious ---- */

static bool found_at(struct text text, size_t at, struct text delimiter)
{
	if (delimiter.size == 0 || at + delimiter.size > text.size)
		return false;
	for (size_t i = 0; i < delimiter.size; i++)
		if (text.bytes[at + i] != delimiter.bytes[i])
			return false;
	return true;
}

/* Returns the offset after the count-th delimiter; *found says how many there were up to it. */
static size_t naive_skip(struct text text, struct text delimiter, size_t count, size_t *found)
{
	size_t at = 0, end = 0;

	*found = 0;
	while (at < text.size && *found < count) {
		if (found_at(text, at, delimiter)) {
			at += delimiter.size;
			end = at;
			(*found)++;
		} else {
			at++;
		}
	}
	return end;
}

static size_t naive_begun(struct text text, struct text delimiter)
{
	size_t most = 0;

	for (size_t begun = 1; begun < delimiter.size && begun <= text.size; begun++) {
		bool same = true;

		for (size_t i = 0; i < begun; i++)
			same = same && text.bytes[text.size - begun + i] == delimiter.bytes[i];
		if (same)
			most = begun;
	}
	return most;
}

/* Compares all three functions with the reference. */
static void cross_check(struct text text, struct text delimiter)
{
	size_t found, end, wanted_end, wanted;

	wanted_end = naive_skip(text, delimiter, SIZE_MAX, &wanted);
	found = delimiter_count(text.bytes, text.size, delimiter.bytes, delimiter.size, &end);
	cr_assert_eq(found, wanted, "counted %zu, not %zu", found, wanted);
	cr_assert_eq(end, wanted_end, "the last one ends at %zu, not %zu", end, wanted_end);
	for (size_t count = 1; count <= wanted + 1; count += 1 + wanted / 50) {
		size_t skipped = delimiter_skip(text.bytes, text.size, delimiter.bytes,
						delimiter.size, count);

		wanted_end = naive_skip(text, delimiter, count, &found);
		cr_assert_eq(skipped, found == count ? wanted_end : 0,
			     "skipped %zu bytes for %zu delimiters", skipped, count);
	}
	cr_assert_eq(delimiter_begun(text.bytes, text.size, delimiter.bytes, delimiter.size),
		     naive_begun(text, delimiter));
}

static void expect_counted(const char *string, const char *delimiter, size_t count, size_t end)
{
	struct text text = text_of(string), wanted = text_of(delimiter);
	size_t found, found_end;

	found = delimiter_count(text.bytes, text.size, wanted.bytes, wanted.size, &found_end);
	cr_expect_eq(found, count, "\"%s\" in \"%s\": %zu", delimiter, string, found);
	cr_expect_eq(found_end, end, "\"%s\" in \"%s\" ends at %zu", delimiter, string, found_end);
	cross_check(text, wanted);
	free(text.bytes);
	free(wanted.bytes);
}

static void expect_skipped(const char *string, const char *delimiter, size_t count, size_t offset)
{
	struct text text = text_of(string), wanted = text_of(delimiter);
	size_t skipped = delimiter_skip(text.bytes, text.size, wanted.bytes, wanted.size, count);

	cr_expect_eq(skipped, offset, "%zu times \"%s\" in \"%s\": %zu", count, delimiter, string,
		     skipped);
	free(text.bytes);
	free(wanted.bytes);
}

static void expect_begun(const char *string, const char *delimiter, size_t begun)
{
	struct text text = text_of(string), wanted = text_of(delimiter);
	size_t found = delimiter_begun(text.bytes, text.size, wanted.bytes, wanted.size);

	cr_expect_eq(found, begun, "\"%s\" begun in \"%s\": %zu", delimiter, string, found);
	free(text.bytes);
	free(wanted.bytes);
}

Test(delimiter, count_takes_the_leftmost_and_never_overlaps, .timeout = 10)
{
	expect_counted("aaa", "aa", 1, 2);
	expect_counted("aaaa", "aa", 2, 4);
	expect_counted("aaaaa", "aa", 2, 4);
	expect_counted("baaab", "aa", 1, 3);
	expect_counted("abababa", "aba", 2, 7);
	expect_counted("ababab", "aba", 1, 3);
	expect_counted("aabaab", "aab", 2, 6);
	expect_counted("aaab", "aab", 1, 4);
}

Test(delimiter, count_ends_behind_the_last_one, .timeout = 10)
{
	expect_counted("", "\n", 0, 0);
	expect_counted("", "ab", 0, 0);
	expect_counted("\n", "\n", 1, 1);
	expect_counted("one\ntwo\nthree", "\n", 2, 8);
	expect_counted("one\ntwo\n", "\n", 2, 8);
	expect_counted("none", "\n", 0, 0);
	expect_counted("none", "\r\n", 0, 0);
	expect_counted("one\r\ntwo\rthree\n", "\r\n", 1, 5);
	expect_counted("\n\n\n", "\n", 3, 3);
	expect_counted("a", "ab", 0, 0);
	expect_counted("ab", "ab", 1, 2);
}

Test(delimiter, no_delimiter_is_found_nowhere, .timeout = 10)
{
	expect_counted("abc", "", 0, 0);
	expect_counted("", "", 0, 0);
	expect_begun("abc", "", 0);
	expect_begun("", "", 0);
}

Test(delimiter, bytes_of_every_value_are_delimiters, .timeout = 10)
{
	unsigned char all[256];
	struct text text;
	size_t end;

	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	text = text_new(all, sizeof(all));
	for (unsigned i = 0; i < sizeof(all); i++) {
		unsigned char one = (unsigned char)i;

		cr_assert_eq(delimiter_count(text.bytes, text.size, &one, 1, &end), 1);
		cr_assert_eq(end, i + 1);
		cr_assert_eq(delimiter_skip(text.bytes, text.size, &one, 1, 1), i + 1);
		cr_assert_eq(delimiter_skip(text.bytes, text.size, &one, 1, 2), 0);
	}
	free(text.bytes);
}

Test(delimiter, zero_bytes_do_not_end_a_search, .timeout = 10)
{
	struct text text = text_new("a\0b\0\0c\0", 7);
	struct text one = text_new("\0", 1), two = text_new("\0\0", 2);
	size_t end;

	cr_expect_eq(delimiter_count(text.bytes, text.size, one.bytes, one.size, &end), 4);
	cr_expect_eq(end, 7);
	cr_expect_eq(delimiter_count(text.bytes, text.size, two.bytes, two.size, &end), 1);
	cr_expect_eq(end, 5);
	cr_expect_eq(delimiter_begun(text.bytes, text.size, two.bytes, two.size), 1);
	free(text.bytes);
	free(one.bytes);
	free(two.bytes);
}

Test(delimiter, skip_goes_behind_the_nth_or_nowhere, .timeout = 10)
{
	expect_skipped("one\ntwo\n", "\n", 1, 4);
	expect_skipped("one\ntwo\n", "\n", 2, 8);
	expect_skipped("one\ntwo\n", "\n", 3, 0);
	expect_skipped("one\ntwo", "\n", 2, 0);
	expect_skipped("", "\n", 1, 0);
	expect_skipped("aaaaa", "aa", 2, 4);
	expect_skipped("aaaaa", "aa", 3, 0);
	expect_skipped("one<>two<>", "<>", 2, 10);
	expect_skipped("one<>two<", "<>", 2, 0);
	expect_skipped("one\n", "\n", 0, 0);
}

Test(delimiter, begun_is_the_longest_beginning_at_the_end, .timeout = 10)
{
	expect_begun("one", "\n", 0);
	expect_begun("one\r", "\r\n", 1);
	expect_begun("one\n", "\r\n", 0);
	expect_begun("xab", "abc", 2);
	expect_begun("xabx", "abc", 0);
	expect_begun("a", "abc", 1);
	expect_begun("", "abc", 0);
	expect_begun("aaa", "aaaaaa", 3);    /* shorter than the delimiter */
	expect_begun("aaaaaaaa", "aaaa", 3); /* never the whole delimiter */
	expect_begun("xaba", "abab", 3);
	expect_begun("xabaa", "abab", 1);
}

Test(delimiter, counting_is_right_around_every_length_of_a_run, .timeout = 20)
{
	static const size_t sizes[] = { 1,   2,	  15,  16,  17,	 31,   32,   33,   63,	  64,	65,
					127, 128, 129, 253, 254, 255,  256,  257,  509,	  510,	511,
					512, 764, 765, 766, 767, 1019, 1020, 1021, 65535, 65536 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct text text = { .bytes = malloc(sizes[i]), .size = sizes[i] };
		struct text newline = text_of("\n");
		size_t end;

		/* nothing but delimiters: a byte lane holds at most 255 of them */
		memset(text.bytes, '\n', text.size);
		cr_expect_eq(delimiter_count(text.bytes, text.size, newline.bytes, 1, &end),
			     sizes[i]);
		cr_expect_eq(end, sizes[i]);
		/* only the first and the last */
		memset(text.bytes + 1, 'x', text.size - 1);
		text.bytes[text.size - 1] = '\n';
		cr_expect_eq(delimiter_count(text.bytes, text.size, newline.bytes, 1, &end),
			     sizes[i] > 1 ? 2 : 1);
		cr_expect_eq(end, sizes[i]);
		/* only the first */
		text.bytes[text.size - 1] = 'x';
		text.bytes[0] = '\n';
		cr_expect_eq(delimiter_count(text.bytes, text.size, newline.bytes, 1, &end), 1);
		cr_expect_eq(end, 1);
		free(text.bytes);
		free(newline.bytes);
	}
}

Test(delimiter, delimiters_of_255_bytes_are_found_whole, .timeout = 10)
{
	unsigned char bytes[DELIMITER_MAX], almost[DELIMITER_MAX], three[3 * DELIMITER_MAX + 7];
	struct text delimiter, text;
	size_t end;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i % 7);
	memcpy(almost, bytes, sizeof(bytes));
	almost[DELIMITER_MAX - 1] ^= 1;
	memcpy(three, bytes, DELIMITER_MAX);
	memcpy(three + DELIMITER_MAX, almost, DELIMITER_MAX);
	memset(three + 2 * DELIMITER_MAX, 'x', 7);
	memcpy(three + 2 * DELIMITER_MAX + 7, bytes, DELIMITER_MAX);
	delimiter = text_new(bytes, sizeof(bytes));
	text = text_new(three, sizeof(three));

	cr_expect_eq(delimiter_count(text.bytes, text.size, bytes, sizeof(bytes), &end), 2);
	cr_expect_eq(end, sizeof(three));
	cr_expect_eq(delimiter_skip(text.bytes, text.size, bytes, sizeof(bytes), 1), DELIMITER_MAX);
	cr_expect_eq(delimiter_skip(text.bytes, text.size, bytes, sizeof(bytes), 2), sizeof(three));
	cr_expect_eq(delimiter_count(text.bytes, text.size - 1, bytes, sizeof(bytes), &end), 1);
	cr_expect_eq(delimiter_begun(text.bytes, text.size - 1, bytes, sizeof(bytes)),
		     DELIMITER_MAX - 1);
	cross_check(text, delimiter);
	free(text.bytes);
	free(delimiter.bytes);
}

/* xorshift: it makes the same texts in every run */
static unsigned next_random(void)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state >> 8;
}

Test(delimiter, random_texts_agree_with_a_naive_search, .timeout = 60)
{
	for (int round = 0; round < 6000; round++) {
		unsigned letters = 1 + next_random() % 3; /* few, so that much matches */
		struct text text = { .size = next_random() % (round % 10 == 0 ? 1500 : 60) };
		struct text delimiter = { .size = 1 + next_random() % (round % 10 == 1 ? 255 : 6) };

		text.bytes = malloc(text.size > 0 ? text.size : 1);
		delimiter.bytes = malloc(delimiter.size);
		cr_assert(text.bytes != NULL && delimiter.bytes != NULL);
		for (size_t i = 0; i < text.size; i++)
			text.bytes[i] = (unsigned char)(next_random() % letters);
		for (size_t i = 0; i < delimiter.size; i++)
			delimiter.bytes[i] = (unsigned char)(next_random() % letters);
		cross_check(text, delimiter);
		free(text.bytes);
		free(delimiter.bytes);
	}
}

/* The nearest word, and the answer to a mistyped option. */
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/nearest.h"

Test(nearest, counts_the_edits, .timeout = 30)
{
	static const struct {
		const char *one, *other;
		size_t distance;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "channel", "channel", 0 },
		{ "chanel", "channel", 1 },   /* left out */
		{ "channnel", "channel", 1 }, /* put in */
		{ "chunnel", "channel", 1 },  /* changed */
		{ "hcannel", "channel", 1 },  /* swapped */
		{ "channle", "channel", 1 },  /* swapped at the end */
		{ "ca", "abc", 3 },	      /* no letter is touched twice: not swap and put in */
		{ "kitten", "sitting", 3 },
		{ "a cat", "an abct", 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_expect_eq(nearest_distance(rows[i].one, rows[i].other), rows[i].distance,
			     "\"%s\" \"%s\": %zu", rows[i].one, rows[i].other,
			     nearest_distance(rows[i].one, rows[i].other));
		cr_expect_eq(nearest_distance(rows[i].other, rows[i].one), rows[i].distance);
	}
}

/* The definition of the distance, word for word; this takes its time. */
static size_t by_definition(const char *one, size_t i, const char *other, size_t j)
{
	size_t best, more;

	if (i == 0 || j == 0)
		return i + j;
	best = by_definition(one, i - 1, other, j - 1) + (one[i - 1] != other[j - 1]);
	more = by_definition(one, i - 1, other, j) + 1;
	best = more < best ? more : best;
	more = by_definition(one, i, other, j - 1) + 1;
	best = more < best ? more : best;
	if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) {
		more = by_definition(one, i - 2, other, j - 2) + 1;
		best = more < best ? more : best;
	}
	return best;
}

/* All words of up to four letters out of three: 121 of them. */
static void word_of_number(unsigned number, char word[5])
{
	size_t size = 0;

	for (; number > 0; number = (number - 1) / 3)
		word[size++] = (char)('a' + (number - 1) % 3);
	word[size] = '\0';
}

Test(nearest, is_what_its_definition_says_for_all_short_words, .timeout = 60)
{
	char one[5], other[5];

	for (unsigned i = 0; i < 121; i++) {
		word_of_number(i, one);
		for (unsigned j = 0; j < 121; j++) {
			word_of_number(j, other);
			cr_assert_eq(nearest_distance(one, other),
				     by_definition(one, strlen(one), other, strlen(other)),
				     "\"%s\" \"%s\"", one, other);
		}
	}
}

static const char *nearest_of(const char *word, const char *const *words)
{
	struct nearest nearest;

	nearest_begin(&nearest, word);
	for (; *words != NULL; words++)
		nearest_try(&nearest, *words);
	return nearest.best;
}

Test(nearest, takes_a_slip_and_no_other_word, .timeout = 30)
{
	static const char *const words[] = { "size",	  "mode", "channel", "timeout",
					     "when-full", "key",  "new",     NULL };
	char longest[NEAREST_WORD_MAX + 2];
	const char *const itself[] = { longest, NULL };

	cr_expect_str_eq(nearest_of("siez", words), "size");
	cr_expect_str_eq(nearest_of("when_full", words), "when-full");
	cr_expect_str_eq(nearest_of("tiemotu", words), "timeout");
	cr_expect_str_eq(nearest_of("ne", words), "new");
	cr_expect_null(nearest_of("sz", words));
	cr_expect_null(nearest_of("x", words));
	cr_expect_null(nearest_of("", words));
	cr_expect_null(nearest_of("bogus", words));
	cr_expect_null(nearest_of("tmt", words));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[NEAREST_WORD_MAX + 1] = '\0';
	cr_expect_null(nearest_of(longest, itself));
	longest[NEAREST_WORD_MAX] = '\0';
	cr_expect_str_eq(nearest_of(longest, itself), longest);
}

/* The tool must print one line on standard error that contains this, and exit with 2. */
static void refuse(const char *part, const char *tool_name, const char *option)
{
	struct tool tool;
	char *errors;

	cr_expect_eq(tool_run(&tool, tool_name, option, "x"), 2, "%s %s", tool_name, option);
	errors = tool_errors(&tool);
	cr_expect_not_null(strstr(errors, part), "%s %s said \"%s\", without \"%s\"", tool_name,
			   option, errors, part);
	cr_expect(strchr(errors, '\n') != NULL && strchr(errors, '\n')[1] == '\0', "%s", errors);
	free(errors);
	tool_free(&tool);
}

Test(nearest, a_mistyped_option_is_answered_with_the_right_one, .timeout = 60)
{
	char name[NAME_SIZE];

	setenv("SHM_CHANNEL", channel_name(name), 1);
	refuse("unknown option \"--chanel\"; did you mean \"--channel\"?", "shm-produce",
	       "--chanel");
	refuse("\"--tiemout\"; did you mean \"--timeout\"?", "shm-consume", "--tiemout=3");
	refuse("\"--folow\"; did you mean \"--follow\"?", "shm-consume", "--folow");
	refuse("unknown option \"--bogus\" (", "shm-produce", "--bogus");
	refuse("unknown option \"--follow\": it belongs to shm-consume", "shm-produce", "--follow");
	refuse("unknown option \"--wait-ack\": it belongs to shm-produce", "shm-consume",
	       "--wait-ack");
	refuse("unknown option \"--\\x1bred\"", "shm-consume", "--\x1bred");
	cr_assert(!object_exists(name));
}

Test(nearest, an_ambiguous_option_is_answered_with_its_candidates, .timeout = 60)
{
	char name[NAME_SIZE];

	setenv("SHM_CHANNEL", channel_name(name), 1);
	refuse("\"--retr\" is ambiguous: --retries, --retry-delay (", "shm-consume", "--retr=2");
	refuse("\"--wait\" is ambiguous: --wait-ack, --wait-consumers (", "shm-produce", "--wait");
	refuse("option \"--null\" takes no argument: \"--null=3\"", "shm-produce", "--null=3");
	refuse("option \"--new\" takes no argument: \"--new=3\"", "shm-consume", "--new=3");
	refuse("option \"--quiet\" takes no argument", "shm-consume", "--qui=3");
	cr_assert(!object_exists(name));
}

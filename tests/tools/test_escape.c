/*
 * Text of others on its way to a terminal: escaped, validated, and quoted where it is a command to
 * paste.
 */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "channel/channel.h"

/* The environment of the tools, which says what their terminal can show. */
static void locale_set(const char *all, const char *type, const char *lang)
{
	setenv("LC_ALL", all, 1);
	setenv("LC_CTYPE", type, 1);
	setenv("LANG", lang, 1);
}

static void expect_escaped(const char *text, size_t size, unsigned flags, const char *expected)
{
	char escaped[512];
	size_t used = escape_text(escaped, sizeof(escaped), text, size, flags);

	cr_expect_str_eq(escaped, expected, "\"%s\", not \"%s\"", escaped, expected);
	cr_expect_eq(used, strlen(expected));
}

#define ESCAPED(text, flags, expected) expect_escaped(text, sizeof(text) - 1, flags, expected)

Test(escape, control_characters_of_all_kinds_are_escaped_in_every_locale)
{
	static const char *const locales[] = { "C.UTF-8", "C" };

	for (int i = 0; i < 2; i++) {
		locale_set(locales[i], "", "");
		ESCAPED("a\x1b[31m\a\n\x7f", 0, "a\\x1b[31m\\x07\\x0a\\x7f");
		ESCAPED("nul\0.", 0, "nul\\x00.");
		ESCAPED("\x9b"
			"31m\x9d",
			0, "\\x9b31m\\x9d");
		ESCAPED("\xc2\x9b"
			"31m\xc2\x80\xc2\x9d\xc2\x9f",
			0, "\\xc2\\x9b31m\\xc2\\x80\\xc2\\x9d\\xc2\\x9f");
		/* the direction of writing, no room, ends of lines, tags, no character at all */
		ESCAPED("\xe2\x80\xae", 0, "\\xe2\\x80\\xae");
		ESCAPED("\xe2\x81\xa6", 0, "\\xe2\\x81\\xa6");
		ESCAPED("\xd8\x9c", 0, "\\xd8\\x9c");
		ESCAPED("\xe2\x80\x8b", 0, "\\xe2\\x80\\x8b");
		ESCAPED("\xef\xbb\xbf", 0, "\\xef\\xbb\\xbf");
		ESCAPED("\xe2\x80\xa8\xe2\x80\xa9", 0, "\\xe2\\x80\\xa8\\xe2\\x80\\xa9");
		ESCAPED("\xf3\xa0\x81\x81", 0, "\\xf3\\xa0\\x81\\x81");
		ESCAPED("\xef\xbf\xbf", 0, "\\xef\\xbf\\xbf");
		/* not well-formed: alone, cut short, too long, a surrogate, beyond the last */
		ESCAPED("\x80\xbf\xff\xfe", 0, "\\x80\\xbf\\xff\\xfe");
		ESCAPED("\xc3", 0, "\\xc3");
		ESCAPED("\xe2\x82", 0, "\\xe2\\x82");
		ESCAPED("\xe2\x82z", 0, "\\xe2\\x82z");
		ESCAPED("\xc0\xaf\xc1\xbf", 0, "\\xc0\\xaf\\xc1\\xbf");
		ESCAPED("\xe0\x82\x9b", 0, "\\xe0\\x82\\x9b");
		ESCAPED("\xed\xa0\x80", 0, "\\xed\\xa0\\x80");
		ESCAPED("\xf4\x90\x80\x80", 0, "\\xf4\\x90\\x80\\x80");
	}
}

Test(escape, letters_of_any_script_stay_where_the_terminal_shows_them)
{
	static const char letters[] = "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \xd0\x96\xc2\xa0";
	static const char bytes[] = "\\xc3\\xa4\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80 "
				    "\\xd0\\x96\\xc2\\xa0";

	locale_set("", "", "de_DE.utf8@euro");
	ESCAPED(letters, 0, letters);
	ESCAPED(letters, ESCAPE_ASCII, bytes);
	locale_set("", "de_DE.UTF-8", "C"); /* the more special cause counts */
	ESCAPED(letters, 0, letters);
	locale_set("C", "de_DE.UTF-8", "de_DE.UTF-8");
	ESCAPED(letters, 0, bytes);
	locale_set("", "", "de_DE.ISO-8859-1");
	ESCAPED(letters, 0, bytes);
	locale_set("", "", "");
	ESCAPED(letters, 0, bytes);
}

Test(escape, an_excerpt_can_be_told_from_what_looks_like_one)
{
	locale_set("C.UTF-8", "", "");
	ESCAPED("a\\x1b\n\t\x1b\xc3\xa4", ESCAPE_BACKSLASH, "a\\\\x1b\\n\\t\\x1b\xc3\xa4");
	ESCAPED("a\\x1b\n", 0, "a\\x1b\\x0a");
}

Test(escape, what_does_not_fit_is_left_out_as_a_whole)
{
	static const char text[] = "a\x1b\xe2\x82\xac";
	static const char *const fits[] = {
		"", "", "a", "a", "a", "a", "a\\x1b", "a\\x1b", "a\\x1b", "a\\x1b\xe2\x82\xac"
	};
	char escaped[16];

	locale_set("C.UTF-8", "", "");
	for (size_t room = 1; room < sizeof(fits) / sizeof(fits[0]); room++) {
		memset(escaped, 'z', sizeof(escaped));
		cr_expect_eq(escape_text(escaped, room, text, sizeof(text) - 1, 0),
			     strlen(fits[room]));
		cr_expect_str_eq(escaped, fits[room], "room %zu: \"%s\"", room, escaped);
		cr_expect_eq(escaped[room], 'z');
	}
}

/* ---- words to paste ---- */

/* The shell must read the word as it was before. */
static void expect_word(const char *shell, const char *word)
{
	char quoted[ESCAPE_WORD], script[ESCAPE_WORD + 64];
	struct tool tool;

	snprintf(script, sizeof(script), "printf '<%%s>' %s", escape_word(quoted, word));
	cr_expect_eq(tool_run(&tool, shell, "-c", script), 0, "%s", script);
	snprintf(script, sizeof(script), "<%s>", word);
	expect_output(&tool, script);
	tool_free(&tool);
	for (const char *c = quoted; *c != '\0'; c++)
		cr_expect((unsigned char)*c >= 0x20 && *c != 0x7f, "\"%s\"", quoted);
}

Test(escape, a_quoted_word_is_one_word_to_a_shell, .timeout = 60)
{
	static const char *const words[] = {
		"",	 "plain", "a b",   "'",	  "''",	   "it's",     "'';id>/tmp/x;#",
		"$HOME", "$(id)", "`id`",  "\\",  "a\\'b", "*",	       "?",
		"[a]",	 "~",	  "~root", "=ls", "a=b",   "{}",       "{a,b}",
		"!!",	 "#x",	  "a#b",   ";",	  "&",	   "|",	       "<",
		">",	 "(",	  "\"",	   "-x",  "%1",	   "\xc3\xa4", "50%"
	};
	static const char *const hostile[] = { "\n",	       "a\nb",	     "\x1b[31m'",
					       "\x9b'\\\"$",   "\xc2\x9b!!", "\x01\x37'$(id)",
					       "\xe2\x80\xae", "\1777" };
	char quoted[ESCAPE_WORD], longest[1024];

	locale_set("C.UTF-8", "", "");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		expect_word("sh", words[i]);
	cr_expect_str_eq(escape_word(quoted, "plain-1.2_3"), "plain-1.2_3");
	cr_expect_str_eq(escape_word(quoted, ""), "''");
	cr_expect_str_eq(escape_word(quoted, "?"), "'?'");
	/* Not a half of the word: that could be another command. */
	memset(longest, '\'', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	cr_expect_str_eq(escape_word(quoted, longest), "...");
	longest[ESCAPE_WORD - 3] = '\0';
	memset(longest, 'a', ESCAPE_WORD - 3);
	longest[0] = ' ';
	cr_expect_eq(strlen(escape_word(quoted, longest)), (size_t)ESCAPE_WORD - 1);
	if (access("/bin/bash", X_OK) != 0)
		test_skip("there is no bash");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		expect_word("bash", hostile[i]);
}

/* ---- the tools ---- */

/*
 * Expects nothing that a terminal would obey in what a tool has written: no control characters, and
 * nothing but UTF-8.
 */
static void expect_harmless(const char *what, const char *text)
{
	size_t left = strlen(text), length;

	locale_set("C.UTF-8", "", "");
	for (; left > 0; text += length, left -= length) {
		length = *text == '\n' ? 1 : escape_printable(text, left, 0);
		cr_assert_gt(length, 0U, "%s: byte 0x%02x in \"%.60s\"", what, (unsigned char)*text,
			     text);
	}
}

static void tool_expect_harmless(const char *what, struct tool *tool)
{
	char *output = tool_output(tool, NULL), *errors = tool_errors(tool);

	expect_harmless(what, output);
	expect_harmless(what, errors);
	free(output);
	free(errors);
	tool_free(tool);
}

#define CSI "\302\23331m" /* octal, so it ends after three digits */
#define ALL "x" CSI "\x9b\xe2\x80\xae\x1b[1m"

Test(escape, what_was_typed_gives_the_terminal_no_orders, .timeout = 60)
{
	static const char *const arguments[][3] = {
		{ "-C", ALL, NULL },	     { "-s", ALL, NULL },	{ "-w", ALL, NULL },
		{ "-D", "\\" ALL, NULL },    { "--owner", ALL, NULL },	{ "--" ALL, NULL, NULL },
		{ "--framing", ALL, NULL },  { "--config", ALL, NULL }, { "--spin", ALL, NULL },
		{ "--trace", "/" ALL "/x" }, { "--json=" ALL, NULL },	{ "--mode", ALL, NULL },
	};
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	char name[NAME_SIZE];
	struct tool tool;

	channel_name(name);
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
		for (int j = 0; j < 2; j++) {
			const char *argv[] = { tools[j], "-n", arguments[i][0], arguments[i][1],
					       NULL };

			locale_set("C.UTF-8", "", "");
			tool = tool_start_argv(-1, -1, argv);
			cr_expect_neq(tool_end(&tool), 0, "%s", arguments[i][0]);
			tool_expect_harmless(arguments[i][0], &tool);
		}
	cr_expect_neq(tool_run(&tool, "shm-consume", "-C", name, "-n", "--format", "%" ALL), 0);
	tool_expect_harmless("--format", &tool);
	cr_expect_neq(tool_run(&tool, "shm-consume", "-C", name, "-n", "-g", ALL), 0);
	tool_expect_harmless("-g", &tool);
	cr_expect_neq(tool_run(&tool, "shm-produce", "-C", name, "--hold", "--", "/" ALL), 0);
	tool_expect_harmless("--hold", &tool);
	cr_expect_neq(tool_run(&tool, "shm-produce", "-C", name, "-i", "/" ALL), 0);
	tool_expect_harmless("-i", &tool);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 0);
	tool_free(&tool);
	cr_expect_neq(tool_run(&tool, "shm-consume", "-C", name, "-v", "--", "/" ALL), 0);
	tool_expect_harmless("a command", &tool);
	object_remove(name);
}

Test(escape, shown_options_give_the_terminal_no_orders, .timeout = 60)
{
	struct tool tool;

	locale_set("C.UTF-8", "", "");
	cr_expect_eq(tool_run(&tool, "shm-produce", "-k", ALL, "--trace", "/" ALL, "--show-config"),
		     0);
	tool_expect_harmless("--show-config", &tool);
	locale_set("C.UTF-8", "", "");
	cr_expect_eq(tool_run(&tool, "shm-produce", "-k", "x" CSI, "--json", "--show-config"), 0);
	tool_expect_harmless("--show-config --json", &tool);
	/* What the terminal can show is shown as it is, and the output could be read back. */
	locale_set("C.UTF-8", "", "");
	cr_expect_eq(tool_run(&tool, "shm-produce", "-k", "\xc3\xa4", "--show-config"), 0);
	cr_expect_not_null(strstr(tool_output(&tool, NULL), "\nkey = \xc3\xa4 "));
	tool_free(&tool);
}

Test(escape, the_story_tells_of_bytes_and_keys_as_the_terminal_shows_them, .timeout = 60)
{
	static const char *const locales[] = { "C.UTF-8", "C" };
	static const char *const stories[] = {
		"received data (key \"k\xc3\xa4\\xc2\\x9bm\"): \xe2\x82\xac\\xff\\x1b\\\\\n",
		"received data (key \"k\\xc3\\xa4\\xc2\\x9bm\"): \\xe2\\x82\\xac\\xff\\x1b\\\\\n"
	};
	char name[NAME_SIZE], text[200];
	struct tool tool;

	for (int i = 0; i < 2; i++) {
		locale_set(locales[i], "", "");
		cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "-k",
				      "k\xc3\xa4\xc2\x9bm", "\xe2\x82\xac\xff\x1b\\"),
			     0);
		tool_free(&tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-v"), 0);
		expect_errors_contain(&tool, stories[i]);
		tool_free(&tool);
	}
	/* The text is cut before a character, not inside of it. */
	locale_set("C.UTF-8", "", "");
	memset(text, 'a', 62);
	strcpy(text + 62, "\xe2\x82\xac\xe2\x82\xac");
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), text), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-v"), 0);
	expect_errors_contain(&tool, "aaa...\n");
	tool_free(&tool);
}

Test(escape, a_command_that_is_suggested_can_be_pasted, .timeout = 60)
{
	static const char *const words[][2] = {
		{ "it's", "command for each message: -- 'it'\\''s' (" },
		{ "a b", "command for each message: -- 'a b' (" },
		{ "$(id)", "command for each message: -- '$(id)' (" },
		{ "/bin/cat", "command for each message: -- /bin/cat (" },
		{ "\n;id", "command for each message: -- $'\\012;id' (" },
	};
	struct tool tool;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		cr_expect_eq(tool_run(&tool, "shm-consume", words[i][0]), 2);
		expect_errors_contain(&tool, words[i][1]);
		tool_free(&tool);
	}
}

/* ---- names of groups out of the shared memory ---- */

static const char *const hostile_names[] = { "'';id>/tmp/x;#", CSI,  "\x9b", "a b", "\x1b]0;x\a",
					     "-\xff",	       "\n", "../x", "?",   "*" };

/*
 * Makes a full channel of 4 KiB with two groups that no consumer is in; the name of the first one
 * is replaced.
 */
static void channel_fill(char name[NAME_SIZE], const char *group)
{
	char bytes[2][GROUP_NAME_SIZE] = { { 0 } }, text[3001];
	struct tool tool;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	channel_name(name);
	cr_assert_eq(
		tool_run(&tool, "shm-produce", "-C", name, "-s", "4K", "--groups", "one,two", text),
		0);
	tool_free(&tool);
	memset(bytes, 'z', sizeof(bytes)); /* not even a NUL after it */
	for (int i = 0; i < 2; i++)
		memcpy(bytes[i], group, strlen(group) + (strlen(group) > 3));
	object_write(name, OFFSET(consumers.groups[0].names), bytes, sizeof(bytes));
}

Test(escape, a_group_name_that_is_invalid_is_never_printed, .timeout = 120)
{
	char text[3001], name[NAME_SIZE];
	struct tool tool;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < sizeof(hostile_names) / sizeof(hostile_names[0]); i++) {
		channel_fill(name, hostile_names[i]);
		locale_set("C.UTF-8", "", "");
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", text), 3);
		expect_errors_contain(&tool, "group \"?\", whose name is damaged, is behind and "
					     "has no consumer (shm-consume -C ");
		expect_errors_contain(&tool, " --remove-group '?')");
		tool_expect_harmless("-n", &tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--status"), 0);
		cr_expect_not_null(strstr(tool_output(&tool, NULL), "\n?  "));
		tool_expect_harmless("--status", &tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--status", "--json"), 0);
		cr_expect_not_null(strstr(tool_output(&tool, NULL), "\"name\": \"?\""));
		tool_expect_harmless("--json", &tool);
		cr_expect_eq(tool_run(&tool, "shm-consume", "--list"), 0);
		tool_expect_harmless("--list", &tool);
		tool_run(&tool, "shm-consume", "--doctor");
		tool_expect_harmless("--doctor", &tool);
		/*
		 * No consumer joins the group by asking for what is printed in place of its name.
		 */
		cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-g", "?"), 2);
		tool_free(&tool);
		object_remove(name);
	}
}

/* Returns the command between two texts, as a script for a shell that finds the tools. */
static int command_run(const char *text, const char *before, const char *behind)
{
	const char *from = strstr(text, before), *to;
	char script[2048];
	struct tool tool;
	int status;

	cr_assert_not_null(from, "\"%s\" without \"%s\"", text, before);
	from += strlen(before);
	to = strstr(from, behind);
	cr_assert_not_null(to, "\"%s\" without \"%s\"", from, behind);
	snprintf(script, sizeof(script), "PATH='%s':$PATH; shm-consume %.*s", getenv("TOOLS"),
		 (int)(to - from), from);
	status = tool_run(&tool, "sh", "-c", script);
	tool_free(&tool);
	return status;
}

Test(escape, the_advice_about_a_group_that_nobody_is_in_works_as_it_is, .timeout = 60)
{
	static const char *const groups[] = { "one", "'';id>/tmp/x;#" };
	char text[3001], name[NAME_SIZE], *errors;
	struct tool tool;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		channel_fill(name, groups[i]);
		/* First one group is removed, then the other; then there is room. */
		for (int j = 0; j < 2; j++) {
			cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", text), 3);
			errors = tool_errors(&tool);
			cr_expect_eq(command_run(errors, "shm-consume ", ")"), 0, "%s", errors);
			free(errors);
			tool_free(&tool);
		}
		cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-n", text), 0);
		tool_free(&tool);
		object_remove(name);
	}
}

Test(escape, nobody_enters_a_group_by_what_is_no_name, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent agent = agent_start();

	channel_fill(name, "$(id)");
	agent_expect(&agent, "error NAME", "attach consumer %s group=?", name);
	agent_expect(&agent, "error NAME", "attach consumer %s group=$(id)", name);
	agent_expect(&agent, "error NAME", "attach producer %s groups=a,?", name);
	agent_expect(&agent, "ok", "attach consumer %s group=two", name);
	agent_quit(&agent);
	object_remove(name);
}

Test(escape, advice_of_the_doctor_about_a_damaged_name_works_as_it_is, .timeout = 60)
{
	char name[NAME_SIZE], advice[NAME_SIZE + 64], *output;
	struct tool tool;

	channel_fill(name, "$(id)");
	cr_expect_eq(tool_run(&tool, "shm-consume", "--doctor"), 1);
	output = tool_output(&tool, NULL);
	snprintf(advice, sizeof(advice), "-C %s --remove-group '?'   # drops them", name);
	cr_expect_not_null(strstr(output, advice), "%s", output);
	cr_expect_not_null(strstr(output, "group ?, whose name is damaged"), "%s", output);
	snprintf(advice, sizeof(advice), "shm-consume -C %s --remove-group '?'", name);
	cr_expect_not_null(strstr(output, advice));
	cr_expect_eq(command_run(strstr(output, advice), "shm-consume ", "   # drops them"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--status"), 0);
	free(output);
	output = tool_output(&tool, NULL);
	cr_expect_null(strstr(output, "\n?  "), "%s", output);
	cr_expect_not_null(strstr(output, "\ntwo  "), "%s", output);
	free(output);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove-group", "?"), 1);
	expect_errors_contain(&tool, "no group of that name");
	tool_free(&tool);
	object_remove(name);
}

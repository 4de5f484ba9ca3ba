/*
 * The manual pages beside --help, which is the option table, and beside the code; and their
 * examples, run as they are printed.
 */
#include "tests/support/help.h"
#include "tests/support/page.h"
#include "tests/support/support.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *tool, *path;
} pages[] = { { "shm-produce", "producer/shm-produce.1" },
	      { "shm-consume", "consumer/shm-consume.1" } };
enum { PAGES = 2, STATUS_MAX = 256 };

/* "a | b" is "a|b" in --help. */
static void bars_close(char *line)
{
	for (char *bar; (bar = strstr(line, " | ")) != NULL;) {
		memmove(bar + 1, bar + 3, strlen(bar + 3) + 1);
		*bar = '|';
	}
}

/* Does the line of a page say this option? Behind a short one the text goes on. */
static bool says(const char *line, const char *left)
{
	size_t length = strlen(left);

	return strncmp(line, left, length) == 0 && (line[length] == '\0' || line[length] == ' ') &&
	       (line[length] == '\0' || length < 8);
}

/* Options are what begins in the column where lists do. */
static const char *option_line(const char *line)
{
	return strncmp(line, "     -", 6) == 0 ? line + 5 : NULL;
}

/* The page's options, one by one, each of which the table must have. *said: which it was. */
static void expect_in_table(const struct help *help, char *options, const char *path, bool *said)
{
	for (char *line = strtok(options, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		const char *option = option_line(line);
		bool known = false;

		if (option == NULL)
			continue;
		bars_close(line);
		for (size_t i = 0; i < help->count; i++)
			if (says(option, help->rows[i].left))
				known = said[i] = true;
		cr_expect(known, "%s has \"%s\", which is not in --help", path, option);
	}
}

Test(pages, have_each_option_of_the_table_with_its_argument_and_no_other, .timeout = 60)
{
	if (!page_formatter_there())
		test_skip("no mandoc");
	for (int i = 0; i < PAGES; i++) {
		struct help help = help_read(pages[i].tool);
		char *text = page_read(pages[i].path), *options = page_section(text, "OPTIONS");
		bool said[HELP_ROWS_MAX] = { false };

		expect_in_table(&help, options, pages[i].path, said);
		for (size_t row = 0; row < help.count; row++)
			cr_expect(said[row], "%s does not have \"%s\"", pages[i].path,
				  help.rows[row].left);
		free(options);
		free(text);
	}
}

/* "126, 127  COMMAND cannot be run": sets both. */
static void statuses_take(const char *line, bool *statuses)
{
	char *end;

	while (isdigit((unsigned char)*line)) {
		unsigned long status = strtoul(line, &end, 10);

		cr_assert_lt(status, (unsigned long)STATUS_MAX);
		statuses[status] = true;
		line = *end == ',' && end[1] == ' ' ? end + 2 : end;
	}
}

/* Of the lines that begin with exactly so many blanks. */
static void statuses_read(char *text, size_t indent, bool *statuses)
{
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strspn(line, " ") == indent)
			statuses_take(line + indent, statuses);
}

Test(pages, have_the_exit_statuses_that_the_help_has, .timeout = 60)
{
	if (!page_formatter_there())
		test_skip("no mandoc");
	for (int i = 0; i < PAGES; i++) {
		struct help help = help_read(pages[i].tool);
		char *text = page_read(pages[i].path), *section = page_section(text, "EXIT STATUS");
		char *in_help = page_section(help.text, "Exit status:");
		bool page_has[STATUS_MAX] = { false }, help_has[STATUS_MAX] = { false };

		statuses_read(section, 5, page_has);
		statuses_read(in_help, 2, help_has);
		cr_expect(help_has[0] && help_has[2] && help_has[124]);
		for (int status = 0; status < STATUS_MAX; status++)
			cr_expect_eq(page_has[status], help_has[status],
				     "status %d of %s: the page %s it, --help %s", status,
				     pages[i].tool, page_has[status] ? "has" : "does not have",
				     help_has[status] ? "does" : "does not");
		free(in_help);
		free(section);
		free(text);
	}
}

Test(pages, name_each_variable_that_the_code_looks_at_or_sets, .timeout = 60)
{
	char *page = page_source_section("common/man/shm-channel.7", "ENVIRONMENT"), *names;
	struct tool tool;
	unsigned count = 0;

	cr_assert_eq(tool_run(&tool, "sh", "-c",
			      "find common producer consumer -name '*.[ch]' -exec cat {} + |\n"
			      "grep -oE '(getenv|setenv)\\(\"[A-Z_]+\"|\"SHM_[A-Z]+\"' |\n"
			      "sed 's/.*\"\\(.*\\)\"/\\1/' | sort -u"),
		     0);
	names = tool_output(&tool, NULL);
	tool_free(&tool);
	for (char *name = strtok(names, "\n"); name != NULL; name = strtok(NULL, "\n")) {
		char item[128];

		snprintf(item, sizeof(item), "\n.It Ev %s\n", name);
		cr_expect_not_null(strstr(page, item), "shm-channel.7 does not say what $%s is for",
				   name);
		count++;
	}
	cr_expect_geq(count, 7u);
	free(names);
	free(page);
}

/* ---- examples ---- */

/* What the reader copies from a line of the source: without the escapes of the formatter. */
static void line_append(char *to, const char *line)
{
	static const struct {
		const char *escape, *text;
	} escapes[] = { { "\\e", "\\" }, { "\\(dq", "\"" }, { "\\&", "" }, { "\\-", "-" } };

	to += strlen(to);
	while (*line != '\0') {
		size_t i;

		for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
			if (strncmp(line, escapes[i].escape, strlen(escapes[i].escape)) == 0)
				break;
		if (i < sizeof(escapes) / sizeof(escapes[0])) {
			to = stpcpy(to, escapes[i].text);
			line += strlen(escapes[i].escape);
		} else {
			*to++ = *line++;
		}
	}
	strcpy(to, "\n");
}

/*
 * A folder with what the examples need, and the tools in the PATH. What an example leaves in its
 * channels, because it shows one side only, is taken out behind it.
 */
static const char before[] =
	"folder=$(mktemp -d) && cd \"$folder\" || exit\n"
	"trap 'cd /; rm -rf \"$folder\"' EXIT\n"
	"PATH=$TOOLS_PATH:$PATH\n"
	"mkdir src copy && echo 'a file' >src/file && echo text >'b c.log' && echo text >a.log\n"
	"head -c 5000 /dev/zero >report.pdf\n"
	"printf '#!/bin/sh\\n! grep -q nobody\\n' >deliver\n"
	"printf '#!/bin/sh\\ncat >>table\\n' >insert\n"
	"printf '#!/bin/sh\\nseq 5\\n' >sensor\n"
	"chmod +x deliver insert sensor\n";
static const char after[] = "wait\n"
			    "for object in /dev/shm/shm-channel.*.$$\n"
			    "do\n"
			    "	name=${object#/dev/shm/shm-channel.*.}\n"
			    "	[ ! -e \"$object\" ] || shm-consume -q -e -C \"$name\" >/dev/null\n"
			    "done\n"
			    "shm-consume -q -e >/dev/null\n"
			    "ls /dev/shm | grep -F -e \"$SHM_CHANNEL\" -e \".$$\" >&2\n"
			    "exit 0\n";

static void example_run(const char *path, const char *commands, const char *expected)
{
	char script[16384], name[NAME_SIZE], tools[PATH_MAX], *errors;
	struct tool tool;

	cr_assert_not_null(realpath(getenv("TOOLS"), tools));
	setenv("TOOLS_PATH", tools, 1);
	setenv("SHM_CHANNEL", channel_name(name), 1);
	snprintf(script, sizeof(script), "%s%s%s", before, commands, after);
	tool = tool_start("sh", "-c", script, NULL);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, expected);
	errors = tool_errors(&tool);
	/* The shell says that somebody was killed, if that is what the example is about. */
	cr_expect(*errors == '\0' || strcmp(errors, "Killed\n") == 0, "%s: this said \"%s\":\n%s",
		  path, errors, commands);
	free(errors);
	tool_free(&tool);
}

/* "prints WORDS" in a comment above an example is a line that it prints. */
static unsigned examples_run(const char *path)
{
	char *source = page_source_section(path, "EXAMPLES"), commands[4096] = "",
	     expected[1024] = "";
	static const char prints[] = ".\\\" prints ", begin[] = ".Bd -literal";
	bool inside = false;
	unsigned count = 0;

	for (char *line = strtok(source, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		cr_expect_neq(strncmp(line, ".Dl", 3), 0, "%s: an example that is not tested: %s",
			      path, line);
		if (strncmp(line, prints, strlen(prints)) == 0)
			line_append(expected, line + strlen(prints));
		else if (strncmp(line, begin, strlen(begin)) == 0)
			inside = true;
		else if (strcmp(line, ".Ed") == 0) {
			example_run(path, commands, expected);
			*commands = *expected = '\0';
			inside = false;
			count++;
		} else if (inside)
			line_append(commands, line);
	}
	free(source);
	return count;
}

Test(pages, examples_of_the_producer_do_what_they_say, .timeout = 120)
{
	cr_expect_geq(examples_run("producer/shm-produce.1"), 10u);
}

Test(pages, examples_of_the_consumer_do_what_they_say, .timeout = 120)
{
	cr_expect_geq(examples_run("consumer/shm-consume.1"), 10u);
}

Test(pages, examples_of_the_overview_do_what_they_say, .timeout = 120)
{
	cr_expect_geq(examples_run("common/man/shm-channel.7"), 3u);
}

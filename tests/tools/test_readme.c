/*
 * The examples of README.md and of the cookbook, run as they are printed there. A block of commands
 * that follows "<!-- test: NAME -->" is an example, one that follows "<!-- output: NAME -->" is what
 * it prints; without the latter it prints nothing. Each runs in a folder of its own with three empty
 * files. All blocks of commands are examples, but for those that build, install or test.
 */
#include "tests/support/folder.h"
#include "tests/support/page.h"
#include "tests/support/support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define README	 "README.md"
#define COOKBOOK "common/doc/cookbook.md"

static const char *const files[] = { "a.log", "b c.log", "d'e.log" };
enum { FILES = sizeof(files) / sizeof(files[0]), NAME_MAX_LENGTH = 64 };

/* Returns the lines of the block that begins at `fence`, to be freed. */
static char *block_copy(const char *fence)
{
	const char *from = strchr(fence, '\n'), *to;

	cr_assert_not_null(from);
	to = strstr(from, "\n```");
	cr_assert_not_null(to, "a block does not end:\n%.200s", fence);
	return strndup(from + 1, (size_t)(to - from));
}

/* Returns the block that follows "<!-- KIND: NAME -->", to be freed; NULL if there is none. */
static char *block(const char *text, const char *kind, const char *name)
{
	char comment[128];
	const char *from;

	snprintf(comment, sizeof(comment), "<!-- %s: %s -->\n```", kind, name);
	from = strstr(text, comment);
	return from != NULL ? block_copy(from + strlen(comment)) : NULL;
}

/* ---- what else is true after an example ---- */

static void all_compressed(void)
{
	for (size_t i = 0; i < FILES; i++) {
		char compressed[64];

		snprintf(compressed, sizeof(compressed), "%s.gz", files[i]);
		cr_expect(file_exists(compressed) && !file_exists(files[i]));
	}
}

static void three_errors(void)
{
	cr_expect_eq(file_lines("log"), 3); /* two of expr, one of ours */
}

static const struct {
	const char *name;
	void (*check)(void);
} checks[] = { { "job-queue", all_compressed },
	       { "shell-loop", all_compressed },
	       { "dead-letter", three_errors } };
enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

/* Returns whether the tools have this option, which they do not where a library is missing. */
static bool option_there(const char *option)
{
	struct tool tool;
	int status = tool_run(&tool, "shm-consume", option, "--list");

	tool_free(&tool);
	return status == 0;
}

/* Returns whether the tools that are tested can do this example. */
static bool possible(const char *name)
{
	if (strcmp(name, "configuration") == 0)
		return option_there("--show-config");
	if (strcmp(name, "formats") == 0 || strcmp(name, "trace") == 0)
		return option_there("--json");
	return true;
}

/* ---- running them ---- */

/*
 * Starts the commands in a folder of their own, in which "build" is the folder of the tools. The
 * channel without a name is one that only they use.
 */
static struct tool commands_start(const char *commands)
{
	char *script = malloc(strlen(commands) + PATH_MAX + 256), tools[PATH_MAX];
	struct tool shell;

	cr_assert_not_null(script);
	folder_make();
	for (size_t i = 0; i < FILES; i++)
		file_make(files[i]);
	cr_assert_not_null(realpath(getenv("TOOLS"), tools));
	cr_assert_eq(symlink(tools, folder_file("build")), 0);
	sprintf(script,
		"cd \"$DIR\" && PATH=%s:$PATH && export LC_ALL=C SHM_CHANNEL=example.$$\n%s\nwait",
		tools, commands);
	shell = tool_start("sh", "-c", script, NULL);
	free(script);
	return shell;
}

/* The example has printed what the document says, and has left no channel named after its process. */
static void commands_end(struct tool *shell, const char *name, const char *expected)
{
	char pid[32], *errors, *output;
	struct tool left;

	snprintf(pid, sizeof(pid), "%ld", (long)shell->pid);
	cr_expect_eq(tool_end(shell), 0, "the exit status of \"%s\"", name);
	output = tool_output(shell, NULL);
	cr_expect_str_eq(output, expected, "\"%s\" printed:\n%s", name, output);
	errors = tool_errors(shell);
	cr_expect_str_empty(errors, "\"%s\" said: %s", name, errors);
	free(errors);
	free(output);
	tool_free(shell);
	cr_expect_eq(tool_run(&left, "sh", "-c", "ls /dev/shm | grep \"[.]$0\\$\"", pid), 1);
	expect_output(&left, "");
	tool_free(&left);
}

static void example_run(const char *text, const char *name)
{
	char *commands = block(text, "test", name), *expected = block(text, "output", name);
	struct tool shell;

	cr_assert_not_null(commands);
	shell = commands_start(commands);
	commands_end(&shell, name, expected != NULL ? expected : "");
	for (size_t i = 0; i < CHECKS; i++)
		if (strcmp(checks[i].name, name) == 0)
			checks[i].check();
	folder_remove();
	free(commands);
	free(expected);
}

/* Runs all examples of a document, which must be at least so many. */
static void examples_run(const char *path, unsigned least)
{
	static const char mark[] = "<!-- test: ";
	char *text = page_file(path), name[NAME_MAX_LENGTH];
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, mark)) != NULL; count++) {
		at += strlen(mark);
		cr_assert_eq(sscanf(at, "%63[a-z-] -->\n```sh\n", name), 1);
		if (possible(name))
			example_run(text, name);
		else
			test_note("skipped: example \"%s\" of %s, a library is missing", name,
				  path);
	}
	cr_expect_geq(count, least, "%s has only %u examples", path, count);
	free(text);
}

Test(readme, each_pipeline_prints_what_it_says, .timeout = 120)
{
	examples_run(README, 5);
}

Test(readme, each_example_of_the_cookbook_prints_what_it_says, .timeout = 300)
{
	examples_run(COOKBOOK, 20);
}

/* Returns whether the block of commands at `fence` is an example, by the line before it. */
static bool marked(const char *text, const char *fence)
{
	const char *line = fence;

	for (line -= line > text; line > text && line[-1] != '\n';)
		line--;
	return strncmp(line, "<!-- test: ", strlen("<!-- test: ")) == 0;
}

static void expect_all_marked(const char *path)
{
	static const char fence[] = "```sh\n";
	char *text = page_file(path);

	for (const char *at = text; (at = strstr(at, fence)) != NULL; at++) {
		const char *commands = at + strlen(fence);

		if (strncmp(commands, "make", 4) != 0 && strncmp(commands, "./scripts/", 10) != 0)
			cr_expect(marked(text, at), "%s: no test runs this:\n%.200s", path, at);
	}
	free(text);
}

Test(readme, no_block_of_commands_is_without_a_test)
{
	expect_all_marked(README);
	expect_all_marked(COOKBOOK);
}

/* ---- the two terminals ---- */

/* Takes the first line off a block, which is "$ " and a command, and stores the command. */
static void command_take(char *lines, char *command, size_t size)
{
	char *end = strchr(lines, '\n');

	cr_assert_not_null(end);
	cr_assert_eq(strncmp(lines, "$ ", 2), 0);
	snprintf(command, size, "%.*s", (int)(end - lines) - 2, lines + 2);
	memmove(lines, end + 1, strlen(end + 1) + 1);
}

Test(readme, both_terminals_show_what_it_says, .timeout = 60)
{
	char *text = page_file(README), *first = block(text, "terminal", "consumer");
	char *second = block(text, "terminal", "producer");
	char *third = block(text, "terminal", "consumer, after that");
	char consume[256], produce[256], script[1024], expected[4096];
	struct tool shell;

	cr_assert(first != NULL && second != NULL && third != NULL);
	command_take(first, consume, sizeof(consume));
	command_take(second, produce, sizeof(produce));
	/* It waits for the consumer to sleep. What that says if it has to wait for long is not shown. */
	snprintf(script, sizeof(script),
		 ": >first\n"
		 "%s >first 2>&1 &\n"
		 "until grep -q 'waiting for data' first; do kill -0 $! || exit; sleep 0.02; done\n"
		 "%s >second 2>&1\n"
		 "wait\n"
		 "grep -hv '^shm-consume: ' first second",
		 consume, produce);
	snprintf(expected, sizeof(expected), "%s%s%s", first, third, second);
	shell = commands_start(script);
	commands_end(&shell, "both terminals", expected);
	folder_remove();
	free(third);
	free(second);
	free(first);
	free(text);
}

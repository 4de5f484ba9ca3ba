/*
 * The examples in README.md, run as they are printed there. A block of commands that follows
 * "<!-- test: NAME -->" is an example, one that follows "<!-- output: NAME -->" what it prints.
 */
#include "tests/support/folder.h"
#include "tests/support/support.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The block that follows this comment, to be freed. */
static char *block(const char *kind, const char *name)
{
	char comment[128], *text = calloc(1, 262144), *from, *to;
	FILE *file = fopen("README.md", "re");

	cr_assert_not_null(file);
	cr_assert_not_null(text);
	cr_assert_gt(fread(text, 1, 262143, file), 0u);
	fclose(file);
	snprintf(comment, sizeof(comment), "<!-- %s: %s -->\n```", kind, name);
	from = strstr(text, comment);
	cr_assert_not_null(from, "README.md has no \"%s\"", comment);
	from = strchr(from + strlen(comment), '\n');
	cr_assert_not_null(from);
	to = strstr(from, "\n```");
	cr_assert_not_null(to);
	to[1] = '\0';
	from = strdup(from + 1);
	free(text);
	return from;
}

/* Runs an example in a folder of its own, in which `files` are made (up to NULL). */
static struct tool example_run(const char *name, const char *const *files)
{
	char *commands = block("test", name), *script = malloc(strlen(commands) + PATH_MAX + 64);
	char tools[PATH_MAX];
	struct tool shell;

	folder_make();
	for (; *files != NULL; files++)
		file_make(*files);
	cr_assert_not_null(realpath(getenv("TOOLS"), tools));
	sprintf(script, "cd \"$DIR\" && PATH=%s:$PATH\n%s\nwait", tools, commands);
	shell = tool_start("sh", "-c", script, NULL);
	free(script);
	free(commands);
	return shell;
}

/* It has printed what README.md says, and left no channel named after its process. */
static void example_end(struct tool *shell, const char *name, bool prints)
{
	char *expected = prints ? block("output", name) : strdup("");
	char pid[32], *errors;
	struct tool left;

	snprintf(pid, sizeof(pid), "%ld", (long)shell->pid);
	cr_expect_eq(tool_end(shell), 0);
	expect_output(shell, expected);
	errors = tool_errors(shell);
	cr_expect_str_empty(errors, "%s said: %s", name, errors);
	free(errors);
	free(expected);
	tool_free(shell);
	cr_expect_eq(tool_run(&left, "sh", "-c", "ls /dev/shm | grep \"[.]$0\\$\"", pid), 1);
	expect_output(&left, "");
	tool_free(&left);
}

Test(readme, job_queue, .timeout = 60)
{
	static const char *const files[] = { "a.log", "b c.log", "d'e.log", "f.txt", NULL };
	struct tool shell = example_run("job-queue", files);

	example_end(&shell, "job-queue", false);
	cr_expect(file_exists("a.log.gz") && file_exists("b c.log.gz") &&
		  file_exists("d'e.log.gz") && !file_exists("a.log") && file_exists("f.txt"));
	folder_remove();
}

Test(readme, dead_letter, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell = example_run("dead-letter", files);

	example_end(&shell, "dead-letter", true);
	cr_expect_eq(file_lines("log"), 3); /* two of expr, one of ours */
	folder_remove();
}

Test(readme, configuration, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell;
	int status = tool_run(&shell, "shm-consume", "--show-config");

	if (status != 0)
		expect_errors_contain(&shell, "--show-config is not in this build");
	tool_free(&shell);
	if (status != 0)
		test_skip("this build has no libinih");
	shell = example_run("configuration", files);
	example_end(&shell, "configuration", true);
	folder_remove();
}

Test(readme, broadcast, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell = example_run("broadcast", files);

	example_end(&shell, "broadcast", true);
	folder_remove();
}

Test(readme, peek, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell = example_run("peek", files);

	example_end(&shell, "peek", true);
	folder_remove();
}

Test(readme, tap, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell = example_run("tap", files);

	example_end(&shell, "tap", true);
	folder_remove();
}

Test(readme, formats, .timeout = 60)
{
	static const char *const files[] = { NULL };
	struct tool shell;

#ifndef WITH_JANSSON
	test_skip("built without jansson");
#endif
	shell = example_run("formats", files);
	example_end(&shell, "formats", true);
	folder_remove();
}

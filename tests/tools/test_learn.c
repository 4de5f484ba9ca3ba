/*
 * The lessons of tests/learn: each program, and each example of the page, prints what the page says.
 * How a block of the page is marked as an example is told in test_readme.c.
 */
#include "tests/support/folder.h"
#include "tests/support/page.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#define PAGE "tests/learn/README.md"

/* Returns the block of the page that follows this comment, to be freed. */
static char *block(const char *kind, const char *name)
{
	char comment[128], *text = page_file(PAGE), *from, *to;

	snprintf(comment, sizeof(comment), "<!-- %s: %s -->\n```", kind, name);
	from = strstr(text, comment);
	cr_assert_not_null(from, PAGE " has no \"%s\"", comment);
	from = strchr(from + strlen(comment), '\n');
	cr_assert_not_null(from);
	to = strstr(from, "\n```");
	cr_assert_not_null(to);
	to[1] = '\0';
	from = strdup(from + 1);
	free(text);
	return from;
}

/* True if the C library of the tests counts a condition's waiters in groups (lesson 2). */
static bool waiters_in_groups(void)
{
#ifdef __GLIBC__
	int major = 0, minor = 0;

	return sscanf(gnu_get_libc_version(), "%d.%d", &major, &minor) == 2 && major == 2 &&
	       minor >= 25 && minor <= 40;
#else
	return false;
#endif
}

/* Returns which block of the page shows the output of lesson 2 here; NULL: none does. */
static const char *killed_output(bool foreign)
{
	if (foreign)
		return "killed-musl";
	return waiters_in_groups() ? "killed" : NULL;
}

/* Expects that the lesson ends well and prints this block of the page (NULL: anything). */
static void expect_lesson(struct tool *lesson, const char *name)
{
	char *errors, *expected;

	cr_expect_eq(tool_end(lesson), 0);
	errors = tool_errors(lesson);
	cr_expect_str_empty(errors, "it said: %s", errors);
	free(errors);
	if (name != NULL) {
		expected = block("output", name);
		expect_output(lesson, expected);
		free(expected);
	}
	tool_free(lesson);
}

/* Runs the program as the Makefile has built it. */
static void expect_program(const char *program, const char *name)
{
	char path[512], object[64];
	struct tool lesson;

	snprintf(path, sizeof(path), "%s/tests/learn/%s", getenv("TOOLS"), program);
	lesson = tool_start(path, NULL);
	snprintf(object, sizeof(object), "/dev/shm/learn-%ld", (long)lesson.pid);
	expect_lesson(&lesson, name);
	cr_expect_neq(access(object, F_OK), 0, "%s is left", object);
}

/* Runs the commands of the page as they are printed, in a folder with a copy of the programs. */
static void expect_example(const char *name, const char *output)
{
	char *commands = block("test", name), script[1024];
	struct tool lesson;

	folder_make();
	snprintf(script, sizeof(script), "cp tests/learn/*.c \"$DIR\" && cd \"$DIR\" || exit\n%s",
		 commands);
	lesson = tool_start("sh", "-c", script, NULL);
	expect_lesson(&lesson, output);
	folder_remove();
	free(commands);
}

Test(learn, handshake, .timeout = 60)
{
	expect_program("1_handshake", "handshake");
	expect_example("handshake", "handshake");
}

Test(learn, killed_while_it_waits, .timeout = 60)
{
	expect_program("2_killed", killed_output(*getenv("FOREIGN_TOOLS") != '\0'));
	expect_example("killed", killed_output(false));
}

Test(learn, robust_mutex, .timeout = 60)
{
	expect_program("3_robust", "robust");
	expect_example("robust", "robust");
}

Test(learn, semaphore_for_each_waiter, .timeout = 60)
{
	expect_program("4_semaphore", "semaphore");
	expect_example("semaphore", "semaphore");
}

Test(learn, ring, .timeout = 60)
{
	expect_program("5_ring", "ring");
	expect_example("ring", "ring");
}

/* A lesson is to be read at one look. */
Test(learn, each_program_is_short)
{
	DIR *folder = opendir("tests/learn");
	const struct dirent *entry;
	int programs = 0;

	cr_assert_not_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[512], *text;
		int lines = 0;

		if (strstr(entry->d_name, ".c") == NULL)
			continue;
		snprintf(path, sizeof(path), "tests/learn/%s", entry->d_name);
		text = page_file(path);
		for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
			lines++;
		cr_expect_lt(lines, 80, "%s has %d lines", path, lines);
		programs++;
		free(text);
	}
	closedir(folder);
	cr_expect_eq(programs, 5);
}

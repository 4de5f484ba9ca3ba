#include "tests/support/scenes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void message_send(const char *name, const char *message)
{
	struct tool producer;

	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "--", message), 0);
	tool_free(&producer);
}

void bytes_send(const char *name, const void *bytes, size_t size)
{
	int input = bytes_file(bytes, size);
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

void lines_send(const char *name, const char *lines)
{
	bytes_send(name, lines, strlen(lines));
}

struct tool consumer_start(const char *name, const char *const *words)
{
	const char *argv[CONSUMER_WORDS_MAX + 4] = { "shm-consume", "-C", name };

	for (int i = 0; i < CONSUMER_WORDS_MAX && words[i] != NULL; i++)
		argv[i + 3] = words[i];
	return tool_start_argv(-1, -1, argv);
}

void expect_rest(const char *name, int status, const char *expected)
{
	struct tool consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), status);
	expect_output(&consumer, expected);
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

void expect_end(struct tool tool, int status, const char *part)
{
	int got = tool_end(&tool);
	char *errors = tool_errors(&tool);
	size_t line = strcspn(errors, "\n");

	cr_expect_eq(got, status, "ended with %d, not %d: %s", got, status, errors);
	if (part == NULL) {
		cr_expect_str_empty(errors, "said \"%s\"", errors);
	} else {
		cr_expect_not_null(strstr(errors, part), "said \"%s\", without \"%s\"", errors,
				   part);
		cr_expect(errors[line] == '\n' && errors[line + 1] == '\0',
			  "said \"%s\", which is not one line", errors);
	}
	free(errors);
	tool_free(&tool);
}

void expect_failure(struct tool tool, const char *part)
{
	expect_end(tool, 1, part);
}

void expect_done(struct tool tool, const char *output)
{
	int got = tool_end(&tool);
	char *errors = tool_errors(&tool);

	cr_expect_eq(got, 0, "ended with %d: %s", got, errors);
	cr_expect_str_empty(errors, "said \"%s\"", errors);
	expect_output(&tool, output);
	free(errors);
	tool_free(&tool);
}

char *numbered_lines(int count, size_t *size)
{
	char *text = malloc((size_t)count * 64), *to = text;

	cr_assert_not_null(text);
	for (int i = 0; i < count; i++)
		to += sprintf(to, "%d %.*s\n", i, i % 40,
			      "########################################");
	*size = (size_t)(to - text);
	return text;
}

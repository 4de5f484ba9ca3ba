#include "tests/support/input.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/support.h"

struct pipe pipe_open(void)
{
	struct pipe made;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	made = (struct pipe){ ends[0], ends[1] };
	return made;
}

void feed(int fd, const char *text)
{
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

char *text_of(size_t size)
{
	char *text = malloc(size + 1);

	cr_assert_not_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 23);
	text[size] = '\0';
	return text;
}

char *lines_of(unsigned first, unsigned count)
{
	char *text = malloc(count * 10 + 1), *at = text;

	cr_assert_not_null(text);
	*at = '\0';
	for (unsigned i = 0; i < count; i++)
		at += sprintf(at, "line %04u\n", (first + i) % 10000);
	return text;
}

int produce_text(const char *name, const char *text)
{
	int input = bytes_file(text, strlen(text)), status;
	struct tool tool = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	status = tool_end(&tool);
	tool_free(&tool);
	return status;
}

#include "tests/support/without_calls.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CANNOT = 125 /* of without.c */, ARGUMENTS_MAX = 12 };

struct tool tool_start_without(const char *what, int input, const char *name, ...)
{
	const char *argv[3 + ARGUMENTS_MAX + 1] = { 0 };
	va_list arguments;
	size_t count = 3;

	argv[0] = tool_path("tests/without");
	argv[1] = what;
	argv[2] = tool_path(name);
	va_start(arguments, name);
	while ((argv[count] = va_arg(arguments, const char *)) != NULL) {
		count++;
		cr_assert_lt(count, sizeof(argv) / sizeof(argv[0]));
	}
	va_end(arguments);
	return tool_start_argv(input, -1, argv);
}

void filters_needed(void)
{
	struct tool tool = tool_start_without("umask", -1, "shm-produce", "--version", NULL);
	int status = tool_end(&tool);

	tool_free(&tool);
	if (status == CANNOT)
		test_skip("no system call can be taken away here (seccomp): machines without this "
			  "and that are not tested");
}

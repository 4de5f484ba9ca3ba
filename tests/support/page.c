#include "tests/support/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

enum { FILE_MAX = 1 << 18 };

bool page_formatter_there(void)
{
	struct tool tool;
	bool there = tool_run(&tool, "sh", "-c", "command -v mandoc >/dev/null") == 0;

	tool_free(&tool);
	if (!there)
		test_note("there is no mandoc: the manual pages are not compared with --help");
	return there;
}

/*
 * A letter that is printed twice is bold, and one printed over a '_' is underlined: only the letter
 * is kept.
 */
static void overstrikes_remove(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++)
		if (*from == '\b' && to > text)
			to--;
		else
			*to++ = *from;
	*to = '\0';
}

char *page_read(const char *path)
{
	struct tool tool;
	char *text;

	cr_assert_eq(tool_run(&tool, "sh", "-c", "mandoc -T ascii -O width=300 \"$1\"", "sh", path),
		     0);
	text = tool_output(&tool, NULL);
	tool_free(&tool);
	overstrikes_remove(text);
	return text;
}

char *page_section(const char *text, const char *heading)
{
	char *section = calloc(1, strlen(text) + 1);
	size_t length = strlen(heading);
	bool inside = false;

	cr_assert_not_null(section);
	for (const char *line = text, *end; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		if (*line != ' ' && *line != '\n')
			inside = strncmp(line, heading, length) == 0 && line[length] == '\n';
		else if (inside)
			strncat(section, line, (size_t)(end - line));
	}
	return section;
}

char *page_file(const char *path)
{
	char *text = calloc(1, FILE_MAX);
	FILE *file = fopen(path, "re");

	cr_assert_not_null(file, "there is no %s", path);
	cr_assert_not_null(text);
	cr_assert_gt(fread(text, 1, FILE_MAX - 1, file), 0u);
	fclose(file);
	return text;
}

char *page_source_section(const char *path, const char *heading)
{
	char *text = page_file(path), line[128], *from, *to;

	snprintf(line, sizeof(line), "\n.Sh %s\n", heading);
	from = strstr(text, line);
	if (from == NULL) {
		*text = '\0';
		return text;
	}
	from += strlen(line);
	to = strstr(from, "\n.Sh ");
	if (to != NULL)
		to[1] = '\0';
	memmove(text, from, strlen(from) + 1);
	return text;
}

#include "tests/support/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support.h"

/* A row begins with "  -C, --channel" or "      --owner"; its help follows after two blanks. */
static bool row_take(struct help_row *row, const char *line)
{
	const char *left = line + strspn(line, " "), *end = strstr(left, "  ");
	char *at;

	if (strncmp(line, "  -", 3) != 0 && strncmp(line, "      --", 8) != 0)
		return false;
	memset(row, 0, sizeof(*row));
	snprintf(row->left, sizeof(row->left), "%.*s",
		 end != NULL ? (int)(end - left) : (int)strlen(left), left);
	at = strstr(row->left, "--");
	cr_assert_not_null(at, "no name: %s", line);
	snprintf(row->name, sizeof(row->name), "%.*s", (int)strcspn(at, " ["), at);
	at += strlen(row->name);
	at += *at == ' ';
	row->optional = *at == '[';
	at += row->optional ? strspn(at, "[=") : 0;
	snprintf(row->argument, sizeof(row->argument), "%.*s",
		 (int)strlen(at) - (row->optional ? 1 : 0), at);
	return true;
}

struct help help_read(const char *tool)
{
	struct help help = { 0 };
	struct tool run;
	char *copy;

	cr_assert_eq(tool_run(&run, tool, "--help"), 0);
	help.text = tool_output(&run, NULL);
	copy = tool_output(&run, NULL);
	tool_free(&run);
	for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strcmp(line, "Examples:") == 0)
			break;
		cr_assert_lt(help.count, (size_t)HELP_ROWS_MAX);
		if (row_take(&help.rows[help.count], line))
			help.count++;
	}
	free(copy);
	cr_assert_gt(help.count, 10u, "%s --help has few options:\n%s", tool, help.text);
	return help;
}

const struct help_row *help_row(const struct help *help, const char *name)
{
	for (size_t i = 0; i < help->count; i++)
		if (strcmp(help->rows[i].name, name) == 0)
			return &help->rows[i];
	return NULL;
}

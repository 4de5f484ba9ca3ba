/*
 * --help, made from the option table that is also used to read the command line.
 * scripts/completions makes the shells' completions from this output, so its form is an interface:
 * the row of an option begins with two blanks and a letter, or with six blanks; the help begins in
 * HELP_COLUMN.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/option_table.h"

enum { HELP_COLUMN = 28 };

/* True if headings are to be bold: on a terminal, unless plain text was asked for. */
static bool headings_bold(void)
{
	const char *plain = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (plain == NULL || *plain == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static void heading_print(const char *heading)
{
	if (headings_bold())
		printf("\n\033[1m%s:\033[0m\n", heading);
	else
		printf("\n%s:\n", heading);
}

static const char *heading_above(const struct cli_tool *tool, const char *name)
{
	for (const struct cli_section *at = tool->sections; at->name != NULL; at++)
		if (strcmp(at->name, name) == 0)
			return at->heading;
	return NULL;
}

static void option_print(const struct cli_option *option)
{
	const char *argument = option->argument != NULL ? option->argument : "";
	int used;

	if (option->letter != '\0')
		used = printf("  -%c, ", option->letter);
	else
		used = printf("%6s", "");
	/* "[SEC]" is optional, and so is "[=WHEN]", but that follows a "=". */
	used += printf("--%s%s%s", option->name,
		       *argument == '\0' || strncmp(argument, "[=", 2) == 0 ? "" : " ", argument);
	if (used + 2 > HELP_COLUMN) {
		putchar('\n');
		used = 0;
	}
	printf("%*s", HELP_COLUMN - used, "");
	for (const char *c = option->help; *c != '\0'; c++) {
		putchar(*c);
		if (*c == '\n')
			printf("%*s", HELP_COLUMN, "");
	}
	putchar('\n');
}

/* The most common uses of both tools. Each line runs as it is: see tests/tools/test_help.c. */
static const char examples[] =
	"  A job queue: one list of jobs, as many workers as you like; a job whose worker\n"
	"  dies goes to another, one whose command fails is tried again.\n"
	"    printf '%s\\n' *.log | shm-produce -C jobs\n"
	"    shm-consume -C jobs -j 4 -- gzip -- {}\n"
	"  A broadcast: each group gets every message. In three terminals, in any order:\n"
	"    shm-consume -C news -g mail\n"
	"    shm-consume -C news -g archive\n"
	"    shm-produce -C news --wait-consumers 2 \"it rains\"\n"
	"  A status screen: all your channels, who is there, and how fast it goes:\n"
	"    shm-consume --watch\n";

void cli_help_print(const struct cli_tool *tool)
{
	printf("Usage: %s\n%s\n", tool->usage, tool->about);
	for (const struct cli_option *option = tool->options; option->name != NULL; option++) {
		const char *heading = heading_above(tool, option->name);

		if (heading != NULL)
			heading_print(heading);
		option_print(option);
	}
	heading_print("Examples");
	fputs(examples, stdout);
	heading_print("Exit status");
	printf("%s\n%s(1) tells more, shm-channel(7) what a channel is.\n", tool->statuses,
	       tool->name);
}

/* --help, on which a newcomer may depend: its form, and that its examples run. */
#include "tests/support/help.h"
#include "tests/support/page.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const tools[] = { "shm-produce", "shm-consume" };
enum { TOOLS = 2 };

Test(help, fits_80_columns_under_headings, .timeout = 30)
{
	for (int i = 0; i < TOOLS; i++) {
		struct help help = help_read(tools[i]);
		unsigned headings = 0;

		cr_expect_not_null(strstr(help.text, "\n\nChannel:\n  -C, --channel CHANNEL "));
		for (char *line = strtok(help.text, "\n"); line != NULL;
		     line = strtok(NULL, "\n")) {
			size_t length = strlen(line);

			cr_expect_leq(length, 80u, "too wide: %s", line);
			for (const char *c = line; *c != '\0'; c++)
				cr_expect(*c >= ' ' && *c <= '~', "byte %d in: %s", *c, line);
			cr_expect_neq(line[length - 1], ' ', "ends with a blank: %s", line);
			headings += line[0] != ' ' && line[length - 1] == ':';
		}
		cr_expect_geq(headings, 7u, "%s --help has %u headings", tools[i], headings);
	}
}

Test(help, has_a_heading_above_each_group_of_options, .timeout = 30)
{
	static const char *const consume[] = { "\nWhen to stop:\n  -c, --count",
					       "\nGroups:\n  -g, ",
					       "\nWithout taking anything:\n      --peek",
					       "\nWith COMMAND:\n  -b, ",
					       "\nGeneral:\n      --json" };
	static const char *const produce[] = { "\nWaiting:\n  -w, ", "\nMessages:\n  -i, --input",
					       "\nGeneral:\n      --json" };
	struct help help = help_read("shm-consume");

	for (size_t i = 0; i < sizeof(consume) / sizeof(consume[0]); i++)
		cr_expect_not_null(strstr(help.text, consume[i]), "no \"%s\"", consume[i]);
	help = help_read("shm-produce");
	for (size_t i = 0; i < sizeof(produce) / sizeof(produce[0]); i++)
		cr_expect_not_null(strstr(help.text, produce[i]), "no \"%s\"", produce[i]);
}

/* Runs a tool with a terminal as standard output, and returns the start of what came. */
static void on_terminal(const char *tool_name, char *text, size_t size)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), side;
	struct tool tool;
	size_t used = 0;
	ssize_t count;

	cr_assert_geq(terminal, 0);
	cr_assert_eq(grantpt(terminal), 0);
	cr_assert_eq(unlockpt(terminal), 0);
	side = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(side, 0);
	tool = tool_start_fds(-1, side, tool_name, "--help", NULL);
	close(side);
	while (used < size - 1 && (count = read(terminal, text + used, size - 1 - used)) > 0)
		used += (size_t)count;
	text[used] = '\0';
	cr_expect_eq(tool_end(&tool), 0);
	tool_free(&tool);
	close(terminal);
}

Test(help, headings_are_bold_on_a_terminal_only_and_not_with_no_color, .timeout = 30)
{
	terminal_needed();
	char text[32768];

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	on_terminal("shm-consume", text, sizeof(text));
	cr_expect_not_null(strstr(text, "\n\033[1mGroups:\033[0m\r\n"));
	setenv("NO_COLOR", "", 1);
	on_terminal("shm-consume", text, sizeof(text));
	cr_expect_not_null(strstr(text, "\033[1m"));
	setenv("NO_COLOR", "1", 1);
	on_terminal("shm-consume", text, sizeof(text));
	cr_expect_null(strchr(text, '\033'));
	cr_expect_not_null(strstr(text, "\nGroups:\r\n"));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	on_terminal("shm-consume", text, sizeof(text));
	cr_expect_null(strchr(text, '\033'));
}

/* ---- the examples ---- */

/* The lines of commands, which stand further in than the words about them. */
static size_t commands_read(char *command[16])
{
	struct help help = help_read("shm-produce");
	char *text = page_section(help.text, "Examples:");
	size_t count = 0;

	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		if (strncmp(line, "    ", 4) == 0) {
			cr_assert_lt(count, 16u);
			command[count++] = line + 4;
		}
	return count;
}

Test(help, examples_are_the_same_in_both_tools, .timeout = 30)
{
	struct help produce = help_read("shm-produce"), consume = help_read("shm-consume");

	cr_expect_str_eq(page_section(produce.text, "Examples:"),
			 page_section(consume.text, "Examples:"));
}

Test(help, examples_use_no_option_that_is_not_in_the_table, .timeout = 30)
{
	struct help produce = help_read("shm-produce"), consume = help_read("shm-consume");
	char *command[16], name[40];
	size_t count = commands_read(command), options = 0;

	for (size_t i = 0; i < count; i++) {
		const struct help *help =
			strstr(command[i], "shm-produce") != NULL ? &produce : &consume;

		for (const char *at = command[i]; (at = strstr(at, " --")) != NULL; at += 3) {
			snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 1, " "), at + 1);
			if (strcmp(name, "--") == 0)
				continue;
			cr_expect_not_null(help_row(help, name), "no %s: %s", name, command[i]);
			options++;
		}
	}
	cr_expect_geq(options, 2u);
}

/*
 * The commands of the heading that this word is in, all at once and in any order, as several
 * terminals run them. Only the channel's name is another: somebody may have one of that name.
 */
static struct tool run_together(const char *channel, const char *word)
{
	char *command[16], tools_path[PATH_MAX], name[NAME_SIZE], script[8192];
	size_t count = commands_read(command);

	cr_assert_not_null(realpath(getenv("TOOLS"), tools_path));
	setenv("TOOLS_PATH", tools_path, 1);
	setenv("CHANNEL", channel_name(name), 1);
	strcpy(script, "folder=$(mktemp -d) && cd \"$folder\" || exit\n"
		       "trap 'cd /; rm -rf \"$folder\"' EXIT\n"
		       "PATH=$TOOLS_PATH:$PATH; touch a.log 'b c.log'\n");
	for (size_t i = 0; i < count; i++) {
		char *at = strstr(command[i], channel);

		if (at == NULL)
			continue;
		sprintf(script + strlen(script), "%.*s-C \"$CHANNEL\"%s &\n",
			(int)(at - command[i]), command[i], at + strlen(channel));
	}
	strcat(script, "wait\nls\n");
	cr_assert_not_null(strstr(script, word));
	return tool_start("sh", "-c", script, NULL);
}

static void expect_done(struct tool *tool, const char *output)
{
	char *errors;

	cr_expect_eq(tool_end(tool), 0);
	expect_output(tool, output);
	errors = tool_errors(tool);
	cr_expect_str_empty(errors, "%s", errors);
	free(errors);
	tool_free(tool);
	cr_expect(!object_exists(getenv("CHANNEL")));
}

Test(help, its_job_queue_runs, .timeout = 60)
{
	struct tool tool = run_together("-C jobs", "gzip");

	expect_done(&tool, "a.log.gz\nb c.log.gz\n");
}

Test(help, its_broadcast_runs, .timeout = 60)
{
	struct tool tool = run_together("-C news", "archive");

	expect_done(&tool, "it rains\nit rains\na.log\nb c.log\n");
}

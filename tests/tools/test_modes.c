/*
 * Each option with each mode of a run: where it makes no sense it is refused on the command line,
 * in one line that names both, and passed over in a file.
 */
#include "tests/support/folder.h"
#include "tests/support/help.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A mode, and the words that choose it. */
struct mode {
	char letter;
	const char *name; /* as a refusal says it; NULL: the usual one, which has none */
	const char *words[3];
	bool command; /* it has words after "--" */
};

/* An option, and the letters of the modes in which it makes sense. */
struct row {
	const char *name, *argument, *modes;
};

#define CONSUME_ALL "pctkglsrd"

static const struct mode consume_modes[] = {
	{ 'p', NULL, { NULL }, false },
	{ 'c', "a command", { NULL }, true },
	{ 't', "--tap", { "--tap" }, false },
	{ 'k', "--peek", { "--peek" }, false },
	{ 'g', "--remove-group", { "--remove-group", "g" }, false },
	{ 'l', "--list", { "--list" }, false },
	{ 's', "--status", { "--status" }, false },
	{ 'r', "--remove", { "--remove" }, false },
	{ 'd', "--doctor", { "--doctor" }, false },
};

static const struct row consume_rows[] = {
	{ "--size", "8K", "pct" },
	{ "--mode", "0600", "pct" },
	{ "--trust-owner", NULL, CONSUME_ALL },
	{ "--new", NULL, "pc" },
	{ "--timeout", "0.01", "pctgr" },
	{ "--nonblock", NULL, "pctgr" },
	{ "--spin", "off", "pct" },
	{ "--delimiter", ",", "pctklsrd" },
	{ "--null", NULL, "pctklsrd" },
	{ "--framing", "lines", "pctk" },
	{ "--format", "%s", "ptk" },
	{ "--json-lines", NULL, "ptk" },
	{ "--count", "2", "pctk" },
	{ "--exit-empty", NULL, "pc" },
	{ "--follow", NULL, "pct" },
	{ "--idle", "0.01", "pct" },
	{ "--group", "g", "pck" },
	{ "--from", "oldest", "pct" },
	{ "--durable", NULL, "pc" },
	{ "--remove-group", "g", "g" },
	{ "--peek", NULL, "k" },
	{ "--tap", NULL, "t" },
	{ "--batch", "2", "pc" },
	{ "--jobs", "2", "c" },
	{ "--retries", "2", "c" },
	{ "--retry-delay", "1", "c" },
	{ "--max-time", "1", "c" },
	{ "--on-failure", "skip", "c" },
	{ "--dead-letter", "d", "c" },
	{ "--list", NULL, "l" },
	{ "--status", NULL, "s" },
	{ "--watch", NULL, "ls" },
	{ "--remove", NULL, "r" },
	{ "--force", NULL, "r" },
	{ "--doctor", NULL, "d" },
	{ "--progress", NULL, "pctk" },
	{ "--stats", NULL, "pctk" },
	{ "--json", NULL, "pctkls" },
	{ "--trace", "/dev/null", "pct" },
};

static const struct mode produce_modes[] = {
	{ 'm', NULL, { NULL }, false },
	{ 'h', "--hold", { "--hold" }, true },
};

static const struct row produce_rows[] = {
	{ "--size", "8K", "mh" },
	{ "--mode", "0600", "mh" },
	{ "--trust-owner", NULL, "mh" },
	{ "--new", NULL, "mh" },
	{ "--timeout", "0.01", "mh" },
	{ "--nonblock", NULL, "mh" },
	{ "--spin", "off", "mh" },
	{ "--delimiter", ",", "mh" },
	{ "--null", NULL, "mh" },
	{ "--framing", "lines", "mh" },
	{ "--input", "/dev/null", "m" },
	{ "--message", "x", "m" },
	{ "--key", "k", "m" },
	{ "--when-full", "block", "m" },
	{ "--wait-ack", NULL, "m" },
	{ "--wait-consumers", "1", "mh" },
	{ "--hold", NULL, "h" },
	{ "--end", NULL, "mh" },
	{ "--groups", "g", "mh" },
	{ "--progress", NULL, "m" },
	{ "--stats", NULL, "m" },
	{ "--json", NULL, "m" },
	{ "--trace", "/dev/null", "mh" },
};

/* Options that make sense in every mode, and need no row. */
static const char *const everywhere[] = { "--channel", "--owner",	"--quiet", "--verbose",
					  "--config",  "--show-config", "--help",  "--version" };

static const struct {
	const char *name;
	const struct row *rows;
	size_t row_count;
	const struct mode *modes;
	size_t mode_count;
} tools[] = { { "shm-consume", consume_rows, sizeof(consume_rows) / sizeof(consume_rows[0]),
		consume_modes, sizeof(consume_modes) / sizeof(consume_modes[0]) },
	      { "shm-produce", produce_rows, sizeof(produce_rows) / sizeof(produce_rows[0]),
		produce_modes, sizeof(produce_modes) / sizeof(produce_modes[0]) } };
enum { TOOLS = 2 };

static bool belongs(const struct row *row, const struct mode *mode)
{
	return strchr(row->modes, mode->letter) != NULL;
}

/* Does the option choose a mode itself, so that it can be alone? */
static bool chooses(const struct row *row)
{
	for (int i = 0; i < TOOLS; i++)
		for (size_t j = 0; j < tools[i].mode_count; j++)
			if (tools[i].modes[j].words[0] != NULL &&
			    strcmp(tools[i].modes[j].words[0], row->name) == 0)
				return true;
	return strcmp(row->name, "--watch") == 0;
}

/* Would it run on and on? Where nothing else ends a wait, a time limit does. */
static bool needs_limit(const struct row *row, const struct mode *mode)
{
	return strchr("pctmh", mode->letter) != NULL && strcmp(row->name, "--timeout") != 0;
}

/* Runs the tool in the mode, with the option if its row is given; returns its status and errors. */
static int run_mode(const char *tool_name, const struct mode *mode, const struct row *row,
		    const char *file, char **errors)
{
	const char *argv[16] = { tool_name };
	size_t count = 1;
	struct tool tool;
	int status;

	if (row != NULL) {
		argv[count++] = row->name;
		if (row->argument != NULL)
			argv[count++] = row->argument;
	}
	if (file != NULL) {
		argv[count++] = "--config";
		argv[count++] = file;
	}
	if (row != NULL && belongs(row, mode) && needs_limit(row, mode)) {
		argv[count++] = "--timeout";
		argv[count++] = "0.01";
	}
	for (int i = 0; mode->words[i] != NULL; i++)
		argv[count++] = mode->words[i];
	if (mode->command) {
		argv[count++] = "--";
		argv[count++] = "true";
	}
	tool = tool_start_argv(-1, -1, argv);
	status = tool_end(&tool);
	*errors = tool_errors(&tool);
	tool_free(&tool);
	return status;
}

Test(modes, every_option_of_the_help_has_a_row_here, .timeout = 30)
{
	for (int i = 0; i < TOOLS; i++) {
		struct help help = help_read(tools[i].name);
		size_t known = sizeof(everywhere) / sizeof(everywhere[0]);

		for (size_t j = 0; j < known; j++)
			cr_expect_not_null(help_row(&help, everywhere[j]), "%s", everywhere[j]);
		for (size_t j = 0; j < tools[i].row_count; j++)
			cr_expect_not_null(help_row(&help, tools[i].rows[j].name), "%s",
					   tools[i].rows[j].name);
		cr_expect_eq(help.count, known + tools[i].row_count,
			     "%s: %zu options, but %zu with modes", tools[i].name, help.count,
			     known + tools[i].row_count);
	}
}

static void expect_refused(const struct row *row, const struct mode *mode, int status,
			   const char *errors)
{
	const char *name = mode->name != NULL ? mode->name : "goes with";

	cr_expect_eq(status, 2, "%s with %s: ended with %d: %s", row->name, name, status, errors);
	cr_expect_not_null(strstr(errors, row->name), "%s with %s: %s", row->name, name, errors);
	cr_expect_not_null(strstr(errors, name), "%s with %s: %s", row->name, name, errors);
	cr_expect(strchr(errors, '\n') != NULL && strchr(errors, '\n')[1] == '\0',
		  "%s with %s: \"%s\" is not one line", row->name, name, errors);
}

Test(modes, an_option_is_refused_out_of_its_mode_and_only_there, .timeout = 300)
{
	char name[NAME_SIZE];

	setenv("SHM_CHANNEL", channel_name(name), 1);
	for (int i = 0; i < TOOLS; i++)
		for (size_t j = 0; j < tools[i].row_count * tools[i].mode_count; j++) {
			const struct row *row = &tools[i].rows[j / tools[i].mode_count];
			const struct mode *mode = &tools[i].modes[j % tools[i].mode_count];
			char *errors;
			int status;

			if (mode->name == NULL && chooses(row))
				continue;
			if (strcmp(row->name, "--watch") == 0 && belongs(row, mode))
				continue; /* it would never end */
			status = run_mode(tools[i].name, mode, row, NULL, &errors);
			if (!belongs(row, mode))
				expect_refused(row, mode, status, errors);
			else
				cr_expect_null(strstr(errors, "does not go with"), "%s: %s",
					       row->name, errors);
			free(errors);
			object_remove(name);
		}
}

Test(modes, what_asks_for_nothing_is_refused_nowhere, .timeout = 60)
{
	static const char *const consume[] = { "--spin=auto", "--progress=never" };
	char name[NAME_SIZE];
	struct tool tool;

	setenv("SHM_CHANNEL", channel_name(name), 1);
	for (size_t i = 0; i < sizeof(consume) / sizeof(consume[0]); i++) {
		cr_expect_eq(tool_run(&tool, "shm-consume", "--list", consume[i]), 0, "%s",
			     consume[i]);
		tool_free(&tool);
	}
	cr_expect_eq(tool_run(&tool, "shm-produce", "--key=", "--hold", "--", "true"), 0);
	tool_free(&tool);
	object_remove(name);
}

/* Each mode with a file that has every option of all the others. */
Test(modes, a_file_may_have_options_of_every_other_mode, .timeout = 120)
{
	char name[NAME_SIZE];
	struct tool tool;
	int status = tool_run(&tool, "shm-consume", "--show-config");

	tool_free(&tool);
	if (status != 0) {
		test_skip("this build has no libinih");
		return;
	}
	folder_make();
	setenv("SHM_CHANNEL", channel_name(name), 1);
	for (int i = 0; i < TOOLS; i++)
		for (size_t j = 0; j < tools[i].mode_count; j++) {
			const struct mode *mode = &tools[i].modes[j];
			FILE *file = fopen(folder_file("c"), "w");
			char *errors;

			cr_assert_not_null(file);
			if (strchr("pctm", mode->letter) != NULL)
				fputs("timeout = 0.01\n", file);
			for (size_t k = 0; k < tools[i].row_count; k++) {
				const struct row *row = &tools[i].rows[k];

				/* not an action, which no file may have */
				if (!belongs(row, mode) && !chooses(row) &&
				    strcmp(row->name, "--force") != 0 &&
				    strcmp(row->name, "--input") != 0 &&
				    strcmp(row->name, "--message") != 0)
					fprintf(file, "%s = %s\n", row->name + 2,
						row->argument != NULL ? row->argument : "yes");
			}
			fclose(file);
			status = run_mode(tools[i].name, mode, NULL, folder_file("c"), &errors);
			cr_expect_neq(status, 2, "mode %c: %s", mode->letter, errors);
			free(errors);
			object_remove(name);
		}
	folder_remove();
}

/*
 * The completions of bash, zsh and fish: each shell is asked what it offers at the end of a line.
 * What it must offer comes from --help, which is the option table.
 */
#include "tests/support/folder.h"
#include "tests/support/help.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const shells[] = { "bash", "zsh", "fish" };
static const char *const commands[] = { "bash --norc -c", "zsh -f -c", "fish --no-config -c" };
static const char *const tools[] = { "shm-produce", "shm-consume" };
enum { SHELLS = 3, TOOLS = 2 };

/*
 * Scripts that print, one word a line, what is offered at the end of $LINE. bash is asked as
 * readline asks it, with "=" as a word of its own.
 */
static const char *const questions[SHELLS] = {
	"for name in shm-produce shm-consume; do . \"$COMPLETIONS/$name\"; done\n"
	"read -ra COMP_WORDS <<<\"${LINE//=/ = }\"\n"
	"[[ $LINE != *' ' ]] || COMP_WORDS+=('')\n"
	"COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
	"_${COMP_WORDS[0]//-/_}\n"
	"[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' \"${COMPREPLY[@]}\"\n",

	"exec zsh -f tests/support/completions.zsh \"$COMPLETIONS\" \"$LINE\"\n",

	"for name in shm-produce shm-consume\n"
	"  source $COMPLETIONS/$name.fish\n"
	"end\n"
	"complete -C $LINE | string replace -r \"\\t.*\" \"\"; or true\n"
};

/* True if this shell is here. If not, says so, once. */
static bool shell_there(int shell)
{
	static enum { UNKNOWN, HERE, MISSING } known[SHELLS];
	struct tool tool;

	if (known[shell] == UNKNOWN) {
		known[shell] = tool_run(&tool, "sh", "-c", "command -v \"$1\" >/dev/null", "sh",
					shells[shell]) == 0
				       ? HERE
				       : MISSING;
		tool_free(&tool);
		if (known[shell] == MISSING)
			test_note("there is no %s: its completions are not tested", shells[shell]);
	}
	return known[shell] == HERE;
}

/*
 * Returns what the shell offers, one word a line, sorted, each once; to be freed. Without "--name="
 * and "-X" in front of an argument, as bash leaves that out and the others do not.
 */
static char *offered(int shell, const char *line)
{
	char path[PATH_MAX], *text;
	struct tool tool;

	cr_assert_not_null(realpath(getenv("TOOLS"), path));
	setenv("HOME", "/nonexistent", 1);
	setenv("TOOLS_PATH", path, 1);
	setenv("LINE", line, 1);
	/*
	 * Leaks are looked for by other tests: in a shell with job control the leak sanitizer's
	 * tracer and a process that it had once stopped waited for each other for ever.
	 */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	tool = tool_start(
		"sh", "-c",
		"PATH=$TOOLS_PATH:$PATH COMPLETIONS=$TOOLS_PATH/completions\n"
		"export PATH COMPLETIONS\n"
		"words=$($1 \"$2\") || exit\n"
		"[ -z \"$words\" ] ||\n"
		"	printf '%s\\n' \"$words\" | sed 's/^--[a-z-]*=//' | LC_ALL=C sort -u\n",
		"sh", commands[shell], questions[shell], NULL);
	cr_expect_eq(tool_end(&tool), 0, "%s, asked for \"%s\"", shells[shell], line);
	text = tool_errors(&tool);
	cr_expect_str_empty(text, "%s said: %s", shells[shell], text);
	free(text);
	text = tool_output(&tool, NULL);
	tool_free(&tool);
	return text;
}

/* Expects exactly these words, one a line and sorted. */
static void expect_offered(int shell, const char *line, const char *expected)
{
	char *text = offered(shell, line);

	cr_expect_str_eq(text, expected, "%s: \"%s\" offers:\n%snot:\n%s", shells[shell], line,
			 text, expected);
	free(text);
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Sorts the words, which are separated by blanks, into lines. */
static void sort_words(char *words, char *lines)
{
	char *word[128] = { NULL };
	size_t count = 0;

	for (char *next = strtok(words, " "); next != NULL; next = strtok(NULL, " ")) {
		cr_assert_lt(count, sizeof(word) / sizeof(word[0]));
		word[count++] = next;
	}
	qsort(word, count, sizeof(word[0]), compare);
	*lines = '\0';
	for (size_t i = 0; i < count; i++)
		strcat(strcat(lines, word[i]), "\n");
}

Test(completions, each_shell_offers_every_option_of_the_table, .timeout = 120)
{
	for (int tool = 0; tool < TOOLS; tool++) {
		struct help help = help_read(tools[tool]);
		char names[8192] = "", lines[8192], line[64];

		for (size_t i = 0; i < help.count; i++)
			strcat(strcat(names, help.rows[i].name), " ");
		sort_words(names, lines);
		snprintf(line, sizeof(line), "%s --", tools[tool]);
		for (int shell = 0; shell < SHELLS; shell++) {
			char *text, *dashes;

			if (!shell_there(shell))
				continue;
			text = offered(shell, line);
			/* "--" itself is no option, and may be among them. */
			dashes = strncmp(text, "--\n", 3) == 0 ? text + 3 : text;
			cr_expect_str_eq(dashes, lines, "%s offers for %s:\n%snot:\n%s",
					 shells[shell], tools[tool], dashes, lines);
			free(text);
		}
	}
}

Test(completions, each_shell_offers_the_words_that_an_argument_may_be, .timeout = 300)
{
	unsigned asked = 0;

	for (int tool = 0; tool < TOOLS; tool++) {
		struct help help = help_read(tools[tool]);

		for (size_t i = 0; i < help.count; i++) {
			const struct help_row *row = &help.rows[i];
			char words[256] = "", lines[256], line[128], argument[128];
			/* Keeps, of "SEC|auto|off", the words in small letters. */
			strcpy(argument, row->argument);
			for (char *word = strtok(argument, "|"); word != NULL;
			     word = strtok(NULL, "|"))
				if (*word >= 'a' && *word <= 'z')
					strcat(strcat(words, word), " ");
			if (*words == '\0')
				continue;
			sort_words(words, lines);
			for (int shell = 0; shell < SHELLS; shell++) {
				if (!shell_there(shell))
					continue;
				snprintf(line, sizeof(line), "%s %s=", tools[tool], row->name);
				expect_offered(shell, line, lines);
				line[strlen(line) - 1] = ' ';
				if (!row->optional)
					expect_offered(shell, line, lines);
				asked++;
			}
		}
	}
	cr_expect_gt(asked, 0u);
}

/* ---- what is there at the moment ---- */

static void send_to(const char *name)
{
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 0);
	tool_free(&tool);
}

Test(completions, each_shell_offers_the_channels_that_there_are, .timeout = 120)
{
	static const char *const options[] = { "-C ", "--channel ", "--channel=", "-n -C " };
	char first[NAME_SIZE], second[NAME_SIZE], both[2 * NAME_SIZE + 2], line[256];

	channel_name(first);
	strcat(strcpy(second, first), ".b-2");
	strcat(first, ".a_1");
	send_to(first);
	send_to(second);
	snprintf(both, sizeof(both), "%s\n%s\n", first, second);
	for (int shell = 0; shell < SHELLS; shell++) {
		if (!shell_there(shell))
			continue;
		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
			for (int tool = 0; tool < TOOLS; tool++) {
				snprintf(line, sizeof(line), "%s %s%.*s", tools[tool], options[i],
					 (int)strlen(first) - 3, first);
				expect_offered(shell, line, both);
			}
		snprintf(line, sizeof(line), "shm-consume --dead-letter %s", first);
		line[strlen(line) - 1] = '\0';
		strcat(first, "\n");
		expect_offered(shell, line, first);
		first[strlen(first) - 1] = '\0';
	}
	object_remove(second);
	for (int shell = 0; shell < SHELLS; shell++)
		if (shell_there(shell)) {
			snprintf(line, sizeof(line), "shm-consume -C %.*s", (int)strlen(first) - 3,
				 first);
			strcat(first, "\n");
			expect_offered(shell, line, first);
			first[strlen(first) - 1] = '\0';
		}
	object_remove(first);
}

/*
 * Any user may put an object into the folder. Its name must neither be run nor hide the other
 * names.
 */
Test(completions, no_shell_offers_an_object_whose_name_is_no_channel, .timeout = 120)
{
	static const char *const ends[] = { "$(echo)", "`echo`", "a b",	 "'",	     "\"",
					    "\\",      ";",	 "*",	 "\xc3\xa9", "\xff\xc3",
					    "a\nb",    "[",	 "{a,b}" };
	char base[NAME_SIZE], good[NAME_SIZE + 8], name[NAME_SIZE + 16], line[128];

	channel_name(base);
	snprintf(good, sizeof(good), "%s.good", base);
	send_to(good);
	strcat(good, "\n");
	snprintf(line, sizeof(line), "shm-consume -C %s", base);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int fd;

		snprintf(name, sizeof(name), "%s%s", base, ends[i]);
		fd = open(object_path(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		cr_assert_geq(fd, 0);
		close(fd);
		for (int shell = 0; shell < SHELLS; shell++)
			if (shell_there(shell))
				expect_offered(shell, line, good);
		object_remove(name);
	}
	good[strlen(good) - 1] = '\0';
	object_remove(good);
}

Test(completions, each_shell_offers_the_groups_of_the_channel, .timeout = 120)
{
	struct help help = help_read("shm-consume");
	char name[NAME_SIZE], line[256];
	struct tool tool;

	if (help_row(&help, "--status") == NULL)
		test_skip("shm-consume has no --status, which tells the groups");
	channel_name(name);
	cr_assert_eq(
		tool_run(&tool, "shm-produce", "-C", name, "--groups", "mail,archive,GROUP", "x"),
		0);
	tool_free(&tool);
	for (int shell = 0; shell < SHELLS; shell++) {
		if (!shell_there(shell))
			continue;
		snprintf(line, sizeof(line), "shm-consume -C %s -g ", name);
		expect_offered(shell, line, "GROUP\narchive\nmail\n");
		snprintf(line, sizeof(line), "shm-consume --channel=%s --remove-group=a", name);
		expect_offered(shell, line, "archive\n");
		snprintf(line, sizeof(line), "shm-produce -C %s --groups new,m", name);
		expect_offered(shell, line, "new,mail\n");
	}
	object_remove(name);
}

/* ---- files and commands ---- */

Test(completions, each_shell_offers_files_where_a_file_is_read, .timeout = 60)
{
	char line[256];

	folder_make();
	file_make("one.pdf");
	file_make("other.pdf");
	for (int shell = 0; shell < SHELLS; shell++) {
		char *text;

		if (!shell_there(shell))
			continue;
		snprintf(line, sizeof(line), "shm-produce -C x -i %s/o", getenv("DIR"));
		text = offered(shell, line);
		cr_expect(strstr(text, "one.pdf\n") != NULL && strstr(text, "other.pdf\n") != NULL,
			  "%s offers %s", shells[shell], text);
		free(text);
		/* A message or a channel is no file, so none are offered. */
		snprintf(line, sizeof(line), "shm-produce -C %s/o", getenv("DIR"));
		expect_offered(shell, line, "");
	}
	folder_remove();
}

Test(completions, each_shell_offers_commands_where_a_command_is_run, .timeout = 120)
{
	for (int shell = 0; shell < SHELLS; shell++) {
		if (!shell_there(shell))
			continue;
		expect_offered(shell, "shm-consume -j 4 -- mkfif", "mkfifo\n");
		expect_offered(shell, "shm-produce -C x --hold -- mkfif", "mkfifo\n");
		expect_offered(shell, "shm-produce -C x -- mkfif", "");
		expect_offered(shell, "shm-consume -D -- mkfif", "");
		/* Commands have options of their own. */
		expect_offered(shell, "shm-consume -- true --exit-em", "");
	}
}

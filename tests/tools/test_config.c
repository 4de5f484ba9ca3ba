/*
 * Configuration files: which are read, which value counts, what --show-config prints, and that
 * what is wrong is refused with its place. What is in them is in shm-channel.5.
 */
#include "tests/support/folder.h"
#include "tests/support/page.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/other_tool.h"

static const char *const both[] = { "shm-produce", "shm-consume" };

/* Ends the test where the tools have no libinih. */
static void need_files(void)
{
	struct tool tool;
	int status = tool_run(&tool, "shm-consume", "--show-config");

	if (status != 0)
		expect_errors_contain(&tool, "--show-config is not in this build");
	tool_free(&tool);
	if (status != 0)
		test_skip("this build has no libinih");
}

static const char *bytes_put(const char *name, const char *bytes, size_t size)
{
	const char *path = folder_file(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	return path;
}

static const char *text_put(const char *name, const char *text)
{
	return bytes_put(name, text, strlen(text));
}

/* A folder, and a channel of its own that the tools find in the environment. */
static const char *begin(char name[NAME_SIZE])
{
	need_files();
	folder_make();
	setenv("SHM_CHANNEL", channel_name(name), 1);
	return name;
}

/* Has ended with this, and one line that has all of `parts`, with a blank between them. */
static void expect_refusal(struct tool *tool, int got, int status, const char *part)
{
	char *errors = tool_errors(tool);

	cr_expect_eq(got, status, "ended with %d, not %d: %s", got, status, errors);
	cr_expect_not_null(strstr(errors, part), "said \"%s\", without \"%s\"", errors, part);
	cr_expect(strchr(errors, '\n') != NULL && strchr(errors, '\n')[1] == '\0',
		  "said \"%s\", which is not one line", errors);
	expect_output(tool, "");
	free(errors);
	tool_free(tool);
}

#define REFUSE(status, part, ...)                                                                  \
	do {                                                                                       \
		struct tool tool_;                                                                 \
		int got_ = tool_run(&tool_, __VA_ARGS__);                                          \
		expect_refusal(&tool_, got_, status, part);                                        \
	} while (0)

/* What --show-config prints has this line, but for the blanks in it. */
static bool shows(const struct tool *tool, const char *wanted)
{
	char *text = tool_output(tool, NULL), *to = text;
	bool found;

	for (const char *from = text; *from != '\0'; from++)
		if (*from != ' ')
			*to++ = *from;
	*to = '\0';
	found = strstr(text, wanted) != NULL;
	if (!found)
		test_note("without \"%s\": %s", wanted, text);
	free(text);
	return found;
}

#define SHOWS(wanted, ...)                                                                         \
	do {                                                                                       \
		struct tool tool_;                                                                 \
		int got_ = tool_run(&tool_, __VA_ARGS__);                                          \
		char *errors_ = tool_errors(&tool_);                                               \
		cr_expect_eq(got_, 0, "ended with %d: %s", got_, errors_);                         \
		cr_expect(shows(&tool_, wanted), "%s", wanted);                                    \
		free(errors_);                                                                     \
		tool_free(&tool_);                                                                 \
	} while (0)

/* ---- what counts ---- */

Test(config, the_options_of_a_file_do_what_those_of_the_command_line_do, .timeout = 60)
{
	char name[NAME_SIZE], text[256];
	struct stat status;
	struct tool tool;
	const char *path;

	begin(name);
	unsetenv("SHM_CHANNEL");
	snprintf(text, sizeof(text),
		 "channel = %s # ours\nsize: 8K\nmode=0660\n  delimiter\t=  ,  \r\nquiet = no\n",
		 name);
	path = text_put("c", text);
	tool = tool_start_fds(bytes_file("one,two,", 8), -1, "shm-produce", "-F", path, NULL);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_expect_eq(status.st_size, (off_t)sizeof(struct shared_buffer) + 8192);
	cr_expect_eq(status.st_mode & 0777, 0660u);
	cr_assert_eq(tool_run(&tool, "shm-consume", "--config", path), 0);
	expect_output(&tool, "one,two,");
	tool_free(&tool);
	cr_assert(!object_exists(name));
	folder_remove();
}

Test(config, what_is_nearer_to_the_user_counts, .timeout = 60)
{
	char name[NAME_SIZE];
	const char *home, *xdg, *named, *given;

	begin(name);
	unsetenv("SHM_CHANNEL");
	cr_assert_eq(mkdir(folder_file("shm-channel"), 0700), 0);
	setenv("XDG_CONFIG_HOME", getenv("DIR"), 1);
	xdg = text_put("shm-channel/config", "channel = xdg\nsize = 4K\ntimeout = 1\nspin = off\n");
	SHOWS("channel=xdg#", "shm-produce", "--show-config");
	named = text_put("named", "\nchannel = named\nsize = 8K\ntimeout = 2\n");
	setenv("SHM_CONFIG", named, 1);
	given = text_put("given", "\n\nchannel = given\nsize = 16K\n");
	for (int i = 0; i < 2; i++) {
		char line[300];

		snprintf(line, sizeof(line), "channel=given#%s:3\nsize=16K#%s:4\n", given, given);
		SHOWS(line, both[i], "-F", given, "--show-config");
		snprintf(line, sizeof(line), "timeout=2#%s:4\nspin=off#%s:4\n", named, xdg);
		SHOWS(line, both[i], "-F", given, "--show-config");
		snprintf(line, sizeof(line), "channel=named#%s:2\nsize=8K#%s:3\n", named, named);
		SHOWS(line, both[i], "--show-config");
	}
	setenv("SHM_CHANNEL", "environment", 1);
	SHOWS("channel=environment#$SHM_CHANNEL\nsize=16K#", "shm-consume", "-F", given,
	      "--show-config");
	SHOWS("channel=typed#commandline\nsize=32K#commandline\n", "shm-consume", "-s", "32K", "-C",
	      "typed", "-F", given, "--show-config");
	/* none at all */
	SHOWS("#lookedfornofile\nchannel=environment#$SHM_CHANNEL\n#size=1M#default\n",
	      "shm-produce", "-F", "", "--show-config");
	/* the usual place without XDG_CONFIG_HOME, and one that is no path */
	unsetenv("SHM_CONFIG");
	home = folder_file(".config");
	cr_assert_eq(symlink(".", home), 0);
	setenv("HOME", getenv("DIR"), 1);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	SHOWS("spin=off#", "shm-produce", "--show-config");
	unsetenv("XDG_CONFIG_HOME");
	SHOWS("spin=off#", "shm-produce", "--show-config");
	unsetenv("HOME");
	SHOWS("#spin=auto#default", "shm-produce", "--show-config");
	unlink(folder_file(".config"));
	unlink(folder_file("shm-channel/config"));
	rmdir(folder_file("shm-channel"));
	folder_remove();
}

/* In a mount namespace of its own /etc can be anything. */
Test(config, the_systems_file_is_read_first, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;
	int status;

	begin(name);
	unsetenv("SHM_CHANNEL");
	status = tool_run(&tool, "unshare", "-rm", "mount", "-t", "tmpfs", "none", "/etc");
	tool_free(&tool);
	if (status != 0) {
		folder_remove();
		test_skip("no permission for another /etc");
	}
	text_put("mine", "size = 8K\n");
	status = tool_run(&tool, "unshare", "-rm", "sh", "-c",
			  "t=$(realpath \"$TOOLS\") && mount -t tmpfs none /etc && "
			  "printf 'size = 4K\\ntimeout = 7\\n' > /etc/shm-channel.conf && "
			  "\"$t/shm-consume\" -F \"$DIR/mine\" --show-config | tr -d ' '");
	cr_expect_eq(status, 0);
	cr_expect(shows(&tool, "size=8K#"));
	cr_expect(shows(&tool, "timeout=7#/etc/shm-channel.conf:2\n"));
	tool_free(&tool);
	folder_remove();
}

/* The machine's root is nobody in it, as far as can be seen. */
Test(config, the_system_s_file_is_used_in_a_user_namespace_too, .timeout = 30)
{
	static const char set_up[] = "t=$(realpath \"$TOOLS\") && mount -t tmpfs none /etc && "
				     "echo 'size = 4K' >/etc/shm-channel.conf && chmod $1 "
				     "/etc/shm-channel.conf && exec setpriv --reuid=54321 "
				     "--regid=54321 --clear-groups unshare -r \"$t/shm-consume\" "
				     "--show-config";
	char name[NAME_SIZE];
	struct tool tool;

	if (geteuid() != 0)
		test_skip("needs root, to be another user");
	begin(name);
	if (tool_run(&tool, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups",
		     "unshare", "-r", "true") != 0)
		test_skip("no permission for a user namespace");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "unshare", "-m", "sh", "-c", set_up, "sh", "644"), 0);
	cr_expect(shows(&tool, "size=4K#/etc/shm-channel.conf:1\n"));
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "unshare", "-m", "sh", "-c", set_up, "sh", "664"), 1);
	expect_errors_contain(&tool, "belongs to another user");
	tool_free(&tool);
	folder_remove();
}

Test(config, a_section_is_for_the_channel_in_use, .timeout = 60)
{
	static const char text[] = "size = 4K\nchannel = filed\n\n"
				   "[channel filed]\nsize = 8K\n"
				   "[ channel\t typed ]\nsize = 16K\nmode = 0660\ngroups = a,b\n"
				   "[channel environment]\nsize = 32K\n"
				   "[channel filed]\nmode = 0606\n";
	char name[NAME_SIZE];
	const char *path;

	begin(name);
	path = text_put("c", text);
	unsetenv("SHM_CHANNEL");
	SHOWS("size=8K#", "shm-produce", "-F", path, "--show-config");
	SHOWS("mode=0606#", "shm-produce", "-F", path, "--show-config");
	SHOWS("size=16K#", "shm-consume", "-F", path, "-C", "typed", "--show-config");
	SHOWS("groups=a,b#", "shm-produce", "-F", path, "-C", "typed", "--show-config");
	SHOWS("size=4K#", "shm-consume", "-F", path, "-C", "other", "--show-config");
	SHOWS("#mode=0600#default", "shm-consume", "-F", path, "-C", "other", "--show-config");
	setenv("SHM_CHANNEL", "environment", 1);
	SHOWS("size=32K#", "shm-consume", "-F", path, "--show-config");
	SHOWS("size=64K#commandline", "shm-consume", "-F", path, "-s", "64K", "--show-config");
	folder_remove();
}

Test(config, no_takes_back_the_yes_of_a_file_before, .timeout = 60)
{
	char name[NAME_SIZE];
	const char *first, *second;
	struct tool tool;
	char *text;

	begin(name);
	first = text_put("first", "follow = yes\nnull = yes\nnew = yes\n");
	second = text_put("second", "follow = no\ndelimiter = ,\nnew = yes\n");
	setenv("SHM_CONFIG", first, 1);
	SHOWS("follow=yes#", "shm-consume", "--show-config");
	SHOWS("delimiter=\\0#", "shm-consume", "--show-config");
	SHOWS("delimiter=,#", "shm-consume", "-F", second, "--show-config");
	cr_assert_eq(tool_run(&tool, "shm-consume", "-F", second, "--show-config"), 0);
	text = tool_output(&tool, NULL);
	cr_expect_null(strstr(text, "follow"), "%s", text);
	cr_expect_not_null(strstr(text, "new"));
	free(text);
	tool_free(&tool);
	folder_remove();
}

/* Each with something on the command line that a file's lines do not go with. */
Test(config, a_file_gives_way_to_the_command_line, .timeout = 120)
{
	static const struct {
		int status;
		const char *file, *words[6];
	} rows[] = {
		{ 0, "follow = yes\nidle = 9", { "shm-consume", "-e" } },
		{ 3, "follow = yes", { "shm-consume", "-n" } },
		{ 0, "idle = 9", { "shm-consume", "-e" } },
		{ 0, "exit-empty = yes", { "shm-consume", "-f", "--idle", "0.01" } },
		{ 0, "nonblock = yes", { "shm-consume", "-f", "--idle", "0.01" } },
		{ 0, "jobs = 2\nretries = 2\nmax-time = 1\nbatch = 2,1", { "shm-consume", "-e" } },
		{ 0, "batch = 2,1", { "shm-consume", "-e", "--", "echo", "{}" } },
		{ 0,
		  "on-failure = dead\ndead-letter = d",
		  { "shm-consume", "-e", "--on-failure", "skip", "--", "true" } },
		{ 0,
		  "durable = yes\nfrom = newest\nexit-empty = yes\nfollow = yes\nidle = 3\n"
		  "new = yes\nsize = 4K\nmode = 0660\nnonblock = yes\ntimeout = 3\nspin = off\n"
		  "batch = 3\njobs = 3",
		  { "shm-consume", "--peek" } },
		{ 0, "trace = t", { "shm-consume", "--peek" } },
		{ 0, "format = %s", { "shm-consume", "-e", "--", "true" } },
		{ 0, "framing = netstring", { "shm-consume", "-e", "--", "true" } },
		{ 0,
		  "on-failure = dead\ndead-letter = d",
		  { "shm-consume", "-C", "d", "-e", "--", "true" } },
		{ 0, "json = yes", { "shm-consume", "-e" } },
		{ 124, "nonblock = yes", { "shm-consume", "-w", "0.05" } },
		{ 124, "nonblock = yes", { "shm-produce", "--wait-consumers=1", "-w", "0.05" } },
		{ 1,
		  "group = g\ndurable = yes\nfollow = yes\ncount = 2\nformat = %s\nstats = yes\n"
		  "size = 4K\ntrace = t",
		  { "shm-consume", "--remove-group", "g" } },
		{ 124,
		  "group = g\ndurable = yes\nexit-empty = yes\nnew = yes\nbatch = 3",
		  { "shm-consume", "--tap", "-w", "0.05" } },
		{ 3, "wait-ack = yes", { "shm-produce", "-n", "--wait-consumers", "1", "x" } },
		{ 124, "nonblock = yes", { "shm-produce", "-a", "-w", "0.05", "x" } },
		{ 124,
		  "nonblock = yes",
		  { "shm-produce", "--when-full=block", "--wait-consumers=1", "-w", "0.05" } },
		{ 3, "when-full = block", { "shm-produce", "-n", "--wait-consumers", "1" } },
		{ 0,
		  "key = k\nwait-ack = yes\nwhen-full = drop-new",
		  { "shm-produce", "--hold", "--", "true" } },
	};
	char name[NAME_SIZE];

	begin(name);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *argv[16] = { rows[i].words[0], "-F", text_put("c", rows[i].file) };
		struct tool tool;
		char *errors;
		int got;

		for (int j = 1; j < 6 && rows[i].words[j] != NULL; j++)
			argv[2 + j] = rows[i].words[j];
		tool = tool_start_argv(-1, -1, argv);
		got = tool_end(&tool);
		errors = tool_errors(&tool);
		cr_expect_eq(got, rows[i].status, "row %zu ended with %d: %s", i, got, errors);
		cr_expect_null(strstr(errors, "--help"), "%s", errors);
		free(errors);
		tool_free(&tool);
		object_remove(name);
	}
	folder_remove();
}

Test(config, lines_that_contradict_each_other_are_an_error_without_help_of_the_command_line,
     .timeout = 60)
{
	char name[NAME_SIZE];

	begin(name);
	REFUSE(2, "--exit-empty stops, --follow does not", "shm-consume", "-F",
	       text_put("c", "follow = yes\nexit-empty = yes\n"));
	REFUSE(2, "--wait-ack waits, --nonblock never does", "shm-produce", "-F",
	       text_put("c", "nonblock = yes\nwait-ack = yes\n"), "x");
	cr_assert(!object_exists(name));
	folder_remove();
}

/* ---- --show-config ---- */

Test(config, what_is_shown_is_a_file_that_says_the_same, .timeout = 60)
{
	static const char text[] =
		"size = 64K\ntimeout = 2.5\ndelimiter = \\x3b\\x20\nquiet = yes\n"
		"[channel c]\nmode = 0660\n";
	char name[NAME_SIZE];
	struct tool tool;

	begin(name);
	for (int i = 0; i < 2; i++) {
		char *first, *second, *from, *to;
		const char *path;

		path = text_put("c", text);
		cr_assert_eq(tool_run(&tool, both[i], "-F", path, "-C", "c", "--spin", "0.01",
				      "--show-config"),
			     0);
		first = tool_output(&tool, NULL);
		tool_free(&tool);
		path = text_put("again", first);
		cr_assert_eq(tool_run(&tool, both[i], "-F", path, "-C", "c", "--show-config"), 0);
		second = tool_output(&tool, NULL);
		tool_free(&tool);
		/* the same options and values; the places differ */
		for (from = first, to = second;;) {
			from = strchr(from, '\n');
			to = strchr(to, '\n');
			cr_expect_eq(from == NULL, to == NULL);
			if (from == NULL || to == NULL)
				break;
			from++;
			to++;
			if (strncmp(from, "# config", 8) == 0)
				continue;
			cr_expect_eq(strcspn(from, " "), strcspn(to, " "));
			cr_expect_eq(strncmp(from, to, 32), 0, "\"%.40s\" \"%.40s\"", from, to);
		}
		cr_expect_not_null(strstr(second, "\ntimeout = 2.5 "));
		cr_expect_not_null(strstr(second, "\nmode = 0660 "));
		free(first);
		free(second);
	}
	folder_remove();
}

Test(config, a_value_that_no_file_could_give_back_is_shown_as_a_comment, .timeout = 60)
{
	char name[NAME_SIZE], key[256];

	begin(name);
	SHOWS("#key=a\\x20\\x23b#commandline", "shm-produce", "-k", "a #b", "--show-config");
	SHOWS("#key=\\x0a#commandline", "shm-produce", "-k", "\n", "--show-config");
	SHOWS("\nkey=a;b#commandline", "shm-produce", "-k", "a;b", "--show-config");
	SHOWS("delimiter=\\x0a\\x3b\\x20#commandline", "shm-produce", "-D", "\n; ",
	      "--show-config");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	SHOWS("#commandline:\n#key=kkk", "shm-produce", "-k", key, "--show-config");
	folder_remove();
}

Test(config, the_name_of_a_file_stays_in_its_comment, .timeout = 60)
{
	char name[NAME_SIZE];
	const char *path;

	begin(name);
	path = text_put("b\nspin", "size = 4K\n");
	SHOWS("b\\x0aspin\"\n", "shm-consume", "-F", path, "--show-config");
	SHOWS("b\\x0aspin:1\n", "shm-consume", "-F", path, "--show-config");
	folder_remove();
}

/* What --help says of an option; to be freed. */
static char *help_row(const char *help, const char *option)
{
	char wanted[64];
	const char *from, *end;

	snprintf(wanted, sizeof(wanted), "--%s ", option);
	from = strstr(help, wanted);
	cr_assert_not_null(from, "%s", wanted);
	for (end = strchr(from, '\n'); strncmp(end + 1, "       ", 7) == 0;)
		end = strchr(end + 1, '\n');
	return strndup(from, (size_t)(end - from));
}

/* The table says twice what the default is: for people, in brackets, and for --show-config. */
Test(config, the_defaults_are_those_of_the_help, .timeout = 60)
{
	char name[NAME_SIZE];

	begin(name);
	for (int i = 0; i < 2; i++) {
		struct tool shown, helped;
		char *lines, *help;
		unsigned count = 0;

		cr_assert_eq(tool_run(&shown, both[i], "--show-config", "-F", ""), 0);
		cr_assert_eq(tool_run(&helped, both[i], "--help"), 0);
		lines = tool_output(&shown, NULL);
		help = tool_output(&helped, NULL);
		for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			char option[32], value[32], wanted[64], *row;

			if (strstr(line, "# default") == NULL ||
			    sscanf(line, "# %30s = %30s", option, value) != 2)
				continue;
			snprintf(wanted, sizeof(wanted), "[%s]", value);
			row = help_row(help, option);
			cr_expect_not_null(strstr(row, wanted), "%s without %s", row, wanted);
			free(row);
			count++;
		}
		cr_expect_geq(count, 4u);
		free(lines);
		free(help);
		tool_free(&shown);
		tool_free(&helped);
	}
	folder_remove();
}

Test(config, is_shown_as_json_if_so_asked, .timeout = 60)
{
	char name[NAME_SIZE], wanted[300];
	const char *path;
	struct tool tool;
	char *text;
	int status;

	begin(name);
	path = text_put("c", "\nsize = 4K\n");
	status = tool_run(&tool, "shm-produce", "-F", path, "--json", "-k", "\xff\"",
			  "--show-config");
	if (status != 0) {
		expect_errors_contain(&tool, "not in this build");
		tool_free(&tool);
		folder_remove();
		test_skip("this build has no libjansson");
	}
	snprintf(wanted, sizeof(wanted),
		 "{\"option\":\"size\",\"value\":\"4K\",\"from\":\"file\",\"file\":\"%s\","
		 "\"line\":2}",
		 path);
	text = tool_output(&tool, NULL);
	for (char *from = text, *to = text;; from++) {
		if (*from != ' ' && *from != '\n')
			*to++ = *from;
		if (*from == '\0')
			break;
	}
	cr_expect_eq(text[0], '[');
	cr_expect_not_null(strstr(text, wanted), "%s", text);
	cr_expect_not_null(strstr(text, "\"value\":\"\\\\xff\\\"\",\"from\":\"commandline\""), "%s",
			   text);
	cr_expect_not_null(strstr(text, "\"from\":\"$SHM_CHANNEL\""), "%s", text);
	cr_expect_not_null(strstr(text, "\"from\":\"default\""), "%s", text);
	free(text);
	tool_free(&tool);
	folder_remove();
}

/* ---- what is refused ---- */

Test(config, what_a_line_has_wrong_is_told_with_its_place, .timeout = 120)
{
	static const struct {
		const char *text, *part;
		bool consumer_only;
	} rows[] = {
		{ "\nchanel = x", ":2: unknown key \"chanel\"; did you mean \"channel\"?", false },
		{ "folow = yes", ":1: unknown key \"folow\"; did you mean \"follow\"?", false },
		{ "wibble = 1", ":1: unknown key \"wibble\" (", false },
		{ " = 1", ":1: unknown key \"\" (", false },
		{ "size = 4K\nsize = 8K", ":2: \"size\" is already in line 1", false },
		{ "[channel a]\nsize=1K\n[channel  a]\nsize=1K",
		  ":4: \"size\" is already in line 2", false },
		{ "size = 1X", ":1: bad size \"1X\"", false },
		{ "size =", ":1: bad size \"\"", false },
		{ "#\n\n channel = a/b", ":3: bad channel name \"a/b\"", false },
		{ "nonblock = true", ":1: bad nonblock \"true\": yes or no", false },
		{ "nonblock =", ":1: bad nonblock \"\": yes or no", false },
		{ "quiet = yes\ncount = 0", ":2: bad count \"0\"", true },
		{ "from = middle", ":1: bad from \"middle\"", true },
		{ "just a line", ":1: neither \"key = value\" nor \"[section]\"", false },
		{ "\n\n[channel x\nsize = 4K", ":3: neither", false },
		{ "size = 4K\nnonsense\nchanel = 3", ":2: neither", false },
		{ "chanel = 3\nnonsense", ":2: neither", false },
		{ "[chanel x]\n\nsize = 4K",
		  ":1: unknown section \"chanel\"; did you mean \"channel\"?", false },
		{ "[]\nsize = 4K", ":1: unknown section \"\"", false },
		{ "[channel]\nsize = 4K", ":1: [channel] needs a name", false },
		{ "[message]\ntext = a", ":1: [message] needs a name", false },
		{ "[channel a/b]\nsize = 4K", ":1: bad channel name \"a/b\"", false },
		{ "[channel x] y\nsize = 4K", ":1: there is something after the \"]\"", false },
		{ "[channel x]\nspin = off", ":2: \"spin\" does not belong into [channel NAME]",
		  false },
		{ "[channel x]\nfollow = yes", ":2: \"follow\" does not belong", false },
		{ "[channel x]\nsiez = 4K", ":2: unknown key \"siez\"; did you mean \"size\"?",
		  false },
		{ "[message x]\ntxt = 4K", ":2: unknown key \"txt\"; did you mean \"text\"?",
		  false },
		{ "command = rm", ":1: a command is never taken from a file", false },
		{ "[channel 45678901234567890123456789012345678901234567890]\nsize=1K",
		  ":1: the section's name is longer than 49 bytes", false },
		{ "size = \x1b[31m", ":1: bad size \"\\x1b[31m\"", false },
	};
	char name[NAME_SIZE];

	begin(name);
	unsetenv("SHM_CHANNEL");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path = text_put("c", rows[i].text);
		char part[256];

		snprintf(part, sizeof(part), "%s%s", path, rows[i].part);
		for (int j = rows[i].consumer_only; j < 2; j++)
			REFUSE(2, part, both[j], "-F", path, "--show-config");
	}
	folder_remove();
}

Test(config, no_byte_is_lost_in_silence, .timeout = 60)
{
	static const char nul[] = "size = 4K\nquiet = yes\0no\n";
	char name[NAME_SIZE], line[512], part[128];
	const char *path;

	begin(name);
	path = bytes_put("c", nul, sizeof(nul) - 1);
	snprintf(part, sizeof(part), "%s:2: there is a NUL byte in it", path);
	REFUSE(2, part, "shm-produce", "-F", path, "x");
	/* the longest line that is taken, and one more */
	for (int i = 0; i < 2; i++) {
		size_t size = 198 + (size_t)i;

		memset(line, 'k', sizeof(line));
		memcpy(line, "key = ", 6);
		strcpy(line + size, " # and a comment");
		path = text_put("c", line);
		if (i == 0) {
			SHOWS("key=kkkk", "shm-produce", "-F", path, "--show-config");
		} else {
			snprintf(part, sizeof(part), "%s:1: the line is longer than 198 bytes",
				 path);
			REFUSE(2, part, "shm-produce", "-F", path, "x");
		}
	}
	/* comments may be as long as they like */
	memset(line, '-', sizeof(line));
	memcpy(line, "key = k  #", 10);
	line[500] = '\0';
	SHOWS("key=k#", "shm-produce", "-F", text_put("c", line), "--show-config");
	line[0] = ';';
	strcpy(line + 490, "\nsize = 4K");
	SHOWS("size=4K#", "shm-produce", "-F", text_put("c", line), "--show-config");
	folder_remove();
}

Test(config, marks_and_blanks_of_other_systems_do_no_harm, .timeout = 60)
{
	char name[NAME_SIZE];

	begin(name);
	SHOWS("size=4K#", "shm-produce", "-F",
	      text_put("c", "\xef\xbb\xbfsize = 4K\r\n\r\n[channel x]\r\n\tsize = 8K\r\n"),
	      "--show-config");
	SHOWS("size=8K#", "shm-produce", "-C", "x", "-F", folder_file("c"), "--show-config");
	SHOWS("key=a=b:c#", "shm-produce", "-F", text_put("c", "key = a=b:c"), "--show-config");
	SHOWS("#size=1M#default", "shm-produce", "-F", text_put("c", ""), "--show-config");
	folder_remove();
}

Test(config, a_file_that_others_could_have_written_is_refused, .timeout = 60)
{
	char name[NAME_SIZE], large[70000];
	const char *path;

	begin(name);
	path = text_put("c", "size = 4K\n");
	cr_assert_eq(chmod(path, 0602), 0);
	REFUSE(1, "everybody may write it: chmod o-w it", "shm-produce", "-F", path, "x");
	setenv("SHM_CONFIG", path, 1);
	REFUSE(1, "($SHM_CONFIG): everybody may write it", "shm-consume", "-n");
	unsetenv("SHM_CONFIG");
	cr_assert_eq(chmod(path, 0620), 0);
	SHOWS("size=4K#", "shm-produce", "-F", path, "--show-config");
	if (geteuid() == 0) {
		cr_assert_eq(chown(path, 54321, 0), 0);
		REFUSE(1, "belongs to another user: take a copy of your own", "shm-produce", "-F",
		       path, "x");
		cr_assert_eq(chown(path, 0, 0), 0);
	} else {
		test_note("not root: a file of another user is not tested");
	}
	REFUSE(1, "it is not a regular file", "shm-produce", "-F", getenv("DIR"), "x");
	cr_assert_eq(mkfifo(folder_file("fifo"), 0600), 0);
	REFUSE(1, "it is not a regular file", "shm-produce", "-F", folder_file("fifo"), "x");
	REFUSE(1, "it is not a regular file", "shm-produce", "-F", "/dev/null", "x");
	REFUSE(1, "No such file", "shm-produce", "-F", folder_file("missing"), "x");
	setenv("SHM_CONFIG", folder_file("missing"), 1);
	REFUSE(1, "No such file", "shm-consume", "-n");
	setenv("SHM_CONFIG", "", 1);
	SHOWS("#size=1M#default", "shm-produce", "--show-config");
	memset(large, '\n', sizeof(large));
	REFUSE(1, "longer than 64 KiB", "shm-produce", "-F", bytes_put("large", large, 65537), "x");
	SHOWS("#size=1M#", "shm-produce", "-F", bytes_put("large", large, 65536), "--show-config");
	cr_assert(!object_exists(name));
	folder_remove();
}

Test(config, a_usual_file_is_as_strict_once_it_is_there, .timeout = 60)
{
	char name[NAME_SIZE];

	begin(name);
	cr_assert_eq(mkdir(folder_file("shm-channel"), 0700), 0);
	setenv("XDG_CONFIG_HOME", getenv("DIR"), 1);
	text_put("shm-channel/config", "siez = 4K\n");
	REFUSE(2, "shm-channel/config:1: unknown key \"siez\"; did you mean \"size\"?",
	       "shm-produce", "x");
	/* help comes all the same, and what is wrong with the command line comes first */
	for (int i = 0; i < 2; i++) {
		struct tool tool;

		cr_expect_eq(tool_run(&tool, both[i], "--help"), 0);
		tool_free(&tool);
		REFUSE(2, "unknown option", both[i], "--bogus");
		REFUSE(2, "needs an argument", both[i], "-C");
	}
	cr_assert_eq(chmod(folder_file("shm-channel/config"), 0666), 0);
	REFUSE(1, "everybody may write it", "shm-consume", "-n");
	unlink(folder_file("shm-channel/config"));
	rmdir(folder_file("shm-channel"));
	text_put("shm-channel", "no folder");
	SHOWS("#size=1M#default", "shm-produce", "--show-config");
	cr_assert(!object_exists(name));
	folder_remove();
}

/* ---- the tools' tables ---- */

/* Calls this for each long option in a tool's help. */
static void options_of(const char *tool_name, void (*look)(const char *tool, const char *option))
{
	struct tool tool;
	char *help;

	cr_assert_eq(tool_run(&tool, tool_name, "--help"), 0);
	help = tool_output(&tool, NULL);
	for (char *line = strtok(help, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char *name = strncmp(line, "      --", 8) == 0		      ? line + 8
			     : strncmp(line, "  -", 3) == 0 && line[4] == ',' ? line + 8
									      : NULL;

		if (name == NULL)
			continue;
		name[strcspn(name, " [")] = '\0';
		look(tool_name, name);
	}
	free(help);
	tool_free(&tool);
}

static char own[2][4096];

static void note_own(const char *tool, const char *option)
{
	char *names = own[strcmp(tool, both[0]) != 0];

	strcat(strcat(names, option), " ");
}

static bool has(int tool, const char *option)
{
	char wanted[64], names[4100];

	snprintf(names, sizeof(names), " %s", own[tool]);
	snprintf(wanted, sizeof(wanted), " %s ", option);
	return strstr(names, wanted) != NULL;
}

static void look_elsewhere(const char *tool, const char *option)
{
	const struct other_option *other = other_tool_option(option);
	int mine = strcmp(tool, both[0]) != 0;

	if (has(!mine, option))
		cr_expect_null(other, "both tools have --%s", option);
	else
		cr_expect(other != NULL && strcmp(other->tool, tool) == 0,
			  "other_tool.c does not say that --%s is one of %s", option, tool);
}

/* All that is about one call: look_in_file() holds the tools to this list. */
static const char *const once[] = { "config", "show-config", "help",	     "version",
				    "input",  "message",     "hold",	     "end",
				    "peek",   "tap",	     "remove-group", "list",
				    "status", "watch",	     "remove",	     "force",
				    "doctor", "trust-owner" };

/* What a file may not say, neither tool takes from one; what it may, both know. */
static void look_in_file(const char *tool, const char *option)
{
	char text[64];
	const char *path;
	bool refused = false;

	snprintf(text, sizeof(text), "%s = ", option);
	path = text_put("c", text);
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		refused |= strcmp(option, once[i]) == 0;
	for (int i = 0; i < 2; i++) {
		struct tool reader;
		char *errors;

		tool_run(&reader, both[i], "-F", path, "--show-config");
		errors = tool_errors(&reader);
		cr_expect_eq(strstr(errors, "is for the command line") != NULL, refused,
			     "%s, --%s of %s: \"%s\"", both[i], option, tool, errors);
		cr_expect_null(strstr(errors, "unknown key"), "%s, --%s of %s: \"%s\"", both[i],
			       option, tool, errors);
		free(errors);
		tool_free(&reader);
	}
}

Test(config, each_tool_knows_what_only_the_other_has, .timeout = 120)
{
	char name[NAME_SIZE];

	begin(name);
	for (int i = 0; i < 2; i++)
		options_of(both[i], note_own);
	for (int i = 0; i < 2; i++) {
		options_of(both[i], look_elsewhere);
		options_of(both[i], look_in_file);
	}
	for (const struct other_option *option = other_tool_options; option->name != NULL; option++)
		cr_expect(has(strcmp(option->tool, both[0]) != 0, option->name),
			  "%s has no --%s any more", option->tool, option->name);
	folder_remove();
}

Test(config, the_page_names_all_that_is_not_in_files, .timeout = 60)
{
	char *page = page_file("common/man/shm-channel.5"), *from, *end, wanted[64];

	from = strstr(page, "\nNot in files are\n");
	cr_assert_not_null(from);
	end = strstr(from, "\n.Pp\n");
	cr_assert_not_null(end);
	*end = '\0';
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		size_t size = (size_t)snprintf(wanted, sizeof(wanted), "\n.Cm %s", once[i]);
		const char *found = strstr(from, wanted);

		/* the whole word: "remove" is not "remove-group" */
		while (found != NULL && found[size] != '\n' && found[size] != ' ')
			found = strstr(found + 1, wanted);
		cr_expect_not_null(found, "%s", once[i]);
	}
	free(page);
}

/* ---- messages ---- */

Test(config, messages_are_sent_by_their_names, .timeout = 60)
{
	static const char text[] = "key = general\n"
				   "[message hello]\ntext = Hello, ${WHO}: $${WHO} costs $5 $\n"
				   "key = for-${WHO}\n"
				   "[message two words]\nfile = ${FILE}.txt\n"
				   "[message empty]\ntext =\n";
	char name[NAME_SIZE];
	const char *path;
	struct tool tool;

	begin(name);
	path = text_put("c", text);
	text_put("a.txt", "of a file\n");
	setenv("WHO", "all # ${HOME}", 1);
	setenv("FILE", "a", 1);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-F", path, "operand", "--message", "two words",
			      "--message", "hello", "-i", folder_file("a.txt"), "--message=empty",
			      "--message", "hello"),
		     0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-D", "|", "--", "sh", "-c",
			      "echo \"$SHM_SEQ $SHM_KEY: $(cat)\""),
		     0);
	expect_output(&tool, "1 general: of a file\n"
			     "2 general: of a file\n"
			     "3 for-all # ${HOME}: Hello, all # ${HOME}: ${WHO} costs $5 $\n"
			     "4 general: \n"
			     "5 for-all # ${HOME}: Hello, all # ${HOME}: ${WHO} costs $5 $\n"
			     "6 general: operand\n");
	tool_free(&tool);
	/* the path is seen from the file's folder, also if that was given without one */
	tool = tool_start("sh", "-c",
			  "t=$(realpath \"$TOOLS\") && cd \"$DIR\" && \"$t/shm-produce\" -F c "
			  "--message 'two words' && \"$t/shm-consume\"",
			  NULL);
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, "of a file\n\n");
	tool_free(&tool);
	cr_assert(!object_exists(name));
	folder_remove();
}

Test(config, a_message_in_a_later_file_counts_as_a_whole, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	begin(name);
	setenv("SHM_CONFIG", text_put("first", "[message m]\nfile = nowhere\nkey = k\n"), 1);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-F",
			      text_put("second", "[message m]\ntext = later\n"), "--message", "m"),
		     0);
	tool_free(&tool);
	cr_assert_eq(tool_run(&tool, "shm-consume", "-v"), 0);
	expect_output(&tool, "later\n");
	expect_errors_contain(&tool, "received data: later");
	tool_free(&tool);
	folder_remove();
}

Test(config, a_message_that_cannot_be_sent_sends_nothing, .timeout = 60)
{
	static const char text[] = "[message good]\ntext = good\n"
				   "[message unset]\ntext = ${SHM_TEST_UNSET}\n"
				   "[message open]\ntext = ${OPEN\n"
				   "[message odd]\ntext = ${a-b}\n"
				   "[message both]\ntext = a\nfile = b\n"
				   "[message neither]\nkey = a\n"
				   "[message nofile]\nfile = missing.txt\n"
				   "[message longkey]\ntext = a\nkey = ${LONG}\n";
	static const struct {
		int status;
		const char *message, *part;
	} rows[] = {
		{ 2, "unset", ":4: the environment has no variable \"SHM_TEST_UNSET\"" },
		{ 2, "open", ":6: \"${\" begins ${VARIABLE}" },
		{ 2, "odd", ":8: \"${\" begins ${VARIABLE}" },
		{ 2, "both", ":11: [message both] has both text and file" },
		{ 2, "neither", ":12: [message neither] has neither text nor file" },
		{ 1, "nofile", "missing.txt\": No such file" },
		{ 2, "longkey", ":18: bad key: longer than 255 bytes" },
		{ 2, "goood", "no message \"goood\" (did you mean \"good\"?) in \"" },
		{ 2, "wibble", "no message \"wibble\" in \"/etc/shm-channel.conf\"" },
		{ 2, "", "no message \"\" in " },
	};
	char name[NAME_SIZE], longer[300];
	const char *path;

	begin(name);
	memset(longer, 'l', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	setenv("LONG", longer, 1);
	path = text_put("c", text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		REFUSE(rows[i].status, rows[i].part, "shm-produce", "-F", path, "--message", "good",
		       "--message", rows[i].message, "x");
	REFUSE(2, path, "shm-produce", "-F", path, "--message", "wibble");
	REFUSE(2, "no message \"good\" in no file", "shm-produce", "-F", "", "--message", "good");
	REFUSE(2, "--message", "shm-produce", "-F", path, "--message", "good", "--hold", "--",
	       "true");
	REFUSE(2, "standard input is not read", "shm-produce", "-F", path, "--message", "good",
	       "-i", "-");
	cr_assert(!object_exists(name));
	folder_remove();
}

/* ---- anything at all ---- */

/* Pieces of files, put together at random: never a signal, and one line if it is refused. */
Test(config, any_bytes_are_taken_or_refused_in_one_line, .timeout = 300)
{
	static const char *const pieces[] = {
		"\n",
		"\n",
		"\n",
		"size",
		" = ",
		"=",
		":",
		"4K",
		"[channel ",
		"[message ",
		"a]\n",
		"]",
		"[",
		"text",
		"key = a",
		"follow=yes",
		"\xef\xbb\xbf",
		"#",
		" ;",
		" ",
		"\t",
		"\r\n",
		"${HOME}",
		"$",
		"\xff\xfe",
		"\x1b[31m",
		"command",
		"%s%n",
		"timeout = 1\n",
		"  mode = 0600\n",
		"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
	};
	unsigned long long state = 20261124;
	unsigned taken = 0, refused = 0;
	char name[NAME_SIZE];

	begin(name);
	for (int i = 0; i < 300; i++) {
		char text[2048] = "";
		struct tool tool;
		char *errors;
		int got, count;

		state = state * 6364136223846793005u + 1442695040888963407u;
		count = (int)(state >> 60) + 1;
		for (int j = 0; j < count; j++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			strcat(text, pieces[(state >> 33) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		got = tool_run(&tool, both[i % 2], "-F", text_put("c", text), "--show-config");
		errors = tool_errors(&tool);
		cr_expect(got == 0 || got == 2, "ended with %d of \"%s\": %s", got, text, errors);
		if (got == 0)
			cr_expect_str_empty(errors, "%s", errors);
		else
			cr_expect(strchr(errors, '\n') != NULL && strchr(errors, '\n')[1] == '\0' &&
					  strchr(errors, '\x1b') == NULL,
				  "said \"%s\"", errors);
		taken += got == 0;
		refused += got != 0;
		free(errors);
		tool_free(&tool);
	}
	cr_expect_gt(taken, 20u);
	cr_expect_gt(refused, 20u);
	folder_remove();
}

/* ---- the manual page ---- */

/* The block of shm-channel.5 behind this comment, its channel renamed; to be freed. */
static char *page_block(const char *what, const char *channel)
{
	char comment[64], *page = calloc(1, 65536), *result = calloc(1, 8192), *at, *end;
	FILE *file = fopen("common/man/shm-channel.5", "re");

	cr_assert(file != NULL && page != NULL && result != NULL);
	cr_assert_gt(fread(page, 1, 65535, file), 0u);
	fclose(file);
	snprintf(comment, sizeof(comment), ".\\\" example: %s\n", what);
	at = strstr(page, comment);
	cr_assert_not_null(at);
	at = strchr(at + strlen(comment), '\n') + 1;
	end = strstr(at, ".Ed\n");
	cr_assert_not_null(end);
	*end = '\0';
	for (char *jobs; (jobs = strstr(at, "jobs")) != NULL; at = jobs + 4) {
		strncat(result, at, (size_t)(jobs - at));
		strcat(result, channel);
	}
	strcat(result, at);
	free(page);
	return result;
}

Test(config, the_example_of_the_manual_page_does_what_it_says, .timeout = 60)
{
	char name[NAME_SIZE], *file, *commands, *output, script[9000];
	struct tool tool;
	char *errors;

	begin(name);
	unsetenv("SHM_CHANNEL");
	file = page_block("file", name);
	commands = page_block("commands", name);
	output = page_block("output", name);
	text_put("shm.conf", file);
	snprintf(script, sizeof(script),
		 "PATH=$(realpath \"$TOOLS\"):$PATH && cd \"$DIR\" || exit\n%s", commands);
	cr_expect_eq(tool_run(&tool, "sh", "-c", script), 0);
	expect_output(&tool, output);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors, "%s", errors);
	free(errors);
	tool_free(&tool);
	cr_assert(!object_exists(name));
	free(file);
	free(commands);
	free(output);
	folder_remove();
}

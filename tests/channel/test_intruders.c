/*
 * Two users who do not trust each other: one owns channels (the victim), the other may use one of
 * them and wants more (the intruder).
 */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Users that need not be in any file. */
enum { VICTIM = 54331, INTRUDER = 54332 };

/* Runs a shell script as that user, with its arguments: "$TOOLS" is the folder of the tools. */
#define AS_VICTIM(...)                                                                             \
	tool_start("setpriv", "--reuid=54331", "--regid=54331", "--clear-groups", "sh", "-c",      \
		   __VA_ARGS__, NULL)
#define AS_INTRUDER(...)                                                                           \
	tool_start("setpriv", "--reuid=54332", "--regid=54332", "--clear-groups", "sh", "-c",      \
		   __VA_ARGS__, NULL)

/* Starts a tool as the victim: its name and arguments. */
#define VICTIM_RUNS(...)                                                                           \
	AS_VICTIM("tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__)

/*
 * A script that opens the object $1 and answers; for the next line of its input it says how many
 * lines of the object contain "secret".
 */
static const char spy_script[] = "exec 9<>\"$1\"; eval \"$2\"; echo ready; read -r line; "
				 "echo \"secrets: $(grep -ac secret <&9)\"";

static void need_users(void)
{
	struct tool tool;
	int status;

	if (geteuid() != 0) {
		test_note("not root: intruders are not tested");
		test_skip("needs root");
	}
	tool = AS_INTRUDER("exec \"$TOOLS/shm-produce\" --version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0) {
		test_note("other users cannot run the tools: intruders are not tested");
		test_skip("needs setpriv, and tools that all may run");
	}
}

/* Returns the path of the victim's channel. */
static const char *path_of(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "/dev/shm/shm-channel.%d.%s", VICTIM, name);
	return path;
}

/* Waits for the tool's end, with status `status`; on standard error it must have said `part`. */
static void expect_end(struct tool tool, int status, const char *part)
{
	int got = tool_end(&tool);
	char *errors = tool_errors(&tool);

	cr_expect_eq(got, status, "ended with %d, not %d: %s", got, status, errors);
	cr_expect_not_null(strstr(errors, part), "said \"%s\", without \"%s\"", errors, part);
	free(errors);
	tool_free(&tool);
}

static void expect_done(struct tool tool, const char *output)
{
	cr_expect_eq(tool_end(&tool), 0);
	expect_output(&tool, output);
	tool_free(&tool);
}

static bool wrote(const struct tool *tool, const char *part)
{
	char *output = tool_output(tool, NULL);
	bool found = strstr(output, part) != NULL;

	free(output);
	return found;
}

struct spy {
	struct tool tool;
	int line; /* for a byte written here it looks */
};

/* Starts an intruder that has the object open and has run `then`, too. */
static struct spy spy_start(const char *name, const char *then)
{
	struct spy spy;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	spy.line = ends[1];
	spy.tool = tool_start_fds(ends[0], -1, "setpriv", "--reuid=54332", "--regid=54332",
				  "--clear-groups", "sh", "-c", spy_script, "sh", path_of(name),
				  then, NULL);
	close(ends[0]);
	WAIT_FOR(wrote(&spy.tool, "ready\n"));
	return spy;
}

static void spy_expect_nothing(struct spy *spy)
{
	cr_assert_eq(write(spy->line, "\n", 1), 1);
	close(spy->line);
	cr_expect_eq(tool_end(&spy->tool), 0);
	expect_output(&spy->tool, "ready\nsecrets: 0\n");
	tool_free(&spy->tool);
}

static void expect_private(const char *name)
{
	struct stat status;

	cr_assert_eq(stat(path_of(name), &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600u);
	cr_expect_eq(status.st_nlink, 1u);
}

/* Returns the advice that --doctor gives about this channel, to be run; there must be one. */
static void advice_of(const char *name, char *advice, size_t size)
{
	struct tool tool = VICTIM_RUNS("shm-consume", "--doctor");
	char *output, *line, *next = NULL;

	cr_expect_eq(tool_end(&tool), 1);
	output = tool_output(&tool, NULL);
	*advice = '\0';
	for (line = strtok_r(output, "\n", &next); line != NULL && *advice == '\0';
	     line = strtok_r(NULL, "\n", &next))
		if (strncmp(line, "warn", 4) == 0 && strstr(line, name) != NULL)
			snprintf(advice, size, "PATH=\"$TOOLS:$PATH\"; %s",
				 strtok_r(NULL, "\n", &next));
	cr_assert_str_not_empty(advice);
	free(output);
	tool_free(&tool);
}

/* ---- links ---- */

Test(intruders, a_link_to_the_name_of_a_private_channel_gets_no_message, .timeout = 60)
{
	char open[NAME_SIZE], private[NAME_SIZE], advice[512];
	struct tool tool;

	need_users();
	channel_name(open);
	channel_name(private);
	expect_done(VICTIM_RUNS("shm-produce", "-C", open, "-m", "0666", "hello"), "");
	expect_done(AS_INTRUDER("ln \"$1\" \"$2\"", "sh", path_of(open), path_of(private)), "");
	expect_end(VICTIM_RUNS("shm-produce", "-C", private, "secret"), 1, "another name");
	expect_end(VICTIM_RUNS("shm-consume", "-C", private, "-f", "-w", "1", "--", "sh"), 1,
		   "another name");
	expect_end(VICTIM_RUNS("shm-consume", "-C", private, "--peek"), 1, "another name");
	expect_end(VICTIM_RUNS("shm-consume", "-C", private, "--tap"), 1, "another name");
	expect_end(VICTIM_RUNS("shm-produce", "-C", open, "secret"), 1, "another name");
	tool = VICTIM_RUNS("shm-consume", "-C", private, "--status");
	cr_expect_eq(tool_end(&tool), 0);
	cr_expect(wrote(&tool, "linked"));
	tool_free(&tool);
	tool = VICTIM_RUNS("shm-consume", "--list");
	cr_expect_eq(tool_end(&tool), 0);
	cr_expect(wrote(&tool, "linked"));
	tool_free(&tool);
	expect_done(AS_INTRUDER("grep -ac secret \"$1\" || :", "sh", path_of(open)), "0\n");

	/* The advice of --doctor works. */
	advice_of(private, advice, sizeof(advice));
	expect_done(AS_VICTIM(advice, "sh"), "");
	expect_done(VICTIM_RUNS("shm-produce", "-C", private, "secret"), "");
	expect_done(VICTIM_RUNS("shm-produce", "-C", open, "secret"), "");
	expect_private(private);
	expect_private(open);
	expect_done(VICTIM_RUNS("shm-consume", "-C", private), "secret\n");
	expect_done(VICTIM_RUNS("shm-consume", "-C", open), "secret\n");
}

/* The last user removes the object, and the link would then be its only name. */
Test(intruders, a_link_to_a_channel_is_of_no_use_when_that_is_removed, .timeout = 60)
{
	char open[NAME_SIZE], private[NAME_SIZE], link[1200];
	struct tool consumer;
	struct spy spy;

	need_users();
	channel_name(open);
	channel_name(private);
	consumer = VICTIM_RUNS("shm-consume", "-C", open, "-m", "0666", "-c", "1");
	WAIT_FOR(access(path_of(open), F_OK) == 0);
	snprintf(link, sizeof(link), "ln '%s' '%s'", path_of(open), path_of(private));
	spy = spy_start(open, link);
	cr_expect_eq(access(path_of(private), F_OK), 0);
	/* The consumer need not get its message to end: a signal will do. */
	kill(consumer.pid, SIGTERM);
	tool_end(&consumer);
	tool_free(&consumer);
	cr_expect_neq(access(path_of(open), F_OK), 0, "its last user has gone");
	expect_done(VICTIM_RUNS("shm-produce", "-C", private, "secret"), "");
	expect_private(private);
	spy_expect_nothing(&spy);
	expect_done(VICTIM_RUNS("shm-consume", "-C", private), "secret\n");
	cr_expect_neq(access(path_of(private), F_OK), 0);
}

/* Then a process needs no access at all to give a channel a second name. */
Test(intruders, are_warned_of_where_anybody_may_link, .timeout = 60)
{
	struct tool tool = tool_start("unshare", "-m", "sh", "-c",
				      "echo 0 >\"/dev/shm/zero.$$\"\n"
				      "mount --bind \"/dev/shm/zero.$$\" "
				      "/proc/sys/fs/protected_hardlinks || status=77\n"
				      "rm \"/dev/shm/zero.$$\"\n"
				      "[ -z \"$status\" ] || exit $status\n"
				      "exec \"$TOOLS/shm-consume\" --doctor",
				      NULL);
	int status = tool_end(&tool);

	if (status != 1 && status != 0) {
		tool_free(&tool);
		test_note("nothing can be mounted here: the warning about links is not tested");
		test_skip("needs a mount namespace");
	}
	cr_expect_eq(status, 1);
	cr_expect(wrote(&tool, "sysctl fs.protected_hardlinks=1   # as root\n"));
	tool_free(&tool);
}

/* ---- what was open before ---- */

Test(intruders, a_channel_marked_as_half_made_is_not_made_private_around_a_spy, .timeout = 60)
{
	char name[NAME_SIZE];
	struct spy spy;

	need_users();
	channel_name(name);
	expect_done(VICTIM_RUNS("shm-produce", "-C", name, "-m", "0666", "hello"), "");
	spy = spy_start(name, "printf .MAKING. >&9");
	expect_end(VICTIM_RUNS("shm-produce", "-C", name, "-m", "0600", "secret"), 1,
		   "--remove --force removes it)");
	expect_end(VICTIM_RUNS("shm-consume", "-C", name, "--remove", "--force"), 0, "removed");
	expect_done(VICTIM_RUNS("shm-produce", "-C", name, "-m", "0600", "secret"), "");
	expect_private(name);
	spy_expect_nothing(&spy);
	expect_done(VICTIM_RUNS("shm-consume", "-C", name), "secret\n");
}

Test(intruders, an_empty_file_that_a_spy_has_open_is_not_made_a_channel, .timeout = 60)
{
	char name[NAME_SIZE];
	struct spy spy;

	need_users();
	channel_name(name);
	expect_done(AS_VICTIM("umask 0; : >\"$1\"", "sh", path_of(name)), "");
	spy = spy_start(name, "");
	expect_end(VICTIM_RUNS("shm-produce", "-C", name, "secret"), 1, "is not a channel");
	expect_end(VICTIM_RUNS("shm-consume", "-C", name, "--remove", "--force"), 0, "removed");
	expect_done(VICTIM_RUNS("shm-produce", "-C", name, "secret"), "");
	expect_private(name);
	spy_expect_nothing(&spy);
	expect_done(VICTIM_RUNS("shm-consume", "-C", name), "secret\n");
}

/* ---- who may only read ---- */

Test(intruders, a_reader_that_holds_the_lock_is_named_and_got_rid_of, .timeout = 60)
{
	char name[NAME_SIZE], held[80];
	struct tool holder;
	int ends[2];

	need_users();
	channel_name(name);
	expect_done(VICTIM_RUNS("shm-produce", "-C", name, "one"), "");
	cr_assert_eq(chmod(path_of(name), 0644), 0);
	cr_assert_eq(pipe(ends), 0);
	holder = tool_start_fds(ends[0], -1, "setpriv", "--reuid=54332", "--regid=54332",
				"--clear-groups", "flock", "-x", path_of(name), "sh", "-c",
				"echo ready; exec cat", NULL);
	WAIT_FOR(wrote(&holder, "ready\n"));
	snprintf(held, sizeof(held), "its lock is held by process %ld", (long)holder.pid);
	expect_end(VICTIM_RUNS("shm-produce", "-C", name, "-w", "0.3", "two"), 124, held);
	expect_end(VICTIM_RUNS("shm-consume", "-C", name, "-n", "--remove"), 3, held);
	expect_end(VICTIM_RUNS("shm-consume", "-C", name, "--remove", "--force"), 0,
		   "1 message went with it");
	expect_done(VICTIM_RUNS("shm-produce", "-C", name, "two"), "");
	expect_done(VICTIM_RUNS("shm-consume", "-C", name), "two\n");
	close(ends[1]);
	tool_end(&holder);
	tool_free(&holder);
	close(ends[0]);
}

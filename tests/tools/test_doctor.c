/* --doctor says what could be wrong, and what to do. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Returns what --doctor prints; to be freed. Channels of other tests may be in a bad state
 * meanwhile.
 */
static char *doctor(void)
{
	struct tool tool;
	char *output, *errors;
	int status = tool_run(&tool, "shm-consume", "--doctor");

	cr_expect(status == 0 || status == 1);
	output = tool_output(&tool, NULL);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors);
	cr_expect_eq(status == 1,
		     strncmp(output, "warn", 4) == 0 || strstr(output, "\nwarn  ") != NULL);
	free(errors);
	tool_free(&tool);
	return output;
}

/* True if one line contains both texts. */
static bool has(const char *a, const char *b)
{
	char *output = doctor();
	bool found = false;

	for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n"))
		found |= strstr(line, a) != NULL && strstr(line, b) != NULL;
	free(output);
	return found;
}

Test(doctor, says_where_shared_memory_is_and_what_channels_are_made_like, .timeout = 60)
{
	char layout[32], *output = doctor();

	snprintf(layout, sizeof(layout), "of layout %u; ", LAYOUT_VERSION);
	cr_expect_not_null(strstr(output, "/dev/shm"), "%s", output);
	cr_expect_not_null(strstr(output, "-bit, mutex of"), "%s", output);
	cr_expect_not_null(strstr(output, layout), "%s", output);
	cr_expect_not_null(strstr(output, "when you log out"), "%s", output);
	free(output);
}

Test(doctor, names_channels_that_nobody_drains, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	cr_expect(has(name, "nobody takes the 1 message of the group without a name"));
	cr_expect(has(name, "--remove   # drops them"));
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "--groups", "idle", "y"), 0);
	tool_free(&tool);
	cr_expect(has(name, "nobody takes the 2 messages of group idle"));
	object_remove(name);
}

Test(doctor, names_the_dead_and_the_stopped, .timeout = 60)
{
	char name[NAME_SIZE], process[64];
	struct agent a = agent_start(), b = agent_start();

	agent_expect(&a, "ok", "attach producer %s", channel_name(name));
	agent_expect(&b, "ok", "attach consumer %s", name);
	cr_expect(has(name, "idle"));
	kill(a.tool.pid, SIGSTOP);
	snprintf(process, sizeof(process), "its producer, process %ld, is stopped",
		 (long)a.tool.pid);
	WAIT_FOR(has(name, process));
	snprintf(process, sizeof(process), "its consumer, process %ld, is dead", (long)b.tool.pid);
	agent_kill(&b);
	cr_expect(has(name, process));
	agent_kill(&a);
	object_remove(name);
}

Test(doctor, names_what_is_no_channel_of_this_build, .timeout = 60)
{
	const uint32_t version = 77;
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	object_write(name, OFFSET(header.layout_version), &version, sizeof(version));
	cr_expect(has(name, "made by a different build (layout 77)"));
	cr_expect(has(name, "--remove --force"));
	cr_assert_eq(truncate(object_path(name), 3), 0);
	cr_expect(has(name, "its object is not a channel"));
	object_remove(name);
}

Test(doctor, names_a_limit_on_the_size_of_files, .timeout = 60)
{
	struct tool tool;
	char script[1200], *output;

	snprintf(script, sizeof(script), "ulimit -f 2000; exec '%s/shm-consume' --doctor",
		 getenv("TOOLS"));
	cr_expect_eq(tool_run(&tool, "sh", "-c", script), 1);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, "files of this process may have no more than"), "%s",
			   output);
	cr_expect_not_null(strstr(output, "ulimit -f unlimited"), "%s", output);
	free(output);
	tool_free(&tool);
}

/* ---- what it advises ---- */

enum { ADVICES = 8, ADVICE = 600 };

/* Returns what stands below the warning that contains `part`, and how many lines that is. */
static int advices_of(char *output, const char *part, char advices[ADVICES][ADVICE])
{
	bool below = false;
	int count = 0;

	for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (below && strncmp(line, "      ", 6) == 0 && count < ADVICES)
			snprintf(advices[count++], ADVICE, "%s", line + 6);
		else
			below = strncmp(line, "warn", 4) == 0 && strstr(line, part) != NULL;
	}
	return count;
}

/* Runs a line as it is printed, in a shell that finds the tools. */
static int line_run(const char *line)
{
	struct tool tool;
	char *errors;
	int status = tool_run(&tool, "sh", "-c", "PATH=$(realpath \"$TOOLS\"):$PATH; eval \"$1\"",
			      "sh", line);

	errors = tool_errors(&tool);
	if (status != 0)
		test_note("\"%s\" said: %s", line, errors);
	free(errors);
	tool_free(&tool);
	return status;
}

/*
 * Runs the advice about this channel; it must work, and then there must be no more to say about the
 * channel.
 */
static void expect_advice_works(const char *name, const char *trouble)
{
	char advices[ADVICES][ADVICE], *output = doctor();
	int count;

	cr_expect_not_null(strstr(output, trouble), "without \"%s\": %s", trouble, output);
	count = advices_of(output, name, advices);
	cr_expect_geq(count, 1, "no advice");
	cr_expect_eq(line_run(advices[0]), 0, "%s", advices[0]);
	free(output);
	cr_expect(!has("warn", name), "after %s", advices[0]);
	if (object_exists(name))
		test_note("\"%s\" left it in place", advices[0]);
}

static void plant(const char *name, const char *script)
{
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "sh", "-c", script, "sh", object_path(name)), 0);
	tool_free(&tool);
}

Test(doctor, each_advice_about_what_is_no_channel_works, .timeout = 120)
{
	static const char *const scripts[] = {
		"mkfifo \"$1\"",
		"mkdir \"$1\"",
		"mkdir \"$1\" && echo x >\"$1/file\"",
		"ln -s /nonexistent \"$1\"",
		"ln -s /etc/hostname \"$1\"",
		"echo 'not a channel' >\"$1\"",
	};
	char name[NAME_SIZE];

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		plant(channel_name(name), scripts[i]);
		expect_advice_works(name, "its object is not a channel");
		cr_expect(!object_exists(name), "%s", scripts[i]);
	}
}

Test(doctor, each_advice_about_a_channel_that_cannot_be_used_works, .timeout = 120)
{
	const uint32_t version = 77;
	const uint64_t nonsense = 5;
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	object_write(name, OFFSET(header.layout_version), &version, sizeof(version));
	expect_advice_works(name, "made by a different build");
	cr_expect(!object_exists(name));

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	object_write(name, OFFSET(header.capacity), &nonsense, sizeof(nonsense));
	expect_advice_works(name, "damaged");
	cr_expect(!object_exists(name));
}

/* Run as another user, since root can read everything. */
Test(doctor, the_advice_about_a_channel_that_cannot_be_read_works, .timeout = 60)
{
	static const char script[] =
		"PATH=$(realpath \"$TOOLS\"):$PATH; shm-produce -C \"$1\" x && chmod 0 \"$2\" && "
		"advice=$(shm-consume --doctor | grep -A 1 \"\\\"$1\\\": Permission denied\" | "
		"tail -n 1) && eval \"$advice\" && shm-consume -C \"$1\"";
	char name[NAME_SIZE], path[200];
	struct tool tool;

	if (geteuid() != 0)
		test_skip("needs root, to be another user");
	channel_name(name);
	snprintf(path, sizeof(path), "/dev/shm/shm-channel.54321.%s", name);
	if (tool_run(&tool, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "sh",
		     "-c", "\"$TOOLS/shm-consume\" --version") != 0)
		test_skip("needs setpriv, and tools that all may run");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups",
			      "sh", "-c", script, "sh", name, path),
		     0);
	expect_output(&tool, "x\n");
	tool_free(&tool);
	unlink(path);
}

Test(doctor, the_advices_about_another_users_object_work_for_root, .timeout = 120)
{
	static const char *const scripts[] = {
		"mkfifo \"$1\"",
		"mkdir \"$1\"",
		"ln -s /nonexistent \"$1\"",
		"ln -s /etc/hostname \"$1\"",
		"umask 0; echo 'not a channel' >\"$1\"",
	};
	char name[NAME_SIZE];
	struct tool tool;

	if (geteuid() != 0)
		test_skip("needs root, to be another user");
	if (tool_run(&tool, "setpriv", "--reuid=54322", "--regid=54322", "--clear-groups", "true"))
		test_skip("needs setpriv");
	tool_free(&tool);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		channel_name(name);
		cr_assert_eq(tool_run(&tool, "setpriv", "--reuid=54322", "--regid=54322",
				      "--clear-groups", "sh", "-c", scripts[i], "sh",
				      object_path(name)),
			     0);
		tool_free(&tool);
		expect_advice_works(name, "its object belongs to user 54322");
		cr_expect(!object_exists(name), "%s", scripts[i]);
	}
}

/*
 * Expects that both pieces of advice work: the one that takes the messages, and the one that drops
 * them.
 */
static void expect_both_work(const char *name, const char *what, const char *again)
{
	char advices[ADVICES][ADVICE], trouble[300], *output;

	/*
	 * The channel's name is in the line: other tests, which run beside this one, have such
	 * channels, too.
	 */
	snprintf(trouble, sizeof(trouble), "channel \"%s\": %s", name, what);
	for (int i = 0; i < 2; i++) {
		output = doctor();
		cr_expect_not_null(strstr(output, trouble), "without \"%s\": %s", trouble, output);
		cr_assert_eq(advices_of(output, trouble, advices), 2, "%s", trouble);
		free(output);
		cr_expect_eq(line_run(advices[i]), 0, "%s", advices[i]);
		cr_expect(!has(name, trouble), "after %s", advices[i]);
		if (i == 0)
			cr_assert_eq(line_run(again), 0);
	}
}

Test(doctor, each_advice_about_messages_that_nobody_takes_works, .timeout = 120)
{
	char name[NAME_SIZE], again[300];

	snprintf(again, sizeof(again), "shm-produce -C %s x", channel_name(name));
	cr_assert_eq(line_run(again), 0);
	expect_both_work(name, "nobody takes the 1 message of the group without a name", again);
	cr_expect(!object_exists(name));

	snprintf(again, sizeof(again), "shm-produce -C %s --groups idle x", channel_name(name));
	cr_assert_eq(line_run(again), 0);
	expect_both_work(name, "nobody takes the 1 message of group idle", again);
	object_remove(name);

	snprintf(again, sizeof(again), "shm-produce -C %s --groups one,two x", channel_name(name));
	cr_assert_eq(line_run(again), 0);
	expect_both_work(name, "nobody takes the 1 message of group one", again);
	object_remove(name);
}

/* --remove alone would be refused while the producer is there. */
Test(doctor, the_advice_to_drop_messages_works_beside_a_producer, .timeout = 60)
{
	char name[NAME_SIZE], advices[ADVICES][ADVICE], *output;
	struct agent agent = agent_start();

	agent_expect(&agent, "ok", "attach producer %s", channel_name(name));
	cr_assert_eq(line_run("true"), 0);
	agent_expect(&agent, "ok", "send x");
	output = doctor();
	cr_assert_eq(advices_of(output, name, advices), 2, "%s", output);
	free(output);
	cr_expect_eq(line_run(advices[1]), 0);
	cr_expect(!object_exists(name));
	agent_kill(&agent);
}

Test(doctor, the_advice_about_a_stopped_process_works, .timeout = 60)
{
	char name[NAME_SIZE], process[64], advices[ADVICES][ADVICE], *output;
	struct agent agent = agent_start();

	agent_expect(&agent, "ok", "attach producer %s", channel_name(name));
	kill(agent.tool.pid, SIGSTOP);
	snprintf(process, sizeof(process), "process %ld, is stopped", (long)agent.tool.pid);
	WAIT_FOR(has(name, process));
	output = doctor();
	cr_assert_eq(advices_of(output, process, advices), 1);
	free(output);
	cr_expect_eq(line_run(advices[0]), 0);
	WAIT_FOR(!has(name, process));
	agent_kill(&agent);
	object_remove(name);
}

#define NO_SHM                                                                                     \
	"while umount -l /dev/shm; do :; done 2>/dev/null; mount -t tmpfs none /dev && "           \
	"mknod /dev/null c 1 3 && "

/*
 * Each of these is wrong in a mount namespace of its own, in which the advice is followed as root:
 * "set up" "what --doctor says".
 */
Test(doctor, each_advice_about_the_machine_works_for_root, .timeout = 120)
{
	static const char *const cases[][2] = {
		{ "mount -t tmpfs -o mode=0777 none /dev/shm", "is not sticky" },
		{ "mount -t tmpfs -o mode=1777,nr_inodes=10 none /dev/shm", "more objects only" },
		{ "mount -t tmpfs -o ro none /dev/shm", "cannot be written" },
		{ "mount -t ramfs none /dev/shm", "not on tmpfs" },
		{ NO_SHM "mkdir /dev/shm", "no mount of its own" },
		{ NO_SHM "true", "there is no /dev/shm" },
		{ "ulimit -S -f 100", "files of this process" },
	};
	/* the trouble is there; the advice works; and the trouble is gone */
	static const char script[] =
		"PATH=$(realpath \"$TOOLS\"):$PATH; eval \"$1\" || exit 77\n"
		"advice=$(shm-consume --doctor | grep -F -A 1 -e \"$2\" | tail -n 1)\n"
		"[ -n \"$advice\" ] || exit 3; echo \"$advice\"; eval \"$advice\" || exit 4\n"
		"! shm-consume --doctor | grep -F -e \"$2\"";
	struct tool tool;

	if (geteuid() != 0)
		test_skip("needs root");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = tool_run(&tool, "unshare", "-m", "sh", "-c", script, "sh", cases[i][0],
				      cases[i][1]);
		char *output = tool_output(&tool, NULL);

		if (status == 77)
			test_note("not tested here: %s", cases[i][1]);
		else
			cr_expect_eq(status, 0, "\"%s\": %d, %s", cases[i][1], status, output);
		free(output);
		tool_free(&tool);
	}
}

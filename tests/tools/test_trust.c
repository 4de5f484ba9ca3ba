/*
 * Which users a user trusts: by --owner, by a wide mode, and by the rights that the tools run with.
 */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/support/folder.h"

/* Starts a tool as a user that need not be in any file. */
#define AS_ALICE(...)                                                                              \
	tool_start("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__, NULL)

static void need_alice(void)
{
	struct tool tool;
	int status;

	if (geteuid() != 0)
		test_skip("needs root, to be another user, too");
	tool = AS_ALICE("shm-produce", "--version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0)
		test_skip("needs setpriv, and tools that all may run");
}

static void expect_end(struct tool tool, int status, const char *output, const char *part)
{
	char *errors;
	int got = tool_end(&tool);

	errors = tool_errors(&tool);
	cr_expect_eq(got, status, "ended with %d, not %d: %s", got, status, errors);
	if (part == NULL)
		cr_expect_str_empty(errors, "said \"%s\"", errors);
	else
		cr_expect_not_null(strstr(errors, part), "said \"%s\", without \"%s\"", errors,
				   part);
	expect_output(&tool, output);
	free(errors);
	tool_free(&tool);
}

/* ---- --owner ---- */

#define BY_ROOT(status, output, part, ...)                                                         \
	expect_end(tool_start(__VA_ARGS__, "-C", name, "--owner", "54321", NULL), status, output,  \
		   part)

/* Says something about the channel, and nothing about trust. */
static void expect_look(const char *name, const char *option)
{
	struct tool tool;
	char *output;

	cr_expect_neq(tool_run(&tool, "shm-consume", "-C", name, "--owner", "54321", option), 2);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, name), "%s: %s", option, output);
	free(output);
	tool_free(&tool);
}

Test(trust, root_says_in_so_many_words_that_it_uses_another_users_channel, .timeout = 60)
{
	static const char word[] = "--trust-owner; to look only: --peek or --status";
	char name[NAME_SIZE], dead[NAME_SIZE + 5], path[200];

	need_alice();
	channel_name(name);
	expect_end(AS_ALICE("shm-produce", "-C", name, "1", "2", "3"), 0, "", NULL);
	BY_ROOT(2, "", word, "shm-consume");
	BY_ROOT(2, "", word, "shm-consume", "-e", "-n");
	BY_ROOT(2, "", word, "shm-consume", "--tap", "-n");
	BY_ROOT(2, "", word, "shm-consume", "--remove-group", "");
	BY_ROOT(2, "", word, "shm-produce", "-w", "5");
	snprintf(dead, sizeof(dead), "%s.dead", name);
	expect_end(tool_start("shm-consume", "-C", name, "--owner", "54321", "--on-failure", "dead",
			      "--dead-letter", dead, "--", "true", NULL),
		   2, "", word);
	expect_end(tool_start("shm-produce", "-C", name, "--owner", "54321", "--hold", "--", "true",
			      NULL),
		   2, "", word);
	/* to look at a channel is not to use it */
	BY_ROOT(0, "1\n2\n3\n", NULL, "shm-consume", "--peek");
	expect_look(name, "--status");
	expect_look(name, "--list");
	expect_look(name, "--doctor");
	BY_ROOT(0, "1\n", NULL, "shm-consume", "--trust-owner", "-c", "1");
	BY_ROOT(0, "2\n3\n", NULL, "shm-consume", "--trust-owner");
	snprintf(path, sizeof(path), "/dev/shm/shm-channel.54321.%s", name);
	cr_expect_neq(access(path, F_OK), 0);
}

/* Root's own channel is no other user's; and another user has said it with --owner. */
Test(trust, others_need_no_more_than_the_owners_name, .timeout = 60)
{
	char name[NAME_SIZE];

	need_alice();
	channel_name(name);
	expect_end(
		tool_start("shm-produce", "-C", name, "-m", "0666", "--owner", "root", "x", NULL),
		0, "", NULL);
	expect_end(AS_ALICE("shm-consume", "-C", name, "--owner", "0"), 0, "x\n", NULL);
	object_remove(name);
}

/* ---- a channel that is open to others ---- */

Test(trust, a_channel_wider_than_was_said_is_told_of, .timeout = 60)
{
	static const char note[] =
		"exists with mode 0606: others have access (to allow that: -m 0606)\n";
	char name[NAME_SIZE];

	channel_name(name);
	/* the user who makes it so has said it */
	expect_end(tool_start("shm-produce", "-C", name, "-m", "0606", "1", NULL), 0, "", NULL);
	expect_end(tool_start("shm-produce", "-C", name, "2", NULL), 0, "", note);
	expect_end(tool_start("shm-produce", "-C", name, "--hold", "--", "true", NULL), 0, "",
		   note);
	expect_end(tool_start("shm-produce", "-C", name, "-q", "3", NULL), 0, "", NULL);
	expect_end(tool_start("shm-produce", "-C", name, "-m", "0606", "4", NULL), 0, "", NULL);
	expect_end(tool_start("shm-consume", "-C", name, "--peek", NULL), 0, "1\n2\n3\n4\n", NULL);
	expect_end(tool_start("shm-consume", "-C", name, "-c", "1", NULL), 0, "1\n", note);
	expect_end(tool_start("shm-consume", "-C", name, "-c", "1", "--", "cat", NULL), 0, "2",
		   note);
	expect_end(tool_start("shm-consume", "-C", name, "-m", "0606", NULL), 0, "3\n4\n", NULL);
	cr_expect(!object_exists(name));
	/* of a private channel, made or found, nothing is said */
	expect_end(tool_start("shm-produce", "-C", name, "1", NULL), 0, "", NULL);
	expect_end(tool_start("shm-consume", "-C", name, NULL), 0, "1\n", NULL);
}

Test(trust, so_is_one_for_dead_letters, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];

	expect_end(tool_start("shm-produce", "-C", channel_name(dead), "-m", "0666", "1", NULL), 0,
		   "", NULL);
	expect_end(tool_start("shm-produce", "-C", channel_name(name), "2", NULL), 0, "", NULL);
	expect_end(tool_start("shm-consume", "-C", name, "--retries", "0", "--on-failure", "dead",
			      "--dead-letter", dead, "--", "false", NULL),
		   123, "", "exists with mode 0666: others have access");
	expect_end(tool_start("shm-consume", "-q", "-C", dead, NULL), 0, "1\n2\n", NULL);
}

/* ---- rights of the program's file ---- */

/* Makes a copy of a tool, in a folder that all may enter. Returns its path. */
static const char *copy_of(const char *name)
{
	const char *path = folder_file(name);
	struct tool tool;

	cr_assert_eq(chmod(getenv("DIR"), 0755), 0);
	cr_assert_eq(tool_run(&tool, "sh", "-c",
			      "cp \"$TOOLS/$1\" \"$DIR/$1\" && chmod 755 \"$DIR/$1\"", "sh", name),
		     0);
	tool_free(&tool);
	return path;
}

static struct tool copy_start(const char *path, const char *option)
{
	return tool_start("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", path,
			  option, NULL);
}

Test(trust, the_rights_of_a_set_user_id_file_are_refused, .timeout = 60)
{
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	struct statvfs mount;

	need_alice();
	folder_make();
	if (statvfs(getenv("DIR"), &mount) != 0 || (mount.f_flag & ST_NOSUID) != 0) {
		folder_remove();
		test_skip("the folder's file system is mounted nosuid");
	}
	for (int i = 0; i < 2; i++) {
		const char *path = copy_of(tools[i]);

		expect_end(copy_start(path, "--owner=nobody-at-all"), 2, "", "no such user");
		cr_assert_eq(chmod(path, 04755), 0);
		expect_end(copy_start(path, "--version"), 1, "", "will not run with the rights of");
		cr_assert_eq(chmod(path, 02755), 0);
		expect_end(copy_start(path, "--version"), 1, "", "will not run with the rights of");
		/* the file's own owner gets no rights by it */
		cr_assert_eq(chmod(path, 04755), 0);
		expect_end(tool_start(path, "--owner=nobody-at-all", NULL), 2, "", "no such user");
	}
	folder_remove();
}

Test(trust, the_capabilities_of_a_file_are_refused, .timeout = 60)
{
	/* cap_dac_override, effective: struct vfs_cap_data of revision 2, little-endian */
	static const unsigned char capability[20] = { 1, 0, 0, 2, 2 };
	const char *path;

	need_alice();
	folder_make();
	path = copy_of("shm-consume");
	if (setxattr(path, "security.capability", capability, sizeof(capability), 0) != 0) {
		folder_remove();
		test_skip("no capabilities of files here");
	}
	expect_end(copy_start(path, "--version"), 1, "", "will not run with the rights of");
	folder_remove();
}

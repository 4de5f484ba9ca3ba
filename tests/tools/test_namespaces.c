/*
 * User namespaces: a user has one uid inside and another one outside, and uses his channels from
 * both sides all the same. What other users do inside their namespaces must not help them.
 */
#include "tests/support/scenes.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Users that need not be in any file. */
enum { ALICE = 54321, MALLORY = 54322 };

/* How a user gets to where his tool must run. */
#define OUTSIDE	    ""
#define ROOT_IN	    "unshare -r"
#define NESTED	    "unshare -r unshare -r"
#define SAME_UID    "unshare -r unshare --map-user=54321" /* as a container that keeps the id */
#define WITHOUT	    "unshare -U"			  /* no map: the user has no uid in it */
#define AS_SOMEBODY "unshare --map-user=54321"

/* Starts a tool as that user in such a place; the tool's words follow. */
#define AS_ALICE(place, ...)                                                                       \
	tool_start("setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec " place " \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__,    \
		   NULL)
#define AS_MALLORY(place, ...)                                                                     \
	tool_start("setpriv", "--reuid=54322", "--regid=54322", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec " place " \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__,    \
		   NULL)

static void need_namespaces(void)
{
	struct tool tool;
	int status;

	if (geteuid() != 0)
		test_skip("needs root, to be several users");
	tool = AS_ALICE(SAME_UID, "shm-produce", "--version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0)
		test_skip(
			"needs setpriv, unshare --map-user as a user, and tools that all may run");
}

static const char *path_of(unsigned uid, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "/dev/shm/shm-channel.%u.%s", uid, name);
	return path;
}

static bool exists(unsigned uid, const char *name)
{
	return access(path_of(uid, name), F_OK) == 0;
}

static void expect_refused(struct tool tool, const char *part)
{
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, part);
	expect_output(&tool, "");
	tool_free(&tool);
}

/* True if a consumer sleeps in the channel of this uid. */
static bool waits(unsigned uid, const char *name)
{
	struct stat status;
	struct object_view view = { 0 };

	if (stat(path_of(uid, name), &status) == 0) {
		cr_assert_eq(seteuid(uid), 0);
		view = object_look(name);
		cr_assert_eq(seteuid(0), 0);
	}
	return view.waiting_data != 0;
}

Test(namespaces, a_user_meets_himself_as_the_root_of_a_namespace, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(ROOT_IN, "shm-produce", "-C", name, "from inside"), "");
	cr_expect(exists(ALICE, name));
	expect_done(AS_ALICE(OUTSIDE, "shm-consume", "-C", name), "from inside\n");
	cr_expect(!exists(ALICE, name));

	expect_done(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "from outside"), "");
	expect_done(AS_ALICE(ROOT_IN, "shm-consume", "-C", name), "from outside\n");
	cr_expect(!exists(ALICE, name));

	consumer = AS_ALICE(ROOT_IN, "shm-consume", "-C", name, "-w", "20");
	WAIT_FOR(waits(ALICE, name));
	expect_done(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "to one who waits"), "");
	expect_done(consumer, "to one who waits\n");
	cr_expect(!exists(ALICE, name));
}

Test(namespaces, a_user_meets_himself_where_he_has_his_uid_again, .timeout = 60)
{
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(SAME_UID, "shm-produce", "-C", name, "from inside"), "");
	expect_done(AS_ALICE(OUTSIDE, "shm-consume", "-C", name), "from inside\n");
	expect_done(AS_ALICE(ROOT_IN, "shm-produce", "-C", name, "x"), "");
	expect_done(AS_ALICE(SAME_UID, "shm-consume", "-C", name), "x\n");
	cr_expect(!exists(ALICE, name));
}

Test(namespaces, the_root_of_a_namespace_is_not_in_the_way_of_root, .timeout = 60)
{
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(ROOT_IN, "shm-produce", "-C", name, "of Alice"), "");
	expect_done(tool_start("shm-produce", "-C", name, "of root", NULL), "");
	expect_done(tool_start("shm-consume", "-C", name, NULL), "of root\n");
	expect_done(AS_ALICE(ROOT_IN, "shm-consume", "-C", name), "of Alice\n");
	cr_expect(!exists(0, name));
	cr_expect(!exists(ALICE, name));
}

/* Root that makes a namespace is root in it. */
Test(namespaces, root_meets_himself, .timeout = 60)
{
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(tool_start("sh", "-c", "unshare -r unshare -r \"$TOOLS/shm-produce\" -C $1 x",
			       "sh", name, NULL),
		    "");
	expect_done(tool_start("shm-consume", "-C", name, NULL), "x\n");
}

Test(namespaces, the_owner_may_be_named_by_either_uid, .timeout = 60)
{
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "1", "2", "3", "4"), "");
	expect_done(AS_ALICE(ROOT_IN, "shm-consume", "-C", name, "-c", "1", "--owner", "54321"),
		    "1\n");
	expect_done(AS_ALICE(ROOT_IN, "shm-consume", "-C", name, "-c", "1", "--owner", "root"),
		    "2\n");
	/* the tool cannot see what lies beyond the parent namespace, but it can say that */
	expect_done(AS_ALICE(NESTED, "shm-consume", "-C", name, "-c", "1", "--owner", "54321"),
		    "3\n");
	expect_done(
		AS_ALICE(NESTED, "shm-consume", "-q", "-C", name, "--remove", "--owner", "54321"),
		"");
	cr_expect(!exists(ALICE, name));
}

/*
 * All users that a namespace does not know are shown as one uid, which may also be that of a user
 * in it.
 */
Test(namespaces, a_user_unknown_inside_is_not_taken_for_another, .timeout = 60)
{
	char name[NAME_SIZE], from[512];

	need_namespaces();
	channel_name(name);
	expect_done(AS_MALLORY(OUTSIDE, "shm-produce", "-C", name, "-m", "0666", "bait"), "");
	snprintf(from, sizeof(from), "%s", path_of(MALLORY, name));
	cr_assert_eq(rename(from, path_of(ALICE, name)), 0);
	expect_refused(AS_ALICE(ROOT_IN, "shm-produce", "-C", name, "secret"),
		       "whom this user namespace does not know");
	expect_refused(AS_ALICE(ROOT_IN, "shm-consume", "-C", name, "--remove", "--force"),
		       "whom this user namespace does not know");
	cr_assert_eq(rename(path_of(ALICE, name), from), 0, "%s", strerror(errno));
	expect_refused(AS_ALICE(ROOT_IN, "shm-consume", "-C", name, "--peek", "--owner", "54322"),
		       "whom this user namespace does not know");
	cr_assert_eq(unlink(from), 0);
}

Test(namespaces, without_a_uid_the_kernel_says_what_is_ours, .timeout = 60)
{
	char name[NAME_SIZE], from[512];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(WITHOUT, "shm-produce", "-C", name, "x"), "");
	expect_done(AS_ALICE(WITHOUT, "shm-consume", "-C", name), "x\n");

	expect_done(AS_MALLORY(OUTSIDE, "shm-produce", "-C", name, "-m", "0666", "bait"), "");
	snprintf(from, sizeof(from), "%s", path_of(MALLORY, name));
	cr_assert_eq(rename(from, path_of(65534, name)), 0);
	expect_refused(AS_ALICE(WITHOUT, "shm-produce", "-C", name, "secret"),
		       "whom this user namespace does not know");
	expect_refused(AS_ALICE(WITHOUT, "shm-consume", "-C", name, "--peek"),
		       "whom this user namespace does not know");
	cr_assert_eq(unlink(path_of(65534, name)), 0);
}

/* Inside he has her uid. The kernel permits that to everybody. */
Test(namespaces, nobody_passes_as_another_user_by_a_map_of_his_own, .timeout = 60)
{
	char name[NAME_SIZE];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "secret"), "");
	cr_expect_eq(access(path_of(ALICE, name), F_OK), 0);
	/* his own channel, which is empty */
	struct tool tool = AS_MALLORY(AS_SOMEBODY, "shm-consume", "-C", name, "-n");
	cr_expect_eq(tool_end(&tool), 3);
	expect_output(&tool, "");
	tool_free(&tool);
	expect_refused(AS_MALLORY(SAME_UID, "shm-consume", "-C", name), "does not know");
	expect_done(AS_ALICE(OUTSIDE, "shm-consume", "-C", name), "secret\n");

	/* and what he puts there, as any user may, she does not take for hers */
	expect_done(AS_MALLORY(AS_SOMEBODY, "shm-produce", "-C", name, "-m", "0666", "bait"), "");
	cr_expect(!exists(ALICE, name));
	cr_expect(exists(MALLORY, name));
	unlink(path_of(MALLORY, name));
	expect_done(AS_MALLORY(SAME_UID, "shm-produce", "-C", name, "-m", "0666", "bait"), "");
	expect_refused(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "secret"),
		       "belongs to user 54322");
	expect_refused(AS_ALICE(ROOT_IN, "shm-consume", "-C", name), "does not know");
	cr_assert_eq(unlink(path_of(ALICE, name)), 0);
}

/* Starts a child in a namespace with this map, as this user of it; it runs the words of `argv`. */
static int run_mapped(const char *map, uid_t user, const char *const *argv)
{
	int ready[2], go[2], status;
	char path[64], byte = 0;
	pid_t pid;
	int fd;

	cr_assert_eq(pipe(ready), 0);
	cr_assert_eq(pipe(go), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) != 0 || write(ready[1], &byte, 1) != 1 ||
		    read(go[0], &byte, 1) != 1 || setresuid(user, user, user) != 0)
			_exit(99);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(98);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1) {
		snprintf(path, sizeof(path), "/proc/%ld/uid_map", (long)pid);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		cr_assert_geq(fd, 0);
		cr_assert_eq(write(fd, map, strlen(map)), (ssize_t)strlen(map), "%s",
			     strerror(errno));
		close(fd);
	}
	cr_assert_eq(write(go[1], &byte, 1), 1);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * Root of a rootless container is its user; the other users of the container have the user's
 * subordinate uids.
 */
Test(namespaces, each_user_of_a_map_of_several_ranges_has_his_own_names, .timeout = 60)
{
	static const char map[] = "0 54321 1\n1 600000 1000\n1001 700000 64535\n";
	static const struct {
		uid_t inside, outside;
	} users[] = { { 0, ALICE }, { 1, 600000 }, { 1000, 600999 }, { 1001, 700000 } };
	char name[NAME_SIZE];

	need_namespaces();
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		const char *argv[] = { tool_path("shm-produce"), "-C", name, "x", NULL };
		struct stat status;

		channel_name(name);
		cr_expect_eq(run_mapped(map, users[i].inside, argv), 0);
		cr_expect_eq(stat(path_of(users[i].outside, name), &status), 0, "%u: %s",
			     users[i].inside, strerror(errno));
		cr_expect_eq(status.st_uid, users[i].outside);
		cr_expect(users[i].inside == 0 || !exists(users[i].inside, name));
		unlink(path_of(users[i].outside, name));
		unlink(path_of(users[i].inside, name));
	}
}

/* Root may remove anything, and so may the channel's own user, from inside. */
Test(namespaces, whoever_may_delete_an_object_may_remove_the_channel, .timeout = 60)
{
	char name[NAME_SIZE], from[512];

	need_namespaces();
	channel_name(name);
	expect_done(AS_ALICE(ROOT_IN, "shm-produce", "-C", name, "x"), "");
	expect_refused(AS_MALLORY(OUTSIDE, "shm-consume", "-C", name, "--owner", "54321",
				  "--remove", "--force"),
		       "belongs to another user");
	expect_done(
		tool_start("shm-consume", "-q", "-C", name, "--owner", "54321", "--remove", NULL),
		"");
	cr_expect(!exists(ALICE, name));

	expect_done(AS_ALICE(OUTSIDE, "shm-produce", "-C", name, "x"), "");
	expect_done(AS_ALICE(ROOT_IN, "shm-consume", "-q", "-C", name, "--remove", "--force"), "");
	cr_expect(!exists(ALICE, name));

	/* a channel that is in root's way */
	expect_done(AS_MALLORY(OUTSIDE, "shm-produce", "-C", name, "x"), "");
	snprintf(from, sizeof(from), "%s", path_of(MALLORY, name));
	cr_assert_eq(rename(from, path_of(0, name)), 0);
	expect_refused(tool_start("shm-consume", "-C", name, "--remove", NULL),
		       "belongs to another user (54322)");
	expect_done(tool_start("shm-consume", "-q", "-C", name, "--remove", "--force", NULL), "");
	cr_expect(!exists(0, name));
}

/*
 * Strangers: what other users plant under a channel's name, other users that share a channel, and
 * other pid namespaces. What test_cli_objects.c tests is not repeated here.
 */
#include "tests/support/agents.h"
#include "tests/support/scenes.h"
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
#include <sys/sysmacros.h>
#include <unistd.h>

/* Users and groups that need not be in any file. */
enum { ALICE = 54321, BOB = 54322, CAROL = 54323, SHARED_GROUP = 54399 };

static void refused_by_both(const char *name, const char *part)
{
	expect_end(tool_start("shm-produce", "-C", name, "x", NULL), 1, part);
	expect_end(tool_start("shm-produce", "-C", name, "-n", "x", NULL), 1, part);
	expect_end(tool_start("shm-consume", "-C", name, NULL), 1, part);
	expect_end(tool_start("shm-consume", "-C", name, "-e", NULL), 1, part);
}

/* ---- planted under the channel's name ---- */

Test(strangers, a_device_is_refused, .timeout = 60)
{
	char name[NAME_SIZE];
	int fd;

	channel_name(name);
	if (mknod(object_path(name), S_IFCHR | 0600, makedev(1, 5)) != 0) {
		test_note("no permission to make a device: that one is not tested");
		test_skip("needs mknod");
	}
	fd = open(object_path(name), O_RDWR | O_CLOEXEC);
	refused_by_both(name, fd >= 0 ? "is not a channel" : "Permission denied" /* nodev */);
	if (fd >= 0)
		close(fd);
	object_remove(name);
}

static void link_make(const char *target, const char *name)
{
	cr_assert_eq(link(target, object_path(name)), 0, "%s", strerror(errno));
}

static nlink_t links_of(const char *path)
{
	struct stat status;

	cr_assert_eq(stat(path, &status), 0);
	return status.st_nlink;
}

Test(strangers, a_hard_link_to_a_file_is_refused_and_the_file_left_alone, .timeout = 60)
{
	static const char text[] = "a file of ours that somebody gave a second name";
	char name[NAME_SIZE], target[] = "/dev/shm/shm-channel-target-XXXXXX", is[100];
	int fd = mkstemp(target);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
	channel_name(name);
	link_make(target, name);
	refused_by_both(name, "is not a channel");
	cr_expect_eq(pread(fd, is, sizeof(is), 0), (ssize_t)sizeof(text));
	cr_expect_eq(memcmp(is, text, sizeof(text)), 0);
	cr_expect_eq(links_of(target), 2u);
	close(fd);
	unlink(target);
	object_remove(name);
}

/* An object that is still empty belongs to somebody, too: no channel begins with two names. */
Test(strangers, a_hard_link_to_an_empty_file_is_refused_and_the_file_left_alone, .timeout = 60)
{
	char name[NAME_SIZE], target[] = "/dev/shm/shm-channel-target-XXXXXX";
	struct stat status;
	struct tool tool;
	int fd = mkstemp(target);

	cr_assert_geq(fd, 0);
	channel_name(name);
	link_make(target, name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 1);
	expect_errors_contain(&tool, "is not a channel");
	tool_free(&tool);
	cr_assert_eq(fstat(fd, &status), 0);
	cr_expect_eq(status.st_size, 0);
	close(fd);
	unlink(target);
	object_remove(name);
}

/*
 * It cannot be known to which name the object belongs: it is used under neither, and removed from
 * both.
 */
Test(strangers, a_channel_with_two_names_is_refused_under_both, .timeout = 60)
{
	char name[NAME_SIZE], second[NAME_SIZE], path[512];

	channel_name(name);
	channel_name(second);
	message_send(name, "x");
	snprintf(path, sizeof(path), "%s", object_path(name));
	link_make(path, second);
	refused_by_both(name, "has another name, too");
	refused_by_both(second, "has another name, too");
	expect_end(tool_start("shm-consume", "-C", name, "--peek", NULL), 1, "has another name");
	expect_end(tool_start("shm-consume", "-C", name, "--tap", NULL), 1, "has another name");
	expect_end(tool_start("shm-consume", "-C", second, "--remove", NULL), 1, "--force");
	expect_end(tool_start("shm-consume", "-C", second, "--remove", "--force", NULL), 0,
		   "removed");
	cr_expect(object_exists(name));
	cr_expect(!object_exists(second));
	message_send(name, "y");
	message_send(second, "z");
	expect_done(tool_start("shm-consume", "-C", name, NULL), "y\n");
	expect_done(tool_start("shm-consume", "-C", second, NULL), "z\n");
	cr_expect(!object_exists(name));
	cr_expect(!object_exists(second));
}

Test(strangers, a_symbolic_link_to_a_channel_of_our_own_is_refused, .timeout = 60)
{
	char name[NAME_SIZE], planted[NAME_SIZE], path[512];

	channel_name(name);
	channel_name(planted);
	message_send(name, "x");
	snprintf(path, sizeof(path), "%s", object_path(name));
	cr_assert_eq(symlink(path, object_path(planted)), 0);
	refused_by_both(planted, "is not a channel");
	object_remove(planted);
	expect_done(tool_start("shm-consume", "-C", name, NULL), "x\n");
	cr_expect(!object_exists(name));
}

/* ---- other users ---- */

/* Starts a tool as that user. Alice and Bob share a group, Carol is not in it. */
#define AS_ALICE(...)                                                                              \
	tool_start("setpriv", "--reuid=54321", "--regid=54399", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__, NULL)
#define AS_BOB(...)                                                                                \
	tool_start("setpriv", "--reuid=54322", "--regid=54322", "--groups=54399", "sh", "-c",      \
		   "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__, NULL)
#define AS_CAROL(...)                                                                              \
	tool_start("setpriv", "--reuid=54323", "--regid=54323", "--clear-groups", "sh", "-c",      \
		   "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"", "sh", __VA_ARGS__, NULL)

static void need_users(void)
{
	struct tool tool;
	int status;

	if (geteuid() != 0) {
		test_note("not root: users that share a channel are not tested");
		test_skip("needs root");
	}
	tool = AS_BOB("shm-produce", "--version");
	status = tool_end(&tool);
	tool_free(&tool);
	if (status != 0) {
		test_note("other users cannot run the tools: sharing a channel is not tested");
		test_skip("needs setpriv, and tools that all may run");
	}
}

static const char *path_of(unsigned user, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "/dev/shm/shm-channel.%u.%s", user, name);
	return path;
}

static bool exists(unsigned user, const char *name)
{
	return access(path_of(user, name), F_OK) == 0;
}

/* Looks at the channel of that user, as object_look() does for our own. */
static struct object_view look(unsigned user, const char *name)
{
	struct object_view view;

	cr_assert_eq(seteuid(user), 0);
	view = object_look(name);
	cr_assert_eq(seteuid(0), 0);
	return view;
}

Test(strangers, the_owner_sends_and_a_member_of_the_group_receives, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "for the group"), "");
	expect_done(AS_BOB("shm-consume", "-C", name, "--owner", "54321"), "for the group\n");
	/* /dev/shm is sticky: the object stays, empty, and nothing was said about that */
	cr_expect(exists(ALICE, name));
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-e"), "");
	cr_expect(!exists(ALICE, name));
}

Test(strangers, the_owner_waits_and_a_member_of_the_group_sends, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	consumer = AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-w", "20");
	WAIT_FOR(look(ALICE, name).waiting_data != 0);
	expect_done(AS_BOB("shm-produce", "-C", name, "--owner", "54321", "from", "Bob"), "");
	expect_done(consumer, "from\nBob\n");
	cr_expect(!exists(ALICE, name), "the owner was the last one out");
}

Test(strangers, a_member_of_the_group_waits_and_the_owner_sends, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "first"), "");
	consumer =
		AS_BOB("shm-consume", "-C", name, "--owner", "54321", "-w", "20", "-f", "-c", "2");
	WAIT_FOR(look(ALICE, name).waiting_data != 0);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "second"), "");
	expect_done(consumer, "first\nsecond\n");
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "third"),
		    ""); /* the empty object serves */
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0660"), "third\n");
	cr_expect(!exists(ALICE, name));
}

Test(strangers, many_lines_pass_between_two_users, .timeout = 60)
{
	enum { LINES = 50000 };
	char *text = malloc(LINES * 8), *to = text, *output;
	struct tool producer, consumer;
	char name[NAME_SIZE];
	size_t size;
	int input;

	need_users();
	cr_assert_not_null(text);
	for (int i = 0; i < LINES; i++)
		to += sprintf(to, "%d\n", i);
	input = bytes_file(text, (size_t)(to - text));
	channel_name(name);
	consumer = AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-s", "4K", "-w", "20");
	WAIT_FOR(look(ALICE, name).waiting_data != 0);
	producer =
		tool_start_fds(input, -1, "setpriv", "--reuid=54322", "--regid=54322",
			       "--groups=54399", "sh", "-c", "exec \"$TOOLS/shm-produce\" \"$@\"",
			       "sh", "-C", name, "--owner", "54321", "-w", "20", NULL);
	cr_expect_eq(tool_end(&producer), 0);
	cr_expect_eq(tool_end(&consumer), 0);
	output = tool_output(&consumer, &size);
	cr_expect(size == (size_t)(to - text) && memcmp(output, text, size) == 0);
	free(output);
	free(text);
	tool_free(&producer);
	tool_free(&consumer);
	close(input);
	cr_expect(!exists(ALICE, name));
}

/* The mutexes are another user's memory, and the death is noticed all the same. */
Test(strangers, a_killed_member_of_the_group_is_cleaned_up_after_by_the_owner, .timeout = 60)
{
	struct tool producer, consumer, killed;
	char name[NAME_SIZE];
	int ends[2], status;

	need_users();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "first"), "");
	killed = AS_BOB("shm-consume", "-C", name, "--owner", "54321", "-f", "-w", "20");
	WAIT_FOR(look(ALICE, name).waiting_data != 0);
	tool_kill(&killed);
	tool_free(&killed);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "second"), "");
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-c", "1"), "second\n");

	consumer = AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-f", "-c", "1", "-w", "20");
	WAIT_FOR(look(ALICE, name).waiting_data != 0);
	killed = tool_start_fds(ends[0], -1, "setpriv", "--reuid=54322", "--regid=54322",
				"--groups=54399", "sh", "-c", "exec \"$TOOLS/shm-produce\" \"$@\"",
				"sh", "-C", name, "--owner", "54321", NULL);
	WAIT_FOR(look(ALICE, name).producers == 1);
	tool_kill(&killed);
	tool_free(&killed);
	producer = AS_ALICE("shm-produce", "-C", name, "-m", "0660", "third");
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	expect_done(consumer, "third\n");
	/*
	 * either the follower has reported the end in which a producer died, or this consumer does
	 */
	if (exists(ALICE, name)) {
		consumer = AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-e");
		status = tool_end(&consumer);
		cr_expect(status == 4 || status == 0, "ended with %d", status);
		expect_output(&consumer, "");
		tool_free(&consumer);
	}
	close(ends[0]);
	close(ends[1]);
	cr_expect(!exists(ALICE, name));
}

Test(strangers, a_user_who_is_not_in_the_group_is_refused, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "for the group"), "");
	expect_end(AS_CAROL("shm-consume", "-C", name, "--owner", "54321"), 1, "Permission denied");
	expect_end(AS_CAROL("shm-produce", "-C", name, "--owner", "54321", "x"), 1,
		   "Permission denied");
	/* without --owner the name is Carol's own channel, which is empty */
	expect_end(AS_CAROL("shm-consume", "-C", name, "-n"), 3, NULL);
	cr_expect(!exists(CAROL, name));
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0660"), "for the group\n");
	cr_expect(!exists(ALICE, name));
}

Test(strangers, a_user_who_may_only_read_the_object_is_refused, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0640,readers", "x"), "");
	expect_end(AS_BOB("shm-consume", "-C", name, "--owner", "54321"), 1, "Permission denied");
	expect_end(AS_BOB("shm-produce", "-C", name, "--owner", "54321", "y"), 1,
		   "Permission denied");
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0640,readers"), "x\n");
	cr_expect(!exists(ALICE, name));
}

/* Others of the group use the channel, but in a sticky folder only its owner may remove it. */
Test(strangers, a_user_who_may_use_a_channel_cannot_remove_it, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0666", "x"), "");
	expect_end(AS_BOB("shm-consume", "-C", name, "--owner", "54321", "--remove", "--force"), 1,
		   "it belongs to another user (54321)");
	expect_end(AS_BOB("shm-consume", "-C", name, "--owner", "54321", "--remove"), 1,
		   "it belongs to another user (54321)");
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0666"), "x\n");
	cr_expect(!exists(ALICE, name));
}

Test(strangers, only_the_owner_creates, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	channel_name(name);
	expect_end(AS_BOB("shm-consume", "-C", name, "--owner", "54321"), 1, "No such file");
	expect_end(AS_BOB("shm-produce", "-C", name, "--owner", "54321", "-m", "0660", "x"), 1,
		   "No such file");
	cr_expect(!exists(ALICE, name));
	cr_expect(!exists(BOB, name));
}

/* Whoever makes the object, its name is Alice's: she must not be led to take it for hers. */
Test(strangers, what_another_user_planted_under_our_name_is_refused, .timeout = 60)
{
	static const char *const modes[] = { "0600", "0666" };
	char name[NAME_SIZE], from[512];
	struct tool tool;

	need_users();
	for (int i = 0; i < 2; i++) {
		/* a real channel of Bob's, under another name */
		channel_name(name);
		expect_done(AS_BOB("shm-produce", "-C", name, "-m", modes[i], "bait"), "");
		snprintf(from, sizeof(from), "%s", path_of(BOB, name));
		tool = tool_start("setpriv", "--reuid=54322", "--regid=54322", "--clear-groups",
				  "mv", from, path_of(ALICE, name), NULL);
		expect_done(tool, "");
		expect_end(AS_ALICE("shm-produce", "-C", name, "secret"), 1,
			   "belongs to user 54322");
		expect_end(AS_ALICE("shm-consume", "-C", name), 1, "belongs to user 54322");
		expect_end(AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-e"), 1,
			   "belongs to user 54322");
		/* not even root takes it for Alice's */
		expect_end(tool_start("shm-consume", "-C", name, "--owner", "54321",
				      "--trust-owner", NULL),
			   1, "belongs to user 54322");
		unlink(path_of(ALICE, name));
	}
}

Test(strangers, what_another_user_planted_that_is_no_file_is_refused, .timeout = 60)
{
	static const char *const scripts[] = {
		"umask 0; mkfifo \"$1\"",
		"umask 0; mkdir \"$1\"",
		"ln -s /etc/hostname \"$1\"",
		"umask 0; : >\"$1\"",
	};
	char name[NAME_SIZE];

	need_users();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		channel_name(name);
		expect_done(tool_start("setpriv", "--reuid=54322", "--regid=54322",
				       "--clear-groups", "sh", "-c", scripts[i], "sh",
				       path_of(ALICE, name), NULL),
			    "");
		expect_end(AS_ALICE("shm-produce", "-C", name, "secret"), 1,
			   "belongs to user 54322");
		expect_end(AS_ALICE("shm-consume", "-C", name), 1, "belongs to user 54322");
		cr_assert_eq(remove(path_of(ALICE, name)), 0);
	}
}

/*
 * The owner dies while another user is the last to leave: that user leaves the object to the owner.
 */
Test(strangers, the_owner_is_killed_and_its_next_use_removes_the_channel, .timeout = 60)
{
	struct tool owner, consumer;
	char name[NAME_SIZE];
	int ends[2];

	need_users();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	owner = tool_start_fds(ends[0], -1, "setpriv", "--reuid=54321", "--regid=54399",
			       "--clear-groups", "sh", "-c", "exec \"$TOOLS/shm-produce\" \"$@\"",
			       "sh", "-C", name, "-m", "0660", NULL);
	cr_assert_eq(write(ends[1], "a\nb\nun", 6), 6);
	WAIT_FOR(look(ALICE, name).tail != 0);
	consumer = AS_BOB("shm-consume", "-C", name, "--owner", "54321", "-w", "20");
	WAIT_FOR(look(ALICE, name).head == look(ALICE, name).tail);
	tool_kill(&owner);
	tool_free(&owner);
	cr_expect_eq(tool_end(&consumer), 4);
	expect_output(&consumer, "a\nb\n");
	tool_free(&consumer);
	cr_expect(exists(ALICE, name));
	expect_done(AS_ALICE("shm-consume", "-C", name, "-m", "0660", "-e"), "");
	cr_expect(!exists(ALICE, name));
	close(ends[0]);
	close(ends[1]);
}

Test(strangers, in_a_directory_that_is_not_sticky_anybody_who_is_last_removes_it, .timeout = 60)
{
	char name[NAME_SIZE];

	need_users();
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev/shm", "tmpfs", 0, "mode=0777,size=4m") != 0) {
		test_note("no mount namespace here: another kind of /dev/shm is not tested");
		test_skip("needs a mount namespace");
	}
	channel_name(name);
	expect_done(AS_ALICE("shm-produce", "-C", name, "-m", "0660", "x"), "");
	expect_done(AS_BOB("shm-consume", "-C", name, "--owner", "54321"), "x\n");
	cr_expect(!exists(ALICE, name));
}

/* ---- other pid namespaces ---- */

static void need_namespaces(void)
{
	struct tool probe = tool_start("unshare", "--pid", "--fork", "true", NULL);
	int status = tool_end(&probe);

	tool_free(&probe);
	if (status != 0) {
		test_note("no permission to make a pid namespace: those are not tested");
		test_skip("needs unshare --pid");
	}
}

/* Starts a tool as the first process of a pid namespace of its own; it dies with its starter. */
static struct tool contained(int input, const char *tool, const char *name, const char *option,
			     const char *value)
{

	return tool_start_fds(input, -1, "unshare", "--pid", "--fork", "--kill-child",
			      tool_path(tool), "-C", name, option, value, NULL);
}

/*
 * Returns the pid of the tool in the namespace as seen from here; 0: not there yet, or not any
 * more.
 */
static pid_t inner(const struct tool *tool)
{
	char path[64];
	int pid = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)tool->pid,
		 (long)tool->pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	return pid;
}

static void kill_inner(struct tool *tool)
{
	pid_t pid = inner(tool);

	if (pid > 1)
		kill(pid, SIGKILL);
	tool_end(tool);
	tool_free(tool);
}

Test(strangers, a_consumer_killed_in_another_namespace_is_noticed, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool killed, other, there;
	char name[NAME_SIZE], *output;
	uint64_t start;
	int ends[2];

	need_namespaces();
	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	/* asleep */
	killed = contained(-1, "shm-consume", name, "-w", "30");
	WAIT_FOR(object_look(name).waiting_data != 0);
	kill_inner(&killed);
	agent_expect(&producer, "ok", "send first");
	there = contained(-1, "shm-consume", name, "-c", "1");
	cr_expect_eq(tool_end(&there), 0);
	expect_output(&there, "first\n");
	tool_free(&there);

	/* with a message in hand, which it cannot write as the pipe is full */
	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(ends[1], "full", 4) > 0)
		;
	cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
	{

		killed = tool_start_fds(-1, ends[1], "unshare", "--pid", "--fork", "--kill-child",
					tool_path("shm-consume"), "-C", name, NULL);
	}
	WAIT_FOR(object_look(name).waiting_data != 0);
	agent_expect(&producer, "ok", "send second");
	WAIT_FOR(object_look(name).claims == 1);
	other = tool_start("shm-consume", "-C", name, NULL);
	there = contained(-1, "shm-consume", name, "-w", "30");
	WAIT_FOR(object_look(name).consumers == 3);
	WAIT_FOR(__builtin_popcountll(object_look(name).waiting_data) == 2);
	start = test_now_ms();
	kill_inner(&killed);
	WAIT_FOR(object_look(name).head == object_look(name).tail);
	cr_expect_lt(test_now_ms() - start, 3000);
	cr_expect_eq(object_look(name).consumers, 2);
	agent_quit(&producer);
	cr_expect_eq(tool_end(&other), 0);
	cr_expect_eq(tool_end(&there), 0);
	output = tool_output(&other, NULL);
	if (*output == '\0')
		expect_output(&there, "second\n");
	else
		expect_output(&other, "second\n");
	free(output);
	tool_free(&other);
	tool_free(&there);
	close(ends[0]);
	close(ends[1]);
	cr_expect(!object_exists(name));
}

Test(strangers, a_producer_killed_in_another_namespace_is_noticed_by_one_in_a_third, .timeout = 60)
{
	struct tool killed, consumer;
	char name[NAME_SIZE];
	uint64_t start;
	int ends[2];

	need_namespaces();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	killed = contained(ends[0], "shm-produce", name, "-s", "4K");
	cr_assert_eq(write(ends[1], "a\nb\nun", 6), 6);
	WAIT_FOR(object_look(name).tail != 0);
	consumer = contained(-1, "shm-consume", name, "-w", "30");
	WAIT_FOR(object_look(name).waiting_data != 0);
	start = test_now_ms();
	kill_inner(&killed);
	cr_expect_eq(tool_end(&consumer), 4);
	cr_expect_lt(test_now_ms() - start, 3000);
	expect_output(&consumer, "a\nb\n");
	tool_free(&consumer);
	close(ends[0]);
	close(ends[1]);
	cr_expect(!object_exists(name));
}

/* Two or three processes of one side, each the first process of its namespace. */
Test(strangers, equal_thread_ids_on_one_side_do_not_meet, .timeout = 60)
{
	enum { EACH = 3, LINES = 3000 };
	struct tool producers[EACH], consumers[EACH];
	unsigned char seen[EACH * LINES] = { 0 };
	struct agent holder = agent_start();
	struct object_view view;
	char name[NAME_SIZE];
	uint64_t start;
	int ends[2];

	need_namespaces();
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s size=4096", name);
	for (int i = 0; i < EACH; i++) {
		consumers[i] = contained(-1, "shm-consume", name, "-w", "30");
		WAIT_FOR(object_look(name).consumers == (unsigned)i + 1);
	}
	for (int i = 0; i < EACH; i++) {
		producers[i] = contained(ends[0], "shm-produce", name, "-w", "30");
		WAIT_FOR(object_look(name).producers == (unsigned)i + 2);
	}
	view = object_look(name);
	for (int i = 0; i < 2 * EACH; i++)
		for (int k = 0; k < i; k++)
			cr_expect_neq(
				i < EACH ? view.consumer_tid[i] : view.producer_tid[1 + i - EACH],
				k < EACH ? view.consumer_tid[k] : view.producer_tid[1 + k - EACH],
				"%d and %d have one thread id", i, k);
	/* over more than one look after the others no living process is taken for dead */
	start = test_now_ms();
	WAIT_FOR(test_now_ms() - start > 2500);
	cr_expect_eq(object_look(name).producers, (unsigned)EACH + 1);
	cr_expect_eq(object_look(name).consumers, (unsigned)EACH);
	close(ends[0]);
	close(ends[1]);
	for (int i = 0; i < EACH; i++) {
		cr_expect_eq(tool_end(&producers[i]), 0);
		tool_free(&producers[i]);
	}

	/* and they work, all at the mutexes at the same time */
	for (int i = 0; i < EACH; i++) {
		char *text = malloc(LINES * 16), *to = text;
		int input;

		cr_assert_not_null(text);
		for (int k = 0; k < LINES; k++)
			to += sprintf(to, "%d\n", i * LINES + k);
		input = bytes_file(text, (size_t)(to - text));
		producers[i] = contained(input, "shm-produce", name, "-w", "30");
		free(text);
		close(input);
	}
	for (int i = 0; i < EACH; i++) {
		cr_expect_eq(tool_end(&producers[i]), 0);
		tool_free(&producers[i]);
	}
	agent_quit(&holder);
	for (int i = 0; i < EACH; i++) {
		char *output;

		cr_expect_eq(tool_end(&consumers[i]), 0);
		output = tool_output(&consumers[i], NULL);
		for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			unsigned long number = strtoul(line, NULL, 10);

			cr_assert(number < EACH * LINES);
			seen[number]++;
		}
		free(output);
		tool_free(&consumers[i]);
	}
	for (int i = 0; i < EACH * LINES; i++)
		cr_assert_eq(seen[i], 1, "message %d came %d times", i, seen[i]);
	cr_expect(!object_exists(name));
}

/* ---- killed at random across namespaces ---- */

enum { ROUNDS = 20, KILLS = 6, RACERS = 2 + KILLS, RACE_LINES = 4000 };

static uint64_t random_state = 20240607;

static unsigned random_below(unsigned bound)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % bound;
}

/* Returns the input of producer p; its line k is "p k ###." with k % 30 marks. */
static int race_input(int producer)
{
	char *text = malloc((size_t)RACE_LINES * 64), *to = text;
	int fd;

	cr_assert_not_null(text);
	for (int k = 0; k < RACE_LINES; k++)
		to += sprintf(to, "%d %d %.*s.\n", producer, k, k % 30,
			      "##############################");
	fd = bytes_file(text, (size_t)(to - text));
	free(text);
	return fd;
}

struct race {
	unsigned char came[RACERS][RACE_LINES];
};

/*
 * Counts whole lines. The last line of a killed consumer may be torn; that one was not delivered.
 */
static void race_count(struct race *race, const struct tool *consumer, bool killed)
{
	char *output = tool_output(consumer, NULL), *line = output, *end;

	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		int producer = -1, number = -1, used = 0;

		*end = '\0';
		cr_assert(sscanf(line, "%d %d %n", &producer, &number, &used) == 2 &&
				  producer >= 0 && producer < RACERS && number >= 0 &&
				  number < RACE_LINES &&
				  strlen(line + used) == (size_t)number % 30 + 1,
			  "torn or invented: \"%s\"", line);
		if (race->came[producer][number] < 255)
			race->came[producer][number]++;
	}
	cr_assert(killed || *line == '\0', "an unfinished line: \"%s\"", line);
	free(output);
}

/* One process of a race. What unshare makes of its child's death depends on its version. */
struct racer {
	struct tool tool;
	bool killed;
};

static struct racer racer_start(const char *tool, const char *name, int input)
{
	return (struct racer){ .tool = contained(input, tool, name, "-w", "30") };
}

static void racer_kill(struct racer *racer)
{
	pid_t pid = inner(&racer->tool);

	kill(pid > 1 ? pid : racer->tool.pid, SIGKILL);
	racer->killed = true;
}

/* Checks that the process has done its work, unless it was killed. */
static void racer_end(struct racer *racer, int other_status)
{
	int status = tool_end(&racer->tool);
	char *errors = tool_errors(&racer->tool);

	cr_assert(racer->killed || status == 0 || status == other_status, "ended with %d: %s",
		  status, errors);
	free(errors);
}

/* Kills it after some messages have passed. Where the kill falls then is left to chance. */
static void race_go_on(const char *name)
{
	uint64_t some = object_look(name).tail + random_below(60000);
	uint64_t until = test_now_ms() + 50;
	struct timespec moment = { .tv_nsec = random_below(2000000) };

	while (object_look(name).tail < some && test_now_ms() < until)
		;
	nanosleep(&moment, NULL);
}

static void race_run(struct race *race, const char *name)
{
	struct racer producers[RACERS], consumers[RACERS];
	int inputs[RACERS], made = 2, eaters = 2;
	unsigned living = 0;
	struct agent holder = agent_start();
	struct tool rest;

	memset(race, 0, sizeof(*race));
	agent_expect(&holder, "ok", "attach producer %s size=8192", name);
	for (int i = 0; i < RACERS; i++)
		inputs[i] = race_input(i);
	for (int i = 0; i < 2; i++) {
		consumers[i] = racer_start("shm-consume", name, -1);
		producers[i] = racer_start("shm-produce", name, inputs[i]);
	}
	for (int kills = 0; kills < KILLS; kills++) {
		race_go_on(name);
		if (random_below(2) == 0) {
			racer_kill(&producers[made - 1 - (int)random_below(2)]);
			producers[made] = racer_start("shm-produce", name, inputs[made]);
			made++;
		} else {
			racer_kill(&consumers[eaters - 1 - (int)random_below(2)]);
			consumers[eaters++] = racer_start("shm-consume", name, -1);
		}
	}
	for (int i = 0; i < made; i++) {
		racer_end(&producers[i], 0);
		tool_free(&producers[i].tool);
	}
	/* A consumer that comes when all is over would find no stream. The dead do not count. */
	for (int i = 0; i < eaters; i++) {
		if (consumers[i].killed)
			WAIT_FOR(tool_ended(&consumers[i].tool));
		living += !consumers[i].killed;
	}
	WAIT_FOR(strcmp(agent_ask(&holder, "look"), "ok") == 0 &&
		 object_look(name).consumers == living);
	agent_quit(&holder);
	for (int i = 0; i < eaters; i++) {
		racer_end(&consumers[i], 4);
		race_count(race, &consumers[i].tool, consumers[i].killed);
		tool_free(&consumers[i].tool);
	}
	rest = tool_start("shm-consume", "-C", name, "-e", NULL);
	tool_end(&rest);
	race_count(race, &rest, false);
	tool_free(&rest);
	for (int i = 0; i < RACERS; i++)
		close(inputs[i]);
	for (int i = 0; i < made; i++) {
		int count = 0;

		while (count < RACE_LINES && race->came[i][count] > 0)
			count++;
		cr_assert(producers[i].killed || count == RACE_LINES,
			  "producer %d was not killed, but its line %d is lost", i, count);
		for (int k = count; k < RACE_LINES; k++)
			cr_assert_eq(race->came[i][k], 0,
				     "line %d of producer %d is lost, a later one came", count, i);
	}
}

Test(strangers, random_kills_across_namespaces_lose_nothing, .timeout = 120)
{
	struct race *race = malloc(sizeof(*race));
	char name[NAME_SIZE];

	need_namespaces();
	cr_assert_not_null(race);
	channel_name(name);
	for (int round = 0; round < ROUNDS; round++) {
		race_run(race, name);
		cr_assert(!object_exists(name), "round %d", round);
	}
	free(race);
}

/* --remove takes a channel away, and never an object that it has not looked at. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs --remove with up to two options more; the errors must contain `part`. */
static void expect_remove(const char *name, int status, const char *part, const char *a,
			  const char *b)
{
	struct tool tool;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--remove", a, b), status);
	expect_errors_contain(&tool, part);
	expect_output(&tool, "");
	tool_free(&tool);
}

static void send(const char *name, const char *message)
{
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "4096", message), 0);
	tool_free(&tool);
}

Test(remove, says_how_many_messages_went_with_it, .timeout = 60)
{
	char name[NAME_SIZE];

	send(channel_name(name), "one");
	expect_remove(name, 0, "1 message went with it", NULL, NULL);
	cr_assert(!object_exists(name));
	send(name, "one");
	send(name, "two");
	expect_remove(name, 0, "2 messages went with it", NULL, NULL);
	cr_assert(!object_exists(name));
	expect_remove(name, 1, "there is none of that name", NULL, NULL);
	send(name, "one");
	expect_remove(name, 0, "", "-q", NULL);
	cr_assert(!object_exists(name));
}

Test(remove, refuses_while_somebody_is_attached, .timeout = 60)
{
	char name[NAME_SIZE], process[64];
	struct agent producer = agent_start(), consumer = agent_start();

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	snprintf(process, sizeof(process), "1 producer is attached (process %ld)",
		 (long)producer.tool.pid);
	expect_remove(name, 1, process, NULL, NULL);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	expect_remove(name, 1, "1 producer and 1 consumer are attached", NULL, NULL);
	expect_remove(name, 1, "--force removes it anyway", NULL, NULL);
	kill(producer.tool.pid, SIGSTOP); /* a stopped process is there, too */
	agent_quit(&consumer);
	expect_remove(name, 1, "1 producer is attached", NULL, NULL);
	cr_assert(object_exists(name));
	kill(producer.tool.pid, SIGCONT);
	agent_quit(&producer);
	object_remove(name);
}

Test(remove, does_not_mind_the_dead, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent producer = agent_start(), consumer = agent_start();

	agent_expect(&producer, "ok", "attach producer %s", channel_name(name));
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect(&producer, "ok", "send one");
	agent_expect_delivery(&consumer, "receive", .sequence = 1, .text = "one");
	agent_kill(&producer);
	agent_kill(&consumer);
	expect_remove(name, 0, "1 message went with it", NULL, NULL);
	cr_assert(!object_exists(name));
}

/* As when the object is unlinked while tools run. */
Test(remove, by_force_is_noticed_by_those_who_are_attached, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool consumer, producer;

	consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	expect_remove(name, 0, "which was empty", "--force", NULL);
	cr_assert(!object_exists(name));
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "the channel was removed while in use");
	tool_free(&consumer);
	producer = tool_start("shm-produce", "-C", name, "-s", "4096", "-a", "one", NULL);
	WAIT_FOR(object_look(name).waiting_ack != 0);
	expect_remove(name, 0, "1 message went with it", "--force", NULL);
	cr_expect_eq(tool_end(&producer), 1);
	expect_errors_contain(&producer, "1 message in it cannot be delivered");
	tool_free(&producer);
	cr_assert(!object_exists(name));
}

static int threads_count(pid_t pid)
{
	char path[64];
	DIR *tasks;
	int count = -2; /* "." and ".." */

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	cr_assert_not_null(tasks);
	while (readdir(tasks) != NULL)
		count++;
	closedir(tasks);
	return count;
}

/* The messages of one block are reported; and that once, not by each of the four workers. */
Test(remove, under_workers_does_not_lose_what_they_had_in_hand_and_did, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], expected[512], *errors;
	int input = bytes_file("1\n2\n3\n", 6);

	folder_make();
	consumer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), NULL);
	close(input);
	cr_assert_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	consumer = tool_start("shm-consume", "-C", name, "-j", "4", "--", "sh", "-c",
			      "until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done;"
			      "[ $(cat) != 2 ]",
			      NULL);
	WAIT_FOR(object_look(name).claims == 3 && object_look(name).consumers == 4);
	object_remove(name);
	WAIT_FOR(threads_count(consumer.pid) == 4); /* the fourth worker has noticed, and ended */
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 1);
	errors = tool_errors(&consumer);
	snprintf(expected, sizeof(expected),
		 "shm-consume: cannot receive from channel \"%s\": the channel was removed while "
		 "in use; 1 message in it cannot be delivered\n",
		 name);
	cr_expect_str_eq(errors, expected, "it said: %s", errors);
	free(errors);
	tool_free(&consumer);
	folder_remove();
}

/*
 * The consumer notices the removal when it has written a message that took it more than a second
 * and that it has not acknowledged yet.
 */
Test(remove, under_a_printer_does_not_lose_what_it_has_printed, .timeout = 60)
{
	enum { SIZE = 200000, SLOW_MS = 1200 };
	char name[NAME_SIZE], *text = calloc(1, SIZE + 1);
	struct tool tool;
	int pipes[2], waiting = 0, input;
	size_t size = 0;
	ssize_t got;
	uint64_t until;

	memset(text, 'x', SIZE);
	input = bytes_file(text, SIZE);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), NULL);
	close(input);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	tool = tool_start_fds(-1, pipes[1], "shm-consume", "-C", name, "-f", NULL);
	close(pipes[1]);
	WAIT_FOR(ioctl(pipes[0], FIONREAD, &waiting) == 0 && waiting >= 65536);
	object_remove(name);
	until = test_now_ms() + SLOW_MS;
	while (test_now_ms() < until)
		test_pause();
	while ((got = read(pipes[0], text, SIZE)) > 0)
		size += (size_t)got;
	cr_expect_eq(size, (size_t)SIZE + 1); /* its line is ended: others may write there, too */
	cr_expect_eq(tool_end(&tool), 1);
	expect_errors_contain(&tool, " 0 messages in it cannot be delivered");
	tool_free(&tool);
	close(pipes[0]);
	free(text);
}

Test(remove, waits_for_the_lock_as_long_as_it_is_told, .timeout = 60)
{
	char name[NAME_SIZE], process[64];
	struct agent keeper = agent_start();
	struct tool waiting;

	send(channel_name(name), "one");
	agent_expect(&keeper, "ok", "attach producer %s", name);
	agent_expect(&keeper, "ok", "detach");
	agent_expect(&keeper, "ok", "attach producer %s", name);
	agent_expect(&keeper, "ok", "flock");
	snprintf(process, sizeof(process), "its lock is held by process %ld",
		 (long)keeper.tool.pid);
	expect_remove(name, 3, process, "-n", NULL);
	expect_remove(name, 124, "timed out: its lock is held", "-w0.3", "--force");
	waiting = tool_start("shm-consume", "-C", name, "--remove", NULL);
	cr_expect(!tool_ended(&waiting));
	cr_assert(object_exists(name));
	agent_kill(&keeper);
	cr_expect_eq(tool_end(&waiting), 0);
	tool_free(&waiting);
	cr_assert(!object_exists(name));
}

/*
 * A user who may only read a channel can hold its lock for ever; its owner gets rid of it all the
 * same.
 */
Test(remove, by_force_does_without_the_lock_after_a_second, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent keeper = agent_start();

	for (int i = 0; i < 2; i++) {
		send(channel_name(name), "one");
		agent_expect(&keeper, "ok", "attach producer %s", name);
		agent_expect(&keeper, "ok", "flock");
		expect_remove(name, 0, "1 message went with it", "--force", i == 0 ? NULL : "-n");
		cr_assert(!object_exists(name));
		agent_expect(&keeper, "error REMOVED", "look");
		agent_expect(&keeper, "ok", "detach");
	}
	agent_quit(&keeper);
}

/* True if the tool has opened the object. Then it waits for its lock, or is about to. */
static bool has_open(const struct tool *tool, const char *name)
{
	bool found = false;

	for (int fd = 3; fd < 8 && !found; fd++) {
		char link[64], target[512] = "";

		snprintf(link, sizeof(link), "/proc/%ld/fd/%d", (long)tool->pid, fd);
		found = readlink(link, target, sizeof(target) - 1) > 0 &&
			strstr(target, name) != NULL;
	}
	return found;
}

Test(remove, stops_waiting_at_a_signal, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent keeper = agent_start();
	struct tool waiting;

	send(channel_name(name), "one");
	agent_expect(&keeper, "ok", "attach producer %s", name);
	agent_expect(&keeper, "ok", "flock");
	waiting = tool_start("shm-consume", "-C", name, "--remove", NULL);
	WAIT_FOR(has_open(&waiting, name));
	kill(waiting.pid, SIGINT);
	cr_expect_eq(tool_end(&waiting), 128 + SIGINT);
	tool_free(&waiting);
	cr_assert(object_exists(name));
	agent_kill(&keeper);
	object_remove(name);
}

Test(remove, takes_what_is_damaged_or_strange_by_force_only, .timeout = 60)
{
	const uint64_t nonsense = UINT64_C(0x1234567812345678);
	const uint32_t version = 77;
	char name[NAME_SIZE];

	send(channel_name(name), "one");
	object_write(name, OFFSET(producers.tail), &nonsense, sizeof(nonsense));
	expect_remove(name, 1, "channel is damaged (--force removes it)", NULL, NULL);
	cr_assert(object_exists(name));
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));

	send(name, "one");
	object_write(name, OFFSET(header.layout_version), &version, sizeof(version));
	expect_remove(name, 1, "layout 77", NULL, NULL);
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));

	object_plant(name, "not a channel", strlen("not a channel"));
	expect_remove(name, 1, "is not a channel", NULL, NULL);
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));

	object_plant(name, "", 0);
	expect_remove(name, 1, "is not a channel", NULL, NULL);
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));

	send(name, "one");
	cr_assert_eq(chmod(object_path(name), 01400), 0);
	expect_remove(name, 0, "removed", NULL, NULL);
	cr_assert(!object_exists(name));
}

Test(remove, takes_what_is_no_file_or_not_ours_only_by_force, .timeout = 60)
{
	char name[NAME_SIZE];

	cr_assert_eq(mkfifo(object_path(channel_name(name)), 0600), 0);
	expect_remove(name, 1, "not a channel (--force", NULL, NULL);
	cr_assert(object_exists(name));
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));
	cr_assert_eq(symlink("/etc/passwd", object_path(name)), 0);
	expect_remove(name, 1, "not a channel (--force", NULL, NULL);
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert_eq(access("/etc/passwd", R_OK), 0);
	cr_assert_eq(mkdir(object_path(name), 0700), 0);
	expect_remove(name, 1, "not a channel (--force", NULL, NULL);
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));
	if (geteuid() != 0) {
		test_note("not checked: another's object, as this is not root");
		return;
	}
	object_plant(name, "x", strlen("x"));
	cr_assert_eq(chown(object_path(name), 12345, (gid_t)-1), 0);
	expect_remove(name, 1, "belongs to another user (12345)", NULL, NULL);
	expect_remove(name, 1, "there is none", "--owner", "12345");
	cr_assert(object_exists(name));
	expect_remove(name, 0, "removed", "--force", NULL);
	cr_assert(!object_exists(name));
}

static ino_t inode_of(const char *name)
{
	struct stat status;

	cr_assert_eq(stat(object_path(name), &status), 0);
	return status.st_ino;
}

/*
 * The tool waits for the flock of one object; by the time it has it, the name is that of another
 * object.
 */
Test(remove, never_removes_an_object_that_it_has_not_looked_at, .timeout = 60)
{
	char name[NAME_SIZE];
	struct agent keeper = agent_start(), producer = agent_start();
	struct tool waiting;
	ino_t inode;

	send(channel_name(name), "one");
	agent_expect(&keeper, "ok", "attach producer %s", name);
	agent_expect(&keeper, "ok", "flock");
	waiting = tool_start("shm-consume", "-C", name, "--remove", NULL);
	WAIT_FOR(has_open(&waiting, name));
	object_remove(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	inode = inode_of(name);
	agent_kill(&keeper);
	cr_expect_eq(tool_end(&waiting), 1);
	expect_errors_contain(&waiting, "1 producer is attached");
	tool_free(&waiting);
	cr_expect_eq(inode_of(name), inode);
	agent_quit(&producer);
	object_remove(name);
}

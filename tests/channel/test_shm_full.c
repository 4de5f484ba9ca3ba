/* A full or small /dev/shm: what does not fit is refused, and what was there goes on. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

static void write_text(const char *path, const char *format, unsigned id)
{
	char text[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), format, id, id);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		test_note("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/*
 * Gives this test, and what it starts, a /dev/shm of its own with these mount options;
 * skips the test where that is not permitted. The mount ends with the test's process.
 */
static void small_memory(const char *options)
{
	unsigned uid = geteuid(), gid = getegid();

	if (unshare(CLONE_NEWNS) != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
			test_note("no mount namespace here: a full /dev/shm is not tested");
			test_skip("needs a mount namespace");
		}
		write_text("/proc/self/setgroups", "deny", 0);
		write_text("/proc/self/uid_map", "%u %u 1", uid);
		write_text("/proc/self/gid_map", "%u %u 1", gid);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
		test_note("no tmpfs of our own here (%s): a full /dev/shm is not tested",
			  strerror(errno));
		test_skip("needs to mount a tmpfs");
	}
}

/* Takes all the memory that is left. */
static void memory_fill(void)
{
	static const char zeros[4096];
	int fd = open("/dev/shm/filler", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	cr_assert_eq(errno, ENOSPC);
	close(fd);
}

/* Returns how many bytes a channel with that ring takes. */
static size_t object_bytes(size_t ring)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct shared_buffer) + page - 1) / page * page + ring;
}

/*
 * Sends numbered lines through a channel that exists. A consumer that was started before gets them;
 * NULL: one is started here.
 */
static void lines_flow(const char *name, struct tool *consumer)
{
	size_t size;
	char *text = numbered_lines(100000, &size);
	int input = bytes_file(text, size);
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	if (consumer == NULL) {
		struct tool late;

		WAIT_FOR(object_look(name).tail != 0); /* not the end of an earlier stream */
		late = tool_start("shm-consume", "-C", name, NULL);
		cr_expect_eq(tool_end(&late), 0);
		expect_bytes(&late, text, size);
		tool_free(&late);
	} else {
		cr_expect_eq(tool_end(consumer), 0);
		expect_bytes(consumer, text, size);
		tool_free(consumer);
	}
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	close(input);
	free(text);
	cr_expect(!object_exists(name));
}

Test(shm_full, a_channel_that_does_not_fit_is_refused_and_another_goes_on, .timeout = 60)
{
	char a[NAME_SIZE], b[NAME_SIZE], needed[64];
	struct agent holder;

	small_memory("size=2m");
	channel_name(a);
	channel_name(b);
	holder = agent_start();
	agent_expect(&holder, "ok", "attach producer %s", a);
	snprintf(needed, sizeof(needed), "%zu bytes are needed", object_bytes(1 << 20));
	expect_failure(tool_start("shm-produce", "-C", b, "x", NULL), needed);
	expect_failure(tool_start("shm-produce", "-C", b, "-n", "x", NULL), "No space left");
	expect_failure(tool_start("shm-consume", "-C", b, NULL), needed);
	expect_failure(tool_start("shm-consume", "-C", b, "-w", "9", "--new", NULL), "--size");
	cr_expect(!object_exists(b));
	agent_quit(&holder);
	lines_flow(a, NULL);
}

/*
 * All memory was reserved when the channel was made: no SIGBUS when a page is touched for the first
 * time.
 */
Test(shm_full, a_waiting_consumer_does_not_mind_that_the_memory_fills_up, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	small_memory("size=2m");
	consumer = tool_start("shm-consume", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	memory_fill();
	lines_flow(name, &consumer);
}

Test(shm_full, a_waiting_producer_does_not_mind_that_the_memory_fills_up, .timeout = 60)
{
	struct tool producer;
	char name[NAME_SIZE];
	int ends[2];

	small_memory("size=2m");
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	producer = tool_start_fds(ends[0], -1, "shm-produce", "-C", channel_name(name), NULL);
	WAIT_FOR(object_look(name).producers == 1);
	memory_fill();
	close(ends[0]);
	close(ends[1]);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	lines_flow(name, NULL);
}

Test(shm_full, deaths_are_repaired_in_a_full_memory, .timeout = 60)
{
	struct agent producer, consumer;
	char name[NAME_SIZE];

	small_memory("size=2m");
	channel_name(name);
	producer = agent_start();
	agent_expect(&producer, "ok", "attach producer %s", name);
	memory_fill();
	for (int round = 0; round < 5; round++) {
		consumer = agent_start();
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		agent_expect(&producer, "ok", "sendn 100000");
		cr_assert_str_not_empty(agent_ask(&consumer, "receive"));
		agent_expect(&consumer, "ok", "check");
		agent_kill(&consumer);
		consumer = agent_start();
		agent_expect(&consumer, "ok", "attach consumer %s", name);
		cr_assert_str_not_empty(agent_ask(&consumer, "receive"));
		agent_expect(&consumer, "ok", "check");
		agent_expect(&consumer, "ok", "acknowledge");
		agent_quit(&consumer);
		agent_expect(&producer, "ok", "piece 1000 more");
		agent_kill(&producer);
		producer = agent_start();
		agent_expect(&producer, "ok", "attach producer %s", name);
	}
	agent_quit(&producer);
	expect_rest(name, 4, "");
}

Test(shm_full, when_there_is_room_again_the_same_command_works, .timeout = 60)
{
	char name[NAME_SIZE];

	small_memory("size=2m");
	channel_name(name);
	memory_fill();
	expect_failure(tool_start("shm-produce", "-C", name, "x", NULL), " 0 are free");
	expect_failure(tool_start("shm-consume", "-C", name, NULL), " 0 are free");
	cr_expect(!object_exists(name));
	unlink("/dev/shm/filler");
	message_send(name, "x");
	expect_rest(name, 0, "x\n");
}

/* Each process sees the same free memory; there is not enough for what several take at once. */
Test(shm_full, creators_that_race_for_the_last_memory_get_it_or_an_error, .timeout = 60)
{
	enum { CREATORS = 6, ROUNDS = 20 };

	small_memory("size=2m");
	for (int round = 0; round < ROUNDS; round++) {
		struct tool tools[CREATORS];
		char names[CREATORS][NAME_SIZE];

		for (int i = 0; i < CREATORS; i++)
			tools[i] =
				tool_start("shm-produce", "-C", channel_name(names[i]), "x", NULL);
		for (int i = 0; i < CREATORS; i++) {
			int status = tool_end(&tools[i]);

			cr_expect(status == 0 ||
				  (status == 1 && errors_contain(&tools[i], "No space left")));
			cr_expect_eq(object_exists(names[i]), status == 0);
			tool_free(&tools[i]);
			if (status == 0)
				expect_rest(names[i], 0, "x\n");
		}
	}
}

/* Inodes are lacking here, and not bytes. */
Test(shm_full, a_memory_without_inodes_is_not_said_to_lack_bytes, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	small_memory("size=2m,nr_inodes=1");
	channel_name(name);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "x"), 1);
	expect_errors_contain(&tool, "No space left");
	cr_expect(!errors_contain(&tool, " 0 bytes are needed"), "as if that were too much");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 1);
	expect_errors_contain(&tool, "No space left");
	cr_expect(!errors_contain(&tool, " 0 bytes are needed"), "as if that were too much");
	tool_free(&tool);
}

Test(shm_full, a_container_with_64_mib_has_room_for_the_default_and_names_its_option, .timeout = 60)
{
	char name[NAME_SIZE], needed[64];
	struct tool tool;

	small_memory("size=64m");
	channel_name(name);
	lines_flow(name, NULL);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "-s", "32M", "y"), 0);
	tool_free(&tool);
	expect_rest(name, 0, "y\n");

	snprintf(needed, sizeof(needed), "%zu bytes are needed", object_bytes(64 << 20));
	expect_failure(tool_start("shm-produce", "-C", name, "-s", "64M", "x", NULL), "--shm-size");
	expect_failure(tool_start("shm-consume", "-C", name, "-s", "64M", NULL), "--shm-size");
	expect_failure(tool_start("shm-produce", "-C", name, "-s", "33M", "x", NULL), needed);
	expect_failure(tool_start("shm-consume", "-C", name, "-s", "4G", NULL), "--size");
	cr_expect(!object_exists(name));
}

Test(shm_full, a_memory_that_may_only_be_read_is_a_clear_error, .timeout = 60)
{
	char name[NAME_SIZE];

	small_memory("size=2m");
	cr_assert_eq(mount(NULL, "/dev/shm", NULL,
			   MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL),
		     0);
	channel_name(name);
	expect_failure(tool_start("shm-produce", "-C", name, "x", NULL), "Read-only");
	expect_failure(tool_start("shm-consume", "-C", name, NULL), "Read-only");
}

/* The life of the object: it is made, found half made, left behind, removed. */
#include "tests/support/agents.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Test(life, either_side_may_come_first, .timeout = 60)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "first"), 0);
	cr_assert(object_exists(name));
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "first\n");
	cr_assert(!object_exists(name));
	tool_free(&producer);
	tool_free(&consumer);

	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "second"), 0);
	cr_assert_eq(tool_end(&consumer), 0);
	expect_output(&consumer, "second\n");
	cr_assert(!object_exists(name));
	tool_free(&producer);
	tool_free(&consumer);
}

Test(life, end_of_an_empty_stream_waits_for_a_consumer, .timeout = 60)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name), 0);
	cr_assert(object_exists(name), "nobody has seen the end yet");
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "");
	cr_assert(!object_exists(name));
	tool_free(&producer);
	tool_free(&consumer);
}

Test(life, an_attacher_that_waits_for_the_flock_starts_over_if_the_object_went, .timeout = 60)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];
	int fd;

	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "old"), 0);
	tool_free(&producer);
	fd = open(object_path(name), O_RDWR | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	producer = tool_start("shm-produce", "-C", name, "x", NULL);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-w", "0.3"), 124);
	tool_free(&consumer);
	object_remove(name);
	close(fd);
	cr_assert_eq(tool_end(&producer), 0);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "x\n");
	cr_assert(!object_exists(name));
	tool_free(&producer);
	tool_free(&consumer);
}

/*
 * A process died between marking the object as removed and removing its name: no cleaning up by
 * hand is needed.
 */
Test(life, a_channel_that_is_removed_but_for_its_name_is_made_anew, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "old"), 0);
	tool_free(&tool);
	cr_assert_eq(chmod(object_path(name), 01400), 0);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--peek"), 0);
	expect_output(&tool, "");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-n"), 3);
	expect_output(&tool, "");
	tool_free(&tool);
	cr_expect(!object_exists(name));
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "old"), 0);
	tool_free(&tool);
	cr_assert_eq(chmod(object_path(name), 01400), 0);
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "new"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name), 0);
	expect_output(&tool, "new\n");
	tool_free(&tool);
	cr_expect(!object_exists(name));
}

Test(life, mode_is_exact_and_private_by_default, .timeout = 60)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];
	struct stat status;

	umask(0077);
	channel_name(name);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "-m", "0666", "x"), 0);
	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0666);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	umask(0);
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "x"), 0);
	cr_assert_eq(stat(object_path(name), &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	cr_assert(!object_exists(name));
}

Test(life, object_removed_while_in_use_is_noticed, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	consumer = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	object_remove(name);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_errors_contain(&consumer, "the channel was removed while in use");
	tool_free(&consumer);
}

Test(life, messages_in_a_removed_object_are_counted, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool waiting;
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s size=4096", name);
	for (int i = 0; i < 3; i++)
		agent_expect(&producer, "ok", "sendn 1300");
	waiting = tool_start("shm-produce", "-C", name,
			     "this one waits for room, of which there is too little: it is much "
			     "longer than what is left over in this ring of four pages or so. "
			     "So it goes on for a while, and a while longer, until it does not "
			     "fit, whatever the sizes of the headers are. ",
			     NULL);
	WAIT_FOR(object_look(name).room_wanted != 0);
	object_remove(name);
	cr_expect_eq(tool_end(&waiting), 1);
	expect_errors_contain(&waiting, "3 messages in it cannot be delivered");
	tool_free(&waiting);
	agent_quit(&producer);
}

Test(life, object_truncated_under_a_tool_is_one_clear_line, .timeout = 60)
{
	struct tool consumer, producer;
	char name[NAME_SIZE];

	for (int i = 0; i < 2; i++) {
		channel_name(name);
		consumer = tool_start("shm-consume", "-C", name, NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		cr_assert_eq(truncate(object_path(name), i == 0 ? 0 : 100000), 0);
		cr_expect_eq(tool_end(&consumer), 1);
		expect_errors_contain(&consumer, "is damaged");
		cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "x"), 1);
		tool_free(&consumer);
		tool_free(&producer);
		object_remove(name);
	}
}

Test(life, removal_takes_only_what_nobody_uses, .timeout = 60)
{
	struct agent a = agent_start(), b = agent_start();
	char name[NAME_SIZE];

	channel_name(name);
	agent_expect(&a, "ok", "attach producer %s", name);
	agent_expect(&b, "ok", "attach producer %s", name);
	agent_expect(&a, "ok", "detach");
	cr_expect(object_exists(name));
	agent_expect(&a, "ok", "attach consumer %s", name);
	agent_expect(&b, "ok", "send x");
	agent_expect(&b, "ok", "detach");
	agent_expect_delivery(&a, "receive", .sequence = 1, .text = "x");
	agent_expect(&a, "ok", "detach");
	cr_expect(object_exists(name), "a message given back is kept");
	agent_expect(&a, "ok", "attach consumer %s", name);
	agent_expect_delivery(&a, "receive", .sequence = 1, .attempts = 2, .text = "x");
	agent_expect(&a, "ended", "receive");
	agent_quit(&a);
	agent_quit(&b);
	cr_expect(!object_exists(name));
}

/*
 * A creator, a remover and an attacher at the same moment, again and again: two producers of one
 * message each and two consumers of one message each are started together.
 */
Test(life, a_hundred_races_of_creator_and_remover, .timeout = 240)
{
	char name[NAME_SIZE];

	channel_name(name);
	for (int round = 0; round < 100; round++) {
		struct tool tools[4];
		int got = 0;

		for (int i = 0; i < 4; i++)
			tools[i] = (i + round) % 2 == 0
					   ? tool_start("shm-produce", "-C", name, "m", NULL)
					   : tool_start("shm-consume", "-C", name, "-c", "1", NULL);
		for (int i = 0; i < 4; i++) {
			int status = tool_end(&tools[i]);
			char *output = tool_output(&tools[i], NULL);

			/*
			 * A consumer may find that the stream of the other pair has ended: status
			 * 3, and no message.
			 */
			cr_assert(status == 0 || status == 3, "round %d: %d", round, status);
			got += strcmp(output, "m\n") == 0;
			free(output);
			tool_free(&tools[i]);
		}
		if (got < 2) { /* then the message is still there */
			struct tool rest;
			char *output;

			cr_assert_eq(tool_run(&rest, "shm-consume", "-C", name, "-e"), 0);
			output = tool_output(&rest, NULL);
			got += (int)strlen(output) / 2;
			free(output);
			tool_free(&rest);
		}
		cr_assert_eq(got, 2, "round %d: %d of 2 messages came", round, got);
		cr_assert(!object_exists(name), "round %d", round);
	}
}

Test(life, an_idle_pair_sleeps, .timeout = 60)
{
	struct agent producer = agent_start(), consumer = agent_start();
	char name[NAME_SIZE];

	/* A count is asserted, not a time: no process polls faster than once a second. */
	channel_name(name);
	agent_expect(&producer, "ok", "attach producer %s", name);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_tell(&consumer, "receive");
	WAIT_FOR(object_look(name).waiting_data != 0);
	{
		char path[64], line[128];
		long before = -1, after = -1;
		uint64_t start;

		snprintf(path, sizeof(path), "/proc/%ld/status", (long)consumer.tool.pid);
		for (int look = 0; look < 2; look++) {
			FILE *file = fopen(path, "r");

			cr_assert_not_null(file);
			while (fgets(line, sizeof(line), file) != NULL)
				sscanf(line, "voluntary_ctxt_switches: %ld",
				       look == 0 ? &before : &after);
			fclose(file);
			start = test_now_ms();
			while (look == 0 && test_now_ms() - start < 10000)
				test_pause();
		}
		cr_expect_leq(after - before, 15);
	}
	agent_expect(&producer, "ok", "send x");
	expect_delivery(agent_hear(&consumer), .sequence = 1, .text = "x");
	agent_quit(&producer);
	agent_expect(&consumer, "ended", "receive");
	agent_quit(&consumer);
	cr_expect(!object_exists(name));
}

/* ---- pid namespaces ---- */

static bool namespaces_allowed(void)
{
	struct tool probe = tool_start("unshare", "--pid", "--fork", "true", NULL);
	bool allowed = tool_end(&probe) == 0;

	tool_free(&probe);
	return allowed;
}

Test(life, equal_thread_ids_in_two_pid_namespaces_do_not_meet, .timeout = 60)
{
	struct tool producer, consumer;
	struct object_view view;
	char name[NAME_SIZE], path[1024];
	int gate[2];

	if (!namespaces_allowed())
		test_skip("no permission to make a pid namespace");
	channel_name(name);
	snprintf(path, sizeof(path), "%s/", getenv("TOOLS"));
	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	{
		char consume[1100], produce[1100];

		snprintf(consume, sizeof(consume), "%sshm-consume", path);
		snprintf(produce, sizeof(produce), "%sshm-produce", path);
		consumer = tool_start("unshare", "--pid", "--fork", "--kill-child", consume, "-C",
				      name, NULL);
		WAIT_FOR(object_look(name).waiting_data != 0);
		producer = tool_start_fds(gate[0], -1, "unshare", "--pid", "--fork", "--kill-child",
					  produce, "-C", name, NULL);
		WAIT_FOR(object_look(name).producers == 1);
	}
	view = object_look(name);
	cr_expect_eq(view.consumer_tid[0], 1, "the first process of its namespace");
	cr_expect_neq(view.producer_tid[0], 1, "so this one runs in another thread");
	cr_assert_eq(write(gate[1], "across\n", 7), 7);
	WAIT_FOR(object_look(name).tail == object_look(name).head && object_look(name).tail > 0);
	/* Over more than one look after the other side no living process is taken for dead. */
	{
		uint64_t start = test_now_ms();

		while (test_now_ms() - start < 2500)
			test_pause();
	}
	cr_expect_eq(object_look(name).producers, 1);
	cr_expect_eq(object_look(name).consumers, 1);
	/* A death is still seen across the border of the namespaces. */
	tool_kill(&producer);
	cr_expect_eq(tool_end(&consumer), 4);
	expect_output(&consumer, "across\n");
	close(gate[0]);
	close(gate[1]);
	tool_free(&producer);
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

Test(life, first_process_of_a_namespace_ends_with_the_signal_as_status, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	if (!namespaces_allowed())
		test_skip("no permission to make a pid namespace");
	channel_name(name);
	consumer = tool_start("unshare", "--pid", "--fork", tool_path("shm-consume"), "-C", name,
			      NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	{
		char path[64];
		FILE *file;
		int child = 0;

		snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)consumer.pid,
			 (long)consumer.pid);
		file = fopen(path, "r");
		cr_assert_not_null(file);
		cr_assert_eq(fscanf(file, "%d", &child), 1);
		fclose(file);
		cr_assert_gt(child, 1);
		kill(child, SIGTERM);
	}
	cr_expect_eq(tool_end(&consumer), 143);
	tool_free(&consumer);
	cr_expect(!object_exists(name));
}

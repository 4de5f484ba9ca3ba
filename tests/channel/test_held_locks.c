/*
 * Locks whose holder is stopped: a process that waits for one obeys Ctrl-C and -w, and names the
 * holder.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/process.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

enum { PROMPT_MS = 3000 }; /* how long after Ctrl-C, or after the time of -w, a tool may live */

/* Sends Ctrl-C to a tool, which must end soon, by that signal. */
static void interrupt(struct tool *tool, const char *what)
{
	uint64_t start = test_now_ms(), end;
	int status;

	kill(tool->pid, SIGINT);
	status = tool_end(tool);
	end = test_now_ms();
	cr_expect_eq(status, 128 + SIGINT, "%s: ended with %d", what, status);
	cr_expect_lt(end - start, PROMPT_MS, "%s: took %d ms", what, (int)(end - start));
	tool_free(tool);
}

/* Waits for a tool that has -w, which must end in time and name the holder. */
static void time_out(struct tool *tool, uint64_t start, const char *what, const char *part)
{
	uint64_t end;

	expect_end(*tool, 124, part);
	end = test_now_ms();
	cr_expect_geq(end - start, 500);
	cr_expect_lt(end - start, 500 + PROMPT_MS, "%s: took %d ms", what, (int)(end - start));
}

static const char *process_named(const struct agent *agent)
{
	static char name[32];

	snprintf(name, sizeof(name), "process %ld", (long)agent->tool.pid);
	return name;
}

static void newcomers_wait_for(const char *lock)
{
	static const char *const tools[] = { "shm-produce", "shm-consume" };
	struct agent holder = agent_start();
	char name[NAME_SIZE], what[128];

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	agent_expect(&holder, "ok", "%s", lock);
	process_stop(holder.tool.pid);
	for (int i = 0; i < 2; i++) {
		uint64_t start = test_now_ms();
		struct tool tool = tool_start(tools[i], "-C", name, "-w", "0.5", NULL);

		snprintf(what, sizeof(what), "%s at \"%s\"", tools[i], lock);
		time_out(&tool, start, what, process_named(&holder));
		tool = tool_start(tools[i], "-C", name, "-v", NULL);
		WAIT_FOR(errors_contain(&tool,
					i == 0 ? "preparing data" : "waiting for shared memory"));
		WAIT_FOR(process_state(tool.pid) == 'S');
		interrupt(&tool, what);
	}
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

Test(held_locks, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_producers_lock,
     .timeout = 60)
{
	newcomers_wait_for("lock producer");
}

Test(held_locks, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_consumers_lock,
     .timeout = 60)
{
	newcomers_wait_for("lock consumer");
}

Test(held_locks, newcomers_honour_ctrl_c_when_a_stopped_process_holds_the_file_lock, .timeout = 60)
{
	newcomers_wait_for("flock");
}

/* The holder of this lock is not a tool, so the channel does not know it; the kernel does. */
Test(held_locks, a_file_lock_held_by_a_stranger_is_said_to_be_held, .timeout = 60)
{
	char name[NAME_SIZE], held[80];
	struct tool tool;
	uint64_t start;
	int fd;

	channel_name(name);
	message_send(name, "x");
	snprintf(held, sizeof(held), "its lock is held by process %ld", (long)getpid());
	fd = open(object_path(name), O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(flock(fd, LOCK_SH), 0);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "0.5", NULL);
	time_out(&tool, start, "shm-consume", held);
	tool = tool_start("shm-produce", "-C", name, "-v", "y", NULL);
	WAIT_FOR(errors_contain(&tool, "preparing data"));
	WAIT_FOR(process_state(tool.pid) == 'S');
	interrupt(&tool, "shm-produce");
	close(fd);
	expect_rest(name, 0, "x\n");
}

/*
 * Endpoints are attached when a process is stopped that holds this lock; all of them must be able
 * to leave.
 */
static void endpoints_leave_without(const char *lock)
{
	struct agent holder = agent_start();
	struct tool waiting, holding, writing, full;
	int input[2], output[2], text;
	char name[NAME_SIZE], *bytes;
	size_t size;

	bytes = numbered_lines(20000, &size);
	text = bytes_file(bytes, size);
	free(bytes);
	cr_assert_eq(pipe2(input, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(output, O_CLOEXEC), 0);
	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s size=65536", name);
	/* a consumer that holds messages, as its output is not read, and one that has none */
	holding = tool_start_fds(-1, output[1], "shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	full = tool_start_fds(text, -1, "shm-produce", "-C", name, NULL);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	writing = tool_start_fds(input[0], -1, "shm-produce", "-C", name, NULL);
	WAIT_FOR(object_look(name).producers == 3);
	waiting = tool_start("shm-produce", "-C", name, "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);

	agent_expect(&holder, "ok", "%s", lock);
	process_stop(holder.tool.pid);
	interrupt(&waiting, "a producer that waits for its turn");
	interrupt(&writing, "a producer that waits for input");
	interrupt(&full, "a producer that waits for room");
	interrupt(&holding, "a consumer that writes");
	agent_kill(&holder);
	for (int i = 0; i < 2; i++) {
		close(input[i]);
		close(output[i]);
	}
	close(text);
	full = tool_start("shm-consume", "-C", name, "-w", "10", NULL);
	cr_expect_eq(tool_end(&full), 4); /* nothing is stuck */
	tool_free(&full);
	cr_expect(!object_exists(name));
}

Test(held_locks, endpoints_honour_ctrl_c_when_the_producers_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("lock producer");
}

Test(held_locks, endpoints_honour_ctrl_c_when_the_consumers_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("lock consumer");
}

Test(held_locks, endpoints_honour_ctrl_c_when_the_file_lock_is_held, .timeout = 60)
{
	endpoints_leave_without("flock");
}

Test(held_locks, a_sleeping_consumer_times_out_when_its_lock_is_held, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool tool, other;
	char name[NAME_SIZE];
	uint64_t start;

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	other = tool_start("shm-consume", "-C", name, NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "1.5", NULL);
	WAIT_FOR(object_look(name).consumers == 2);
	agent_expect(&holder, "ok", "lock consumer");
	process_stop(holder.tool.pid);
	cr_expect_eq(tool_end(&tool), 124);
	cr_expect_lt(test_now_ms() - start, 1500 + PROMPT_MS);
	expect_errors_contain(&tool, process_named(&holder));
	tool_free(&tool);
	interrupt(&other, "a consumer that slept");
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

/* The wait for a message and the one for the lock on the way to it are one wait. */
Test(held_locks, a_lock_that_is_taken_late_does_not_begin_the_timeout_anew, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool tool;
	char name[NAME_SIZE];
	uint64_t start, end;

	channel_name(name);
	agent_expect(&holder, "ok", "attach producer %s", name);
	start = test_now_ms();
	tool = tool_start("shm-consume", "-C", name, "-w", "3", NULL);
	WAIT_FOR(object_look(name).waiting_data != 0);
	WAIT_FOR(test_now_ms() >= start + 2200);
	agent_expect(&holder, "ok", "lock consumer");
	process_stop(holder.tool.pid);
	expect_end(tool, 124, process_named(&holder));
	end = test_now_ms();
	cr_expect_geq(end - start, 3000);
	cr_expect_lt(end - start, 3000 + PROMPT_MS, "took %d ms", (int)(end - start));
	agent_kill(&holder);
	expect_rest(name, 4, "");
}

/* The turn is not a lock, but other producers wait for it in the same way. */
Test(held_locks, a_producer_stopped_inside_a_long_message_is_named, .timeout = 60)
{
	struct tool slow, tool;
	char name[NAME_SIZE], part[64], bytes[8192];
	uint64_t start;
	int ends[2];

	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	channel_name(name);
	slow = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-s", "4K", NULL);
	memset(bytes, 'b', sizeof(bytes));
	cr_assert_eq(write(ends[1], bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	WAIT_FOR(object_look(name).turn == 1);
	WAIT_FOR((object_look(name).room_wanted & 1) != 0);
	process_stop(slow.pid);
	start = test_now_ms();
	tool = tool_start("shm-produce", "-C", name, "-w", "0.5", "x", NULL);
	snprintf(part, sizeof(part), "process %ld, is first", (long)slow.pid);
	time_out(&tool, start, "shm-produce", part);
	tool = tool_start("shm-produce", "-C", name, "x", NULL);
	WAIT_FOR(object_look(name).waiting_turn != 0);
	interrupt(&tool, "a producer that waits for its turn");
	kill(slow.pid, SIGCONT);
	close(ends[1]);
	tool = tool_start("shm-consume", "-C", name, NULL);
	cr_expect_eq(tool_end(&slow), 0);
	cr_expect_eq(tool_end(&tool), 4); /* two producers have given up */
	expect_bytes(&tool, bytes, sizeof(bytes));
	tool_free(&tool);
	tool_free(&slow);
	close(ends[0]);
	cr_expect(!object_exists(name));
}

/* A tool that cannot go on because of another channel, or of itself, says so. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/agents.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

enum { RING = 4096, LINE = 400 };

/* Takes all that is there. */
static void drain(const char *name)
{
	struct tool consumer;
	int status = tool_run(&consumer, "shm-consume", "-C", name, "-e");

	cr_expect(status == 0 || status == 4, "%d", status);
	tool_free(&consumer);
}

/* ---- dead letters ---- */

/* Makes a channel with no room for anything, and the producer that has filled it. */
static struct agent full_channel(const char *name)
{
	struct agent filler = agent_start();

	agent_expect(&filler, "ok", "attach producer %s size=%d", name, RING);
	agent_expect(&filler, "ok", "sendn 4072");
	return filler;
}

Test(stuck, worker_says_which_dead_letter_channel_is_full, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE], line[LINE];
	struct agent filler = full_channel(channel_name(dead));
	struct tool worker;

	message_send(channel_name(name), "a");
	worker = tool_start("shm-consume", "-C", name, "--retries", "0", "--on-failure", "dead",
			    "--dead-letter", dead, "--", "false", NULL);
	snprintf(line, sizeof(line),
		 "shm-consume: channel \"%s\": waiting: it is full and no consumer has made room\n",
		 dead);
	WAIT_FOR(errors_contain(&worker, line));
	drain(dead);
	cr_expect_eq(tool_end(&worker), 123);
	tool_free(&worker);
	agent_quit(&filler);
	drain(dead);
	cr_expect_not(object_exists(name));
	cr_expect_not(object_exists(dead));
}

Test(stuck, worker_says_with_verbose_which_processes_are_there_and_what_to_type, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE], line[LINE];
	struct agent filler = full_channel(channel_name(dead));
	struct tool worker;

	message_send(channel_name(name), "a");
	worker = tool_start("shm-consume", "-v", "-C", name, "--retries", "0", "--on-failure",
			    "dead", "--dead-letter", dead, "--", "false", NULL);
	snprintf(line, sizeof(line),
		 "shm-consume: channel \"%s\": waiting for room, the ring is full\n"
		 "shm-consume: attached: 2 producers (%ld, this one), no consumer\n"
		 "shm-consume: nobody takes messages; in another terminal: shm-consume -C %s\n",
		 dead, (long)filler.tool.pid, dead);
	WAIT_FOR(errors_contain(&worker, line));
	drain(dead);
	cr_expect_eq(tool_end(&worker), 123);
	tool_free(&worker);
	agent_quit(&filler);
	drain(dead);
	cr_expect_not(object_exists(dead));
}

Test(stuck, worker_names_the_group_that_a_dead_letter_waits_for, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE], line[LINE];
	struct agent filler = agent_start();
	struct tool worker, tool;

	agent_expect(&filler, "ok", "attach producer %s size=%d groups=first,second",
		     channel_name(dead), RING);
	agent_expect(&filler, "ok", "sendn 4072");
	cr_assert_eq(tool_run(&tool, "shm-consume", "-C", dead, "-g", "first", "-e"), 0);
	tool_free(&tool);
	message_send(channel_name(name), "a");
	worker = tool_start("shm-consume", "-C", name, "-w", "3", "--retries", "0", "--on-failure",
			    "dead", "--dead-letter", dead, "--", "false", NULL);
	snprintf(line, sizeof(line),
		 "shm-consume: channel \"%s\": waiting: it is full: group \"second\" is behind and "
		 "has no consumer ",
		 dead);
	WAIT_FOR(errors_contain(&worker, line));
	cr_expect_eq(tool_end(&worker), 124, "the wait ends as -w says");
	tool_free(&worker);
	drain(name);
	agent_kill(&filler);
	object_remove(dead);
}

Test(stuck, quiet_worker_waits_in_silence, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct agent filler = full_channel(channel_name(dead));
	struct tool worker;

	message_send(channel_name(name), "a");
	cr_expect_eq(tool_run(&worker, "shm-consume", "-q", "-C", name, "-w", "3", "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false"),
		     124);
	cr_expect(!errors_contain(&worker, "waiting: "));
	expect_errors_contain(&worker, "timed out: it is full");
	tool_free(&worker);
	drain(name);
	agent_quit(&filler);
	drain(dead);
	cr_expect_not(object_exists(dead));
}

/* ---- a worker whose command sends to the channel that it works on ---- */

#define MUTUAL " keeps the room until its command ends; if that waits for this, nobody goes on ("

/* A script that sends what does not fit, but only for the first messages, or it would never end. */
#define PRODUCE(options)                                                                           \
	"[ $SHM_SEQ -gt 2 ] || head -c 3000 /dev/zero | "                                          \
	"\"$TOOLS/shm-produce\" -C \"$0\" " options " -i -; echo status $? >&2"

/* Makes a full ring: `jobs` messages of a letter, and one that fills it. */
static void jobs_make(const char *name, int jobs)
{
	struct agent filler = agent_start();

	agent_expect(&filler, "ok", "attach producer %s size=%d", name, RING);
	for (int i = 0; i < jobs; i++)
		agent_expect(&filler, "ok", "send x");
	agent_expect(&filler, "ok", "sendn %d", RING - 24 - 32 * jobs);
	agent_quit(&filler);
}

/* The note needs neither -v nor a terminal. */
Test(stuck, command_that_sends_to_its_own_workers_full_channel_says_so, .timeout = 60)
{
	char name[NAME_SIZE], line[LINE];
	struct tool worker;

	jobs_make(channel_name(name), 1);
	worker = tool_start("shm-consume", "-C", name, "-c", "1", "--", "sh", "-c", PRODUCE(""),
			    name, NULL);
	snprintf(line, sizeof(line),
		 "shm-produce: channel \"%s\" is full: process %ld, which has started this," MUTUAL,
		 name, (long)worker.pid);
	WAIT_FOR(errors_contain(&worker, line));
	kill(worker.pid, SIGTERM);
	cr_expect_eq(tool_end(&worker), 128 + SIGTERM);
	cr_expect_eq(errors_count(&worker, MUTUAL), 1);
	tool_free(&worker);
	drain(name);
	cr_expect_not(object_exists(name));
}

Test(stuck, command_that_waits_for_its_own_worker_waits_no_longer_than_it_is_told, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool worker;

	jobs_make(channel_name(name), 1);
	cr_expect_eq(tool_run(&worker, "shm-consume", "-C", name, "-c", "1", "--", "sh", "-c",
			      PRODUCE("-q -w 3"), name),
		     0);
	expect_errors_contain(&worker, MUTUAL);
	expect_errors_contain(&worker, "timed out: it is full");
	expect_errors_contain(&worker, "status 124\n");
	tool_free(&worker);
	drain(name);
	cr_expect_not(object_exists(name));
}

Test(stuck, commands_of_all_workers_that_send_to_their_channel_say_so, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool worker;

	jobs_make(channel_name(name), 2);
	worker = tool_start("shm-consume", "-C", name, "-j", "2", "-c", "2", "--", "sh", "-c",
			    PRODUCE(""), name, NULL);
	/* One command waits for room, the other for its turn. */
	WAIT_FOR(errors_count(&worker, MUTUAL) == 2);
	kill(worker.pid, SIGTERM);
	cr_expect_eq(tool_end(&worker), 128 + SIGTERM);
	tool_free(&worker);
	drain(name);
	cr_expect_not(object_exists(name));
}

Test(stuck, another_consumer_does_not_help_and_is_no_reason_for_silence, .timeout = 60)
{
	struct agent other = agent_start();
	char name[NAME_SIZE];
	struct tool worker;

	jobs_make(channel_name(name), 1);
	worker = tool_start("shm-consume", "-C", name, "-c", "1", "--", "sh", "-c", PRODUCE("-w 5"),
			    name, NULL);
	WAIT_FOR(object_look(name).room_wanted != 0);
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive", .sequence = 2);
	agent_expect(&other, "ok", "acknowledge");
	cr_expect_eq(tool_end(&worker), 0);
	expect_errors_contain(&worker, MUTUAL);
	expect_errors_contain(&worker, "status 124\n");
	tool_free(&worker);
	agent_quit(&other);
	drain(name);
	cr_expect_not(object_exists(name));
}

Test(stuck, command_that_waits_for_its_own_acknowledgement_says_so, .timeout = 60)
{
	char name[NAME_SIZE], line[LINE];
	struct tool worker;

	message_send(channel_name(name), "a");
	worker =
		tool_start("shm-consume", "-C", name, "-c", "1", "--", "sh", "-c",
			   "\"$TOOLS/shm-produce\" -C \"$0\" --wait-ack -w 3 b; echo status $? >&2",
			   name, NULL);
	snprintf(line, sizeof(line),
		 "shm-produce: channel \"%s\": process %ld, which has started this, acknowledges "
		 "nothing until its command ends; if that waits for this, nobody goes on (-w, or "
		 "another channel)\n",
		 name, (long)worker.pid);
	cr_expect_eq(tool_end(&worker), 0);
	expect_errors_contain(&worker, line);
	expect_errors_contain(&worker, "status 124\n");
	tool_free(&worker);
	drain(name);
	cr_expect_not(object_exists(name));
}

/* It is the messages in another consumer's hands that are in the way, not those of the worker. */
Test(stuck, behind_another_consumer_it_may_go_on_and_nothing_is_said, .timeout = 60)
{
	struct agent other = agent_start(), filler = agent_start();
	char name[NAME_SIZE];
	struct tool worker;

	agent_expect(&filler, "ok", "attach producer %s size=%d", channel_name(name), RING);
	agent_expect(&filler, "ok", "sendn 3976");
	agent_expect(&other, "ok", "attach consumer %s", name);
	agent_expect_delivery(&other, "receive", .sequence = 1);
	agent_expect(&filler, "ok", "send x");
	worker = tool_start("shm-consume", "-C", name, "-c", "1", "--", "sh", "-c", PRODUCE("-w 3"),
			    name, NULL);
	cr_expect_eq(tool_end(&worker), 0);
	expect_errors_contain(&worker, "status 124\n");
	cr_expect(!errors_contain(&worker, "nobody goes on"));
	tool_free(&worker);
	agent_quit(&filler);
	agent_quit(&other);
	drain(name);
	cr_expect_not(object_exists(name));
}

Test(stuck, with_no_worker_above_it_a_producer_says_nothing_of_itself, .timeout = 60)
{
	struct agent consumer = agent_start();
	char name[NAME_SIZE];
	struct tool producer;

	jobs_make(channel_name(name), 1);
	agent_expect(&consumer, "ok", "attach consumer %s", name);
	agent_expect_delivery(&consumer, "receive 1", .sequence = 1, .text = "x");
	cr_expect_eq(tool_run(&producer, "shm-produce", "-C", name, "-w", "3", "one more"), 124);
	cr_expect(!errors_contain(&producer, "nobody goes on"));
	tool_free(&producer);
	agent_quit(&consumer);
	drain(name);
	cr_expect_not(object_exists(name));
}

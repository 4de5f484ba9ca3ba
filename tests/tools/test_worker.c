/* What becomes of a message whose command fails, and the exit status of the consumer. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A script that notes that it has begun, and waits. */
#define HOLD ": > $DIR/began; until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done;"

/* ---- exit statuses ---- */

Test(worker, all_well_is_0_and_the_channel_is_gone, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "true"), 0);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(worker, failing_for_good_is_123_and_gives_the_message_back, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	message_send(name, "b");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retry-delay", "0", "--",
			      "sh", "-c", "echo $SHM_ATTEMPT; exit 9"),
		     123);
	expect_output(&consumer, "1\n2\n3\n4\n");
	expect_errors_contain(&consumer,
			      "shm-consume: message 1 failed, try 3 of 4: \"sh\" ended with "
			      "status 9\n"
			      "shm-consume: message 1 failed for good (given back): \"sh\" "
			      "ended with status 9\n");
	tool_free(&consumer);
	expect_rest(name, 0, "a\nb\n");
}

Test(worker, killed_is_125, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0", "--", "sh",
			      "-c", "kill -9 $$"),
		     125);
	expect_errors_contain(&consumer, "\"sh\" was killed by signal 9\n");
	tool_free(&consumer);
	expect_rest(name, 0, "a\n");
}

Test(worker, not_found_is_127_cannot_run_is_126_and_nothing_is_tried_again, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	message_send(name, "b");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--on-failure", "skip", "--",
			      "no-such-command"),
		     127);
	expect_errors_contain(&consumer, "shm-consume: cannot run \"no-such-command\": No such "
					 "file or directory\n");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--on-failure", "skip", "--",
			      "/dev/null"),
		     126);
	expect_errors_contain(&consumer, "cannot run \"/dev/null\": Permission denied\n");
	tool_free(&consumer);
	/* That a command itself ends with 127 is a failure like any other. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-c", "1", "--retries", "0",
			      "--", "sh", "-c", "no-such-command"),
		     123);
	tool_free(&consumer);
	expect_rest(name, 0, "a\nb\n");
}

Test(worker, time_out_idle_empty_and_count_end_as_when_printing, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", channel_name(name), "-e", "--", "cat"), 0);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-n", "--", "cat"), 3);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	agent_expect(&holder, "ok", "attach producer %s", name);
	agent_expect(&holder, "ok", "block 4 x");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-c", "2", "--", "cat"), 0);
	expect_output(&consumer, "xx");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-c", "3", "-e", "--", "cat"),
		     3);
	expect_output(&consumer, "xx");
	tool_free(&consumer);
	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", name, "-w", "0.2", "-j", "2", "--", "cat"),
		124);
	expect_errors_contain(&consumer, "timed out: no message has come\n");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-f", "--idle", "0.2", "-j",
			      "2", "--", "cat"),
		     0);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-n", "--", "cat"), 3);
	tool_free(&consumer);
	agent_expect(&holder, "ok", "send last");
	agent_expect(&holder, "ok", "detach failed");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-j", "3", "--", "cat"), 4);
	expect_output(&consumer, "last");
	tool_free(&consumer);
	agent_quit(&holder);
	cr_expect_not(object_exists(name));
}

/*
 * A consumer that waits for another one's command, which may send something, does not wait in vain.
 */
Test(worker, time_out_does_not_come_while_a_command_runs, .timeout = 60)
{
	struct tool consumer;
	struct agent holder = agent_start();
	char name[NAME_SIZE];

	folder_make();
	agent_expect(&holder, "ok", "attach producer %s", channel_name(name));
	agent_expect(&holder, "ok", "send a");
	consumer = tool_start("shm-consume", "-C", name, "-w", "0.3", "-j", "2", "--", "sh", "-c",
			      HOLD "sleep 0.6", NULL);
	WAIT_FOR(file_exists("began"));
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 124);
	expect_errors_contain(&consumer, "timed out");
	tool_free(&consumer);
	agent_quit(&holder);
	expect_rest(name, 0, "");
	folder_remove();
}

/* ---- tries and attempts ---- */

Test(worker, message_that_succeeds_at_last_is_done, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	message_send(name, "b");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retry-delay", "0.01", "--",
			      "sh", "-c",
			      "echo $(cat)$SHM_ATTEMPT; [ $SHM_SEQ$SHM_ATTEMPT != 11 ] "
			      "&& [ $SHM_SEQ$SHM_ATTEMPT != 12 ]"),
		     0);
	expect_output(&consumer, "a1\na2\na3\nb1\n"); /* and its input is whole each time */
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(worker, delay_doubles, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];
	uint64_t began;

	message_send(channel_name(name), "a");
	began = test_now_ms();
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-q", "-C", name, "--retry-delay", "0.1",
			      "--on-failure", "skip", "--", "false"),
		     123);
	cr_expect_geq(test_now_ms() - began, 700u); /* 100 + 200 + 400 */
	tool_free(&consumer);
}

Test(worker, attempts_count_across_consumers, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "a");
	/* The consumer waits long before the second try, and is ended there. */
	consumer = tool_start("shm-consume", "-C", name, "--retry-delay", "1000", "--", "sh", "-c",
			      "echo $SHM_ATTEMPT >> $DIR/attempts; false", NULL);
	WAIT_FOR(errors_contain(&consumer, "try 1 of 4"));
	kill(consumer.pid, SIGTERM);
	cr_expect_eq(tool_end(&consumer), 143);
	tool_free(&consumer);
	/* This consumer is killed while it waits for the second try. */
	consumer = tool_start("shm-consume", "-C", name, "--retry-delay", "1000", "--", "sh", "-c",
			      "echo $SHM_ATTEMPT >> $DIR/attempts; false", NULL);
	WAIT_FOR(errors_contain(&consumer, "try 2 of 4"));
	tool_kill(&consumer);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retry-delay", "0", "--",
			      "sh", "-c", "echo $SHM_ATTEMPT >> $DIR/attempts; false"),
		     123);
	tool_free(&consumer);
	expect_file("attempts", "1\n2\n3\n4\n");
	/* The consumer is started again: the message is run, once. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "sh", "-c",
			      "echo $SHM_ATTEMPT; false"),
		     123);
	expect_output(&consumer, "5\n");
	tool_free(&consumer);
	/* With "skip" the message has used up its tries. */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--on-failure", "skip", "--",
			      "echo", "run"),
		     123);
	expect_output(&consumer, "");
	expect_errors_contain(&consumer, "5 tries have failed before\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(worker, message_of_a_killed_consumer_comes_again_at_once, .timeout = 60)
{
	struct tool first, second;
	char name[NAME_SIZE];
	uint64_t killed;

	folder_make();
	message_send(channel_name(name), "job");
	first = tool_start("shm-consume", "-C", name, "--", "sh", "-c", HOLD, NULL);
	WAIT_FOR(file_exists("began"));
	second = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			    "echo $(cat) $SHM_ATTEMPT; : > $DIR/again", NULL);
	WAIT_FOR(object_look(name).consumers == 2);
	killed = test_now_ms();
	tool_kill(&first);
	WAIT_FOR(file_exists("again"));
	cr_expect_leq(test_now_ms() - killed, 3000u);
	cr_expect_eq(tool_end(&second), 0);
	expect_output(&second, "job 2\n");
	file_make("go");
	tool_free(&first);
	tool_free(&second);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(worker, consumer_killed_again_and_again_by_one_message_gives_it_up, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool consumer;

	message_send(channel_name(name), "poison");
	message_send(name, "fine");
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "2", "--",
				      "sh", "-c", "echo $SHM_ATTEMPT; kill -9 $PPID"),
			     137);
		tool_free(&consumer);
	}
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "2",
			      "--on-failure", "skip", "--", "sh", "-c", "echo $(cat) $SHM_ATTEMPT"),
		     123);
	expect_output(&consumer, "fine 1\n");
	expect_errors_contain(&consumer, "message 1 failed for good (dropped): 3 tries have "
					 "failed before\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(worker, too_long_is_a_failure_and_the_command_is_ended, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "slow");
	message_send(name, "quick");
	/* The command is ended with what it has started: all of its process group. */
	cr_expect_eq(
		tool_run(&consumer, "shm-consume", "-C", name, "--max-time", "0.2", "--retries",
			 "1", "--retry-delay", "0", "--on-failure", "skip", "--", "sh", "-c",
			 "[ $(cat) = quick ] && exit; sleep 1000 & echo $! >> $DIR/pids; wait"),
		125);
	expect_errors_contain(&consumer, "message 1 failed for good (dropped): \"sh\" took "
					 "longer than --max-time\n");
	tool_free(&consumer);
	cr_expect_eq(file_lines("pids"), 2);
	/* True if the process is gone, or has ended and is not reaped yet. */
	cr_expect_eq(tool_run(&consumer, "sh", "-c",
			      "for pid in $(cat $DIR/pids); do"
			      " ! grep State /proc/$pid/status | grep -v Z; done"),
		     0);
	expect_output(&consumer, "");
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(worker, command_that_does_not_want_to_end_is_killed, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "stubborn");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--max-time", "0.1",
			      "--retries", "0", "--on-failure", "skip", "--", "sh", "-c",
			      "trap '' TERM; while :; do sleep 0.1; done"),
		     125);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/* ---- what becomes of it ---- */

Test(worker, skip_drops_the_message_and_goes_on, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	for (int i = 0; i < 4; i++)
		message_send(i == 0 ? channel_name(name) : name, i == 1 ? "bad" : "good");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0",
			      "--on-failure", "skip", "--", "sh", "-c",
			      "[ $(cat) = good ] && echo $SHM_SEQ"),
		     123);
	expect_output(&consumer, "1\n3\n4\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(worker, dead_moves_the_message_byte_for_byte, .timeout = 60)
{
	static const char binary[] = "\0a\nb\xff\n";
	struct tool tool;
	char name[NAME_SIZE], dead[NAME_SIZE], *output;
	int input = bytes_file(binary, sizeof(binary) - 1);
	size_t size;

	tool = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-D", "", NULL);
	close(input);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	message_send(name, "good");
	message_send(name, "");
	channel_name(dead);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retries", "0", "--on-failure",
			      "dead", "--dead-letter", dead, "--", "grep", "-qx", "good"),
		     123);
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", dead, "-D", "", "-c", "1"), 0);
	output = tool_output(&tool, &size);
	cr_expect_eq(size, sizeof(binary) - 1);
	cr_expect_eq(memcmp(output, binary, sizeof(binary) - 1), 0);
	free(output);
	tool_free(&tool);
	expect_rest(dead, 0, "\n");
}

Test(worker, dead_letters_may_be_longer_than_the_ring, .timeout = 60)
{
	enum { SIZE = 300000 };
	struct tool tool, producer;
	char name[NAME_SIZE], dead[NAME_SIZE], *bytes = malloc(SIZE + 2);
	int input;

	memset(bytes, 'l', SIZE);
	strcpy(bytes + SIZE, "\n");
	input = bytes_file(bytes, SIZE + 1);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "4K",
				  NULL);
	close(input);
	channel_name(dead);
	/* The channel for dead letters is made large enough. */
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "-s", "4K", "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false"),
		     123);
	tool_free(&tool);
	cr_expect_eq(tool_end(&producer), 0);
	tool_free(&producer);
	expect_rest(dead, 0, bytes);
	/* Here it is not large enough: the message goes through while a consumer takes it. */
	message_send(name, "short");
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", dead, "-s", "4K", "before"), 0);
	tool_free(&tool);
	input = bytes_file(bytes, SIZE + 1);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	close(input);
	cr_expect_eq(tool_end(&producer), 0); /* here the message fits */
	tool = tool_start("shm-consume", "-C", name, "--retries", "0", "--on-failure", "dead",
			  "--dead-letter", dead, "--", "false", NULL);
	WAIT_FOR(object_look(dead).producers == 1);
	{
		struct tool last;
		char *expected = malloc(SIZE + 64);

		sprintf(expected, "before\nshort\n%s", bytes);
		cr_expect_eq(tool_run(&last, "shm-consume", "-C", dead), 0);
		expect_output(&last, expected);
		tool_free(&last);
		free(expected);
	}
	cr_expect_eq(tool_end(&tool), 123);
	tool_free(&tool);
	tool_free(&producer);
	free(bytes);
	cr_expect_not(object_exists(name));
	cr_expect_not(object_exists(dead));
}

Test(worker, full_dead_letter_channel_is_waited_for_as_long_as_the_timeout_says, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool consumer;
	char name[NAME_SIZE], dead[NAME_SIZE];

	agent_expect(&holder, "ok", "attach producer %s size=4096", channel_name(dead));
	agent_expect(&holder, "ok", "sendn 4072"); /* all of it */
	message_send(channel_name(name), "a");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-w", "0.3", "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false"),
		     124);
	expect_errors_contain(&consumer, "timed out: it is full");
	tool_free(&consumer);
	expect_rest(name, 0, "a\n");
	agent_quit(&holder);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", dead), 4); /* a consumer gave up */
	tool_free(&consumer);
	cr_expect_not(object_exists(dead));
}

Test(worker, message_stays_if_it_cannot_be_moved, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], dead[NAME_SIZE];

	message_send(channel_name(name), "a");
	channel_name(dead); /* an object of that name that is no channel */
	cr_assert_eq(tool_run(&consumer, "sh", "-c", "echo rubbish > \"$0\"", object_path(dead)),
		     0);
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "false"),
		     1);
	expect_errors_contain(&consumer, "cannot attach to channel \"");
	expect_errors_contain(&consumer, dead);
	tool_free(&consumer);
	object_remove(dead);
	expect_rest(name, 0, "a\n");
}

/* ---- messages longer than the ring ---- */

Test(worker, message_cut_short_is_not_run, .timeout = 60)
{
	struct agent producer = agent_start(), other = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&other, "ok", "attach producer %s", name);
	consumer =
		tool_start("shm-consume", "-C", name, "--", "sh", "-c", "echo ran $SHM_SIZE", NULL);
	agent_expect(&producer, "ok", "piece 1000 more");
	WAIT_FOR(object_look(name).waiting_piece != 0);
	agent_kill(&producer);
	agent_expect(&other, "ok", "send whole");
	agent_quit(&other);
	cr_expect_eq(tool_end(&consumer), 4);
	expect_output(&consumer, "ran 5\n");
	expect_errors_contain(&consumer, "a message was cut short and is not run\n");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(worker, long_message_of_a_killed_consumer_is_lost_and_reported, .timeout = 60)
{
	struct agent producer = agent_start();
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	agent_expect(&producer, "ok", "attach producer %s size=4096", channel_name(name));
	agent_tell(&producer, "sendn 10000");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c", HOLD, NULL);
	WAIT_FOR(file_exists("began"));
	tool_kill(&consumer);
	tool_free(&consumer);
	consumer = tool_start("shm-consume", "-C", name, "--", "cat", NULL);
	cr_assert_str_eq(agent_hear(&producer), "error LOST");
	file_make("go");
	agent_quit(&producer);
	cr_expect_eq(tool_end(&consumer), 4);
	expect_output(&consumer, "");
	expect_errors_contain(&consumer, "lost 1 message longer than its ring");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	folder_remove();
}

Test(worker, removed_channel_is_noticed_while_a_command_runs, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "a");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      "rm \"$0\"; sleep 2.5; echo done", object_path(name), NULL);
	cr_expect_eq(tool_end(&consumer), 1);
	expect_output(&consumer, "done\n");
	expect_errors_contain(&consumer, "the channel was removed while in use");
	tool_free(&consumer);
}

Test(worker, says_try_of_one_and_tries_of_more, .timeout = 60)
{
	static const char *const ends[] = { ": 1 try has failed before\n",
					    ": 2 tries have failed before\n" };
	char name[NAME_SIZE];
	struct tool consumer;

	for (int deaths = 1; deaths <= 2; deaths++) {
		message_send(channel_name(name), "poison");
		for (int i = 0; i < deaths; i++) {
			cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "sh",
					      "-c", "kill -9 $PPID"),
				     137);
			tool_free(&consumer);
		}
		cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0",
				      "--on-failure", "skip", "--", "true"),
			     123);
		expect_errors_contain(&consumer, ends[deaths - 1]);
		tool_free(&consumer);
	}
}

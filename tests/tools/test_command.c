/* What a command finds that runs for a message: its input, arguments, environment, signals. */
#include "tests/support/agents.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void send_bytes(const char *name, const void *bytes, size_t size)
{
	int input = bytes_file(bytes, size);
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-D", "", NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

/* Runs the script for the messages in the channel; it must succeed. */
static struct tool consume(const char *name, const char *script)
{
	struct tool consumer;

	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "sh", "-c", script), 0,
		     "it said: %s", tool_errors(&consumer));
	cr_expect_not(object_exists(name));
	return consumer;
}

Test(command, runs_for_each_message_which_is_its_input, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool consumer;

	message_send(channel_name(name), "one");
	message_send(name, "");
	message_send(name, "three\n");
	consumer = consume(name, "echo \"[$(cat)]\"");
	expect_output(&consumer, "[one]\n[]\n[three]\n");
	tool_free(&consumer);
}

Test(command, takes_lines_out_of_a_block_without_their_delimiter, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];
	int input = bytes_file("a\nb\nlast", 8);

	channel_name(name);
	tool = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);
	close(input);
	cr_assert_eq(tool_end(&tool), 0);
	tool_free(&tool);
	tool = consume(name, "cat; echo ' '$SHM_SEQ of $SHM_SIZE");
	expect_output(&tool, "a 1 of 1\nb 2 of 1\nlast 3 of 4\n");
	tool_free(&tool);
}

Test(command, input_is_a_file_of_known_size_that_nobody_can_change, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "0123456789");
	/* The command reads its input twice, from places of its choice: so it is no pipe. */
	consumer =
		consume(name, "stat -L -c '%F %s' /dev/fd/0; dd bs=1 skip=7 count=2 2>/dev/null;"
			      "echo; head -c 4 /dev/fd/0; echo;"
			      "if echo x 2>/dev/null >&0; then echo written; fi;"
			      "if true 2>/dev/null >/dev/fd/0; then echo cut; fi; cat /dev/fd/0");
	expect_output(&consumer, "regular file 10\n78\n0123\n0123456789");
	tool_free(&consumer);
}

Test(command, input_is_binary_safe_and_of_any_size, .timeout = 60)
{
	enum { SIZE = 3 << 20 };
	struct tool consumer, producer;
	char name[NAME_SIZE], *bytes = malloc(SIZE), *output;
	size_t size;
	int input;

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (char)(i * 31 % 256);
	input = bytes_file(bytes, SIZE);
	/* A message longer than the ring is put together first. */
	producer = tool_start_fds(input, -1, "shm-produce", "-C", channel_name(name), "-s", "64K",
				  "-D", "", NULL);
	close(input);
	consumer = tool_start("shm-consume", "-C", name, "-v", "--", "sh", "-c",
			      "[ $SHM_SIZE = 3145728 ] && cat", NULL);
	cr_expect_eq(tool_end(&consumer), 0);
	cr_expect_eq(tool_end(&producer), 0);
	output = tool_output(&consumer, &size);
	cr_expect_eq(size, (size_t)SIZE);
	cr_expect(size == SIZE && memcmp(output, bytes, SIZE) == 0);
	free(output);
	free(bytes);
	tool_free(&consumer);
	tool_free(&producer);
	cr_expect_not(object_exists(name));
}

Test(command, environment_tells_where_the_message_is_from, .timeout = 60)
{
	struct agent holder = agent_start();
	struct tool consumer;
	char name[NAME_SIZE], epoch[64], expected[512];

	setenv("SHM_ATTEMPT", "77", 1);
	setenv("SHM_CHANNEL", channel_name(name), 1);
	setenv("SHM_OTHER", "stays", 1);
	agent_expect(&holder, "ok", "attach producer %s", name);
	strcpy(epoch, agent_ask(&holder, "epoch") + 3);
	agent_expect(&holder, "ok", "send x");
	agent_expect(&holder, "ok", "send yyy");
	agent_quit(&holder);
	consumer = tool_start("shm-consume", "--", "sh", "-c", "env | grep ^SHM_ | sort", NULL);
	cr_assert_eq(tool_end(&consumer), 0);
	snprintf(expected, sizeof(expected),
		 "SHM_ATTEMPT=1\nSHM_EPOCH=%s\nSHM_FROM=%s\nSHM_OTHER=stays\nSHM_SEQ=1\n"
		 "SHM_SIZE=1\nSHM_ATTEMPT=1\nSHM_EPOCH=%s\nSHM_FROM=%s\nSHM_OTHER=stays\n"
		 "SHM_SEQ=2\nSHM_SIZE=3\n",
		 epoch, name, epoch, name);
	expect_output(&consumer, expected);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(command, learns_the_key_and_a_dead_letter_keeps_it, .timeout = 60)
{
	char name[NAME_SIZE], dead[NAME_SIZE];
	struct tool tool;

	setenv("SHM_KEY", "not this", 1);
	channel_name(name);
	channel_name(dead);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "-k", "kind", "one"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "two"), 0);
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retries", "0", "--on-failure",
			      "dead", "--dead-letter", dead, "--", "sh", "-c",
			      "echo key ${SHM_KEY-none}; exit 1"),
		     123);
	expect_output(&tool, "key kind\nkey none\n");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", dead, "--", "sh", "-c",
			      "echo key ${SHM_KEY-none}"),
		     0);
	expect_output(&tool, "key kind\nkey none\n");
	tool_free(&tool);
	unsetenv("SHM_KEY");
	cr_expect_not(object_exists(name));
	cr_expect_not(object_exists(dead));
}

Test(command, braces_in_its_words_are_the_message, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "it's $HOME {}");
	message_send(name, "");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "printf", "<%s>\\n", "{}",
			      "a{}b{}c", "{", "}"),
		     0);
	expect_output(&consumer, "<it's $HOME {}>\n<ait's $HOME {}bit's $HOME {}c>\n<{>\n<}>\n"
				 "<>\n<abc>\n<{>\n<}>\n");
	tool_free(&consumer);
	message_send(name, "printf"); /* and so does the command */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--", "{}", "%s", "{}"), 0);
	expect_output(&consumer, "printf");
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

Test(command, text_that_cannot_be_an_argument_has_failed, .timeout = 60)
{
	char name[NAME_SIZE], *text = malloc(128 * 1024 + 1);
	struct tool consumer;

	memset(text, 't', 128 * 1024 + 1);
	send_bytes(channel_name(name), "a\0b", 3);
	send_bytes(name, text, 128 * 1024 + 1);
	send_bytes(name, text, 128 * 1024 - 1);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0",
			      "--on-failure", "skip", "--", "sh", "-c", "echo ${#1}", "sh", "{}"),
		     123);
	expect_output(&consumer, "131071\n");
	expect_errors_contain(&consumer, "message 1 failed for good (dropped): it cannot be "
					 "an argument of \"sh\": it holds a NUL byte\n");
	expect_errors_contain(&consumer, "message 2 failed for good (dropped): it cannot be "
					 "an argument of \"sh\": it is too long (128 KiB)\n");
	tool_free(&consumer);
	send_bytes(name, text, 128 * 1024 - 1); /* the words with it are longer than Linux takes */
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "--retries", "0",
			      "--on-failure", "skip", "--", "echo", "{}{}"),
		     123);
	expect_errors_contain(&consumer, "it is too long (128 KiB)\n");
	tool_free(&consumer);
	free(text);
	cr_expect_not(object_exists(name));
}

/*
 * The command inherits no descriptors, not even those of another worker or of the channel that
 * failed messages go to.
 */
Test(command, inherits_no_descriptor, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], dead[NAME_SIZE];

	channel_name(dead);
	message_send(channel_name(name), "x");
	message_send(name, "y");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-j", "3", "--retries", "0",
			      "--on-failure", "dead", "--dead-letter", dead, "--", "sh", "-c",
			      "ls /proc/self/fd | tr '\\n' ' '; exit 1"),
		     123);
	/*
	 * 3 is the folder that ls lists. Two commands run at once: each writes its list in one
	 * piece.
	 */
	expect_output(&consumer, "0 1 2 3 0 1 2 3 ");
	tool_free(&consumer);
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", dead), 0);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
	cr_expect_not(object_exists(dead));
}

/* Checks signals 1 to 28: after posix_spawn() two that the C library has for itself are ignored. */
static const char signals_script[] =
	"grep -E '^Sig(Blk|Ign)' /proc/self/status | sed 's/0.*\\(.......\\)$/\\1/'";

Test(command, has_the_signals_that_its_consumer_was_started_with, .timeout = 60)
{
	struct tool direct, consumer;
	char name[NAME_SIZE], *expected;
	static const char *const starts[] = { "exec \"$@\"", "trap '' HUP PIPE; exec \"$@\"" };

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(
			tool_run(&direct, "sh", "-c", starts[i], "sh", "sh", "-c", signals_script),
			0);
		message_send(channel_name(name), "x");
		cr_assert_eq(tool_run(&consumer, "sh", "-c", starts[i], "sh",
				      tool_path("shm-consume"), "-C", name, "--", "sh", "-c",
				      signals_script),
			     0, "it said: %s", tool_errors(&consumer));
		expected = tool_output(&direct, NULL);
		expect_output(&consumer, expected);
		free(expected);
		tool_free(&direct);
		tool_free(&consumer);
	}
}

Test(command, leaves_no_zombie, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "1");
	message_send(name, "2");
	message_send(name, "3");
	consumer = tool_start("shm-consume", "-C", name, "--", "sh", "-c",
			      "[ $(cat) = 3 ] || exit 0; : > $DIR/third;"
			      "until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done",
			      NULL);
	WAIT_FOR(file_exists("third"));
	cr_expect_eq(process_children(consumer.pid, NULL), 1);
	file_make("go");
	cr_expect_eq(tool_end(&consumer), 0);
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(command, output_and_errors_are_the_consumers_own, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	message_send(channel_name(name), "x");
	consumer = consume(name, "echo out; echo err >&2");
	expect_output(&consumer, "out\n");
	expect_errors_contain(&consumer, "err\n");
	tool_free(&consumer);
}

Test(command, runs_without_the_streams_that_its_consumer_has_not, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "the message");
	cr_expect_eq(tool_run(&consumer, "sh", "-c",
			      "exec <&- >&- 2>&-; exec \"$TOOLS/shm-consume\" -C \"$0\" -- sh -c "
			      "'cat > $DIR/got; ls -l /proc/$$/fd | grep -c /dev/null >> $DIR/got'",
			      name),
		     0);
	expect_file("got", "the message2\n");
	tool_free(&consumer);
	folder_remove();
	cr_expect_not(object_exists(name));
}

Test(command, story_tells_what_runs, .timeout = 60)
{
	struct tool consumer;
	char name[NAME_SIZE], *errors;

	message_send(channel_name(name), "hello");
	cr_expect_eq(tool_run(&consumer, "shm-consume", "-v", "-C", name, "--", "true"), 0);
	errors = tool_errors(&consumer);
	cr_expect_str_eq(errors, "consumer: waiting for shared memory...\n"
				 "consumer: connected to shared memory!\n"
				 "consumer: waiting for data...\n"
				 "consumer: received data: hello\n"
				 "consumer: running \"true\", message 1, attempt 1\n"
				 "consumer: \"true\" ended with status 0\n"
				 "consumer: finishing process.\n");
	free(errors);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

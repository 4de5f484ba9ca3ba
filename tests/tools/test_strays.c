/* Processes whose parents have died become children of a tool that is process 1 of a container. */
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_children(pid_t parent)
{
	pid_t child;

	return process_children(parent, &child) > 0;
}

/* Starts the tool with a child that ends when there is a file "go". */
#define WITH_CHILD(arguments)                                                                      \
	"(: > $DIR/began; until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done) & "          \
	"exec \"$TOOLS\"/" arguments

static void expect_child_reaped(const char *script, int children, int status)
{
	struct tool tool;
	char name[NAME_SIZE];
	pid_t child;

	folder_make();
	setenv("SHM_CHANNEL", channel_name(name), 1);
	tool = tool_start("sh", "-c", script, NULL);
	WAIT_FOR(file_exists("began"));
	WAIT_FOR(object_look(name).producers + object_look(name).consumers == 1);
	WAIT_FOR(process_children(tool.pid, &child) == children + 1);
	file_make("go");
	WAIT_FOR(process_children(tool.pid, &child) == children);
	cr_expect_not(tool_ended(&tool));
	kill(tool.pid, SIGTERM);
	cr_expect_eq(tool_end(&tool), status);
	tool_free(&tool);
	tool_run(&tool, "shm-consume", "-e");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	unsetenv("SHM_CHANNEL");
	folder_remove();
}

Test(strays, are_reaped_by_every_tool_that_stays, .timeout = 60)
{
	expect_child_reaped(WITH_CHILD("shm-consume -f"), 0, 143);
	expect_child_reaped(WITH_CHILD("shm-consume -f -- cat"), 0, 143);
	expect_child_reaped(WITH_CHILD("shm-produce --wait-consumers 1"), 0, 143);
	expect_child_reaped(WITH_CHILD("shm-produce --hold -- sleep 1000"), 1, 143);
}

/* Starts the script as the first process of a pid namespace; its parent is the tool. */
static struct tool first_process(const char *script)
{
	struct tool tool;
	bool allowed = tool_run(&tool, "unshare", "--pid", "--fork", "true") == 0;

	tool_free(&tool);
	if (!allowed)
		test_skip("no permission to make a pid namespace");
	return tool_start("unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script, NULL);
}

static pid_t only_child(const struct tool *tool)
{
	pid_t child = 0;

	WAIT_FOR(process_children(tool->pid, &child) == 1);
	return child;
}

/* 30 jobs on four workers: each leaves a process behind, and has a status of its own. */
Test(strays, of_commands_are_reaped_by_process_1_and_the_commands_by_their_workers, .timeout = 60)
{
	char name[NAME_SIZE], lines[256] = "";
	struct tool tool, producer;
	int input;

	folder_make();
	setenv("SHM_CHANNEL", channel_name(name), 1);
	for (int i = 0; i < 30; i++)
		sprintf(lines + strlen(lines), "%d\n", i);
	input = bytes_file(lines, strlen(lines));
	producer = tool_start_fds(input, -1, "shm-produce", NULL);
	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
	tool = first_process(
		"exec \"$TOOLS\"/shm-consume -q -f -j 4 --retries 0 --on-failure skip -- "
		"sh -c 'sh -c \"sleep 0.01\" & setsid sh -c : & echo >> $DIR/runs;"
		"exit $(($(cat) % 3))'");
	WAIT_FOR(file_lines("runs") == 30);
	WAIT_FOR(object_look(name).head == object_look(name).tail);
	WAIT_FOR(!has_children(only_child(&tool)));
	kill(only_child(&tool), SIGUSR1);
	cr_expect_eq(tool_end(&tool), 123); /* not 1: no status was lost */
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	unsetenv("SHM_CHANNEL");
	folder_remove();
}

Test(strays, of_a_held_command_are_reaped_by_process_1, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];
	pid_t child;

	folder_make();
	setenv("SHM_CHANNEL", channel_name(name), 1);
	tool = first_process("exec \"$TOOLS\"/shm-produce --hold -- sh -c '"
			     "for i in 1 2 3 4 5; do (sleep 0.01 &); done; : > $DIR/began;"
			     "until [ -e $DIR/go ] || [ ! -d $DIR ]; do sleep 0.01; done; exit 7'");
	WAIT_FOR(file_exists("began"));
	WAIT_FOR(process_children(only_child(&tool), &child) == 1);
	file_make("go");
	cr_expect_eq(tool_end(&tool), 7);
	tool_free(&tool);
	tool_run(&tool, "shm-consume", "-e");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
	unsetenv("SHM_CHANNEL");
	folder_remove();
}

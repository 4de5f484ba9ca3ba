/* How the command of a consumer, and of --hold, is started; and what happens if it cannot be. */
#include "tests/support/folder.h"
#include "tests/support/scenes.h"
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *program_make(const char *name, const void *bytes, size_t size)
{
	const char *path = folder_file(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	return path;
}

/* ---- a script without "#!" ---- */

static const char script[] = "echo \"$# <$1> <$2> $(cat)\"\n";

Test(start, script_without_an_interpreter_is_run_by_the_shell, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "message");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--",
			      program_make("script", script, strlen(script)), "a b", "{}"),
		     0);
	expect_output(&tool, "2 <a b> <message> message\n");
	expect_errors_contain(&tool, "");
	tool_free(&tool);
	cr_expect_eq(tool_run(&tool, "shm-produce", "-C", name, "--hold", "--",
			      folder_file("script"), "a b", "c"),
		     0);
	expect_output(&tool, "2 <a b> <c> \n");
	tool_free(&tool);
	expect_rest(name, 0, "");
	folder_remove();
}

/*
 * The command is found by the folders of PATH; one whose name looks like an option of the shell is
 * not taken for one.
 */
Test(start, script_without_an_interpreter_is_found_by_path, .timeout = 60)
{
	static const char say[] = "echo found $1\n";
	struct tool tool;
	char name[NAME_SIZE], path[4096];

	folder_make();
	program_make("shm-test-script", say, strlen(say));
	cr_assert_eq(mkdir(folder_file("-c"), 0700), 0);
	program_make("-c/shm-test-other", say, strlen(say));
	snprintf(path, sizeof(path), "/nowhere:%s:-c:%s", getenv("DIR"), getenv("PATH"));
	setenv("PATH", path, 1);
	message_send(channel_name(name), "by name");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--", "shm-test-script", "{}"), 0);
	expect_output(&tool, "found by name\n");
	tool_free(&tool);
	message_send(name, "here");
	cr_expect_eq(tool_run(&tool, "sh", "-c",
			      "tools=$(cd \"$TOOLS\" && pwd); cd \"$DIR\";"
			      "exec \"$tools/shm-consume\" -C \"$0\" -- shm-test-other {}",
			      name),
		     0);
	expect_output(&tool, "found here\n");
	tool_free(&tool);
	unlink(folder_file("-c/shm-test-other"));
	rmdir(folder_file("-c"));
	folder_remove();
}

Test(start, what_is_no_text_is_not_given_to_the_shell, .timeout = 60)
{
	static const char other_machine[] = "\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\n";
	struct tool tool;
	char name[NAME_SIZE];

	folder_make();
	message_send(channel_name(name), "message");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--",
			      program_make("program", other_machine, sizeof(other_machine))),
		     126);
	expect_errors_contain(&tool, "Exec format error");
	tool_free(&tool);
	expect_rest(name, 0, "message\n");
	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", name, "--hold", "--", folder_file("program")),
		126);
	expect_errors_contain(&tool, "Exec format error");
	tool_free(&tool);
	expect_rest(name, 4, "");
	folder_remove();
}

/* ---- a message that makes no command ---- */

Test(start, message_that_names_no_program_has_failed_and_no_other, .timeout = 60)
{
	static const char lines[] = "true\nno/such\033program\n/\n\ntrue\n";
	struct tool tool;
	char name[NAME_SIZE];

	channel_name(name);
	lines_send(name, lines);
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retries", "1", "--retry-delay",
			      "0", "--on-failure", "skip", "--", "{}"),
		     123);
	expect_errors_contain(&tool, "message 2 failed, try 1 of 2: cannot run "
				     "\"no/such\\x1bprogram\": No such file");
	expect_errors_contain(&tool, "message 2 failed for good (dropped): cannot run "
				     "\"no/such\\x1bprogram\": No such file");
	expect_errors_contain(&tool, "message 3 failed for good (dropped): cannot run \"/\": ");
	expect_errors_contain(&tool, "message 4 failed for good (dropped): cannot run \"\": ");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
}

/* Whatever the message is, that command does not exist. */
Test(start, command_that_is_not_there_is_no_failure_of_the_message, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	message_send(channel_name(name), "message");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retries", "0", "--on-failure",
			      "skip", "--", "/no/such/program", "{}"),
		     127);
	tool_free(&tool);
	expect_rest(name, 0, "message\n");
}

static void expect_no_second_try(const char *name, const char *cause)
{
	struct tool tool;
	char *errors;

	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--retry-delay", "1000",
			      "--on-failure", "skip", "--", "echo", "{}{}"),
		     123);
	errors = tool_errors(&tool);
	cr_expect_null(strstr(errors, "attempt"), "it said: %s", errors);
	cr_expect_not_null(strstr(errors, cause), "it said: %s", errors);
	free(errors);
	expect_output(&tool, "");
	tool_free(&tool);
	cr_expect_not(object_exists(name));
}

/* Also when the message is too long only together with the other words. */
Test(start, message_that_can_never_be_an_argument_is_not_tried_again, .timeout = 60)
{
	enum { SIZE = 128 * 1024 };
	char name[NAME_SIZE], *text = malloc(SIZE + 1);

	memset(text, 't', SIZE + 1);
	channel_name(name);
	bytes_send(name, "a\0b\n", 4);
	expect_no_second_try(name, "message 1 failed for good (dropped): it cannot be an argument "
				   "of \"echo\": it holds a NUL byte");
	bytes_send(name, text, SIZE + 1);
	expect_no_second_try(name, "it is too long");
	bytes_send(name, text, SIZE - 1);
	expect_no_second_try(name, "it is too long");
	free(text);
}

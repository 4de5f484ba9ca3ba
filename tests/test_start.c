/* How the command of a consumer, and of --hold, is started. */
#include "support.h"
#include "support_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void send(const char *name, const char *text)
{
	struct tool producer;

	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "--", text), 0);
	tool_free(&producer);
}

static const char *program_make(const char *name, const void *bytes, size_t size)
{
	const char *path = folder_file(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	return path;
}

static void expect_channel(const char *name, int status, const char *expected)
{
	struct tool consumer;

	cr_expect_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), status);
	expect_output(&consumer, expected);
	tool_free(&consumer);
	cr_expect_not(object_exists(name));
}

/* ---- a script without "#!" ---- */

static const char script[] = "echo \"$# <$1> <$2> $(cat)\"\n";

Test(start, script_without_an_interpreter_is_run_by_the_shell, .timeout = 60)
{
	struct tool tool;
	char name[NAME_SIZE];

	folder_make();
	send(channel_name(name), "message");
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
	expect_channel(name, 0, "");
	folder_remove();
}

/* By the folders of PATH; one whose name looks like an option of the shell is none. */
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
	send(channel_name(name), "by name");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--", "shm-test-script", "{}"), 0);
	expect_output(&tool, "found by name\n");
	tool_free(&tool);
	send(name, "here");
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
	send(channel_name(name), "message");
	cr_expect_eq(tool_run(&tool, "shm-consume", "-C", name, "--",
			      program_make("program", other_machine, sizeof(other_machine))),
		     126);
	expect_errors_contain(&tool, "Exec format error");
	tool_free(&tool);
	expect_channel(name, 0, "message\n");
	cr_expect_eq(
		tool_run(&tool, "shm-produce", "-C", name, "--hold", "--", folder_file("program")),
		126);
	expect_errors_contain(&tool, "Exec format error");
	tool_free(&tool);
	expect_channel(name, 4, "");
	folder_remove();
}

/* --doctor says what could be wrong, and what to do. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What it prints, to be freed. Other tests' channels may be in a bad state meanwhile. */
static char *doctor(void)
{
	struct tool tool;
	char *output, *errors;
	int status = tool_run(&tool, "shm-consume", "--doctor");

	cr_expect(status == 0 || status == 1);
	output = tool_output(&tool, NULL);
	errors = tool_errors(&tool);
	cr_expect_str_empty(errors);
	cr_expect_eq(status == 1,
		     strncmp(output, "warn", 4) == 0 || strstr(output, "\nwarn  ") != NULL);
	free(errors);
	tool_free(&tool);
	return output;
}

/* One line that holds both. */
static bool has(const char *a, const char *b)
{
	char *output = doctor();
	bool found = false;

	for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n"))
		found |= strstr(line, a) != NULL && strstr(line, b) != NULL;
	free(output);
	return found;
}

Test(doctor, says_where_shared_memory_is_and_what_channels_are_made_like, .timeout = 60)
{
	char layout[32], *output = doctor();

	snprintf(layout, sizeof(layout), "of layout %u; ", LAYOUT_VERSION);
	cr_expect_not_null(strstr(output, "/dev/shm"), "%s", output);
	cr_expect_not_null(strstr(output, "-bit, mutex of"), "%s", output);
	cr_expect_not_null(strstr(output, layout), "%s", output);
	cr_expect_not_null(strstr(output, "when you log out"), "%s", output);
	free(output);
}

Test(doctor, names_channels_that_nobody_drains, .timeout = 60)
{
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	cr_expect(has(name, "nobody takes the 1 message of the group without a name"));
	cr_expect(has(name, "--remove drops them"));
	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", name, "--groups", "idle", "y"), 0);
	tool_free(&tool);
	cr_expect(has(name, "nobody takes the 2 messages of group idle"));
	object_remove(name);
}

Test(doctor, names_the_dead_and_the_stopped, .timeout = 60)
{
	char name[NAME_SIZE], process[64];
	struct agent a = agent_start(), b = agent_start();

	agent_expect(&a, "ok", "attach producer %s", channel_name(name));
	agent_expect(&b, "ok", "attach consumer %s", name);
	cr_expect(has(name, "idle"));
	kill(a.tool.pid, SIGSTOP);
	snprintf(process, sizeof(process), "its producer, process %ld, is stopped",
		 (long)a.tool.pid);
	WAIT_FOR(has(name, process));
	snprintf(process, sizeof(process), "its consumer, process %ld, is dead", (long)b.tool.pid);
	agent_kill(&b);
	cr_expect(has(name, process));
	agent_kill(&a);
	object_remove(name);
}

Test(doctor, names_what_is_no_channel_of_this_build, .timeout = 60)
{
	const uint32_t version = 77;
	char name[NAME_SIZE];
	struct tool tool;

	cr_assert_eq(tool_run(&tool, "shm-produce", "-C", channel_name(name), "x"), 0);
	tool_free(&tool);
	object_write(name, OFFSET(header.layout_version), &version, sizeof(version));
	cr_expect(has(name, "made by a different build (layout 77)"));
	cr_expect(has(name, "--remove --force"));
	cr_assert_eq(truncate(object_path(name), 3), 0);
	cr_expect(has(name, "its object is not a channel"));
	object_remove(name);
}

Test(doctor, names_a_limit_on_the_size_of_files, .timeout = 60)
{
	struct tool tool;
	char script[1200], *output;

	snprintf(script, sizeof(script), "ulimit -f 2000; exec '%s/shm-consume' --doctor",
		 getenv("TOOLS"));
	cr_expect_eq(tool_run(&tool, "sh", "-c", script), 1);
	output = tool_output(&tool, NULL);
	cr_expect_not_null(strstr(output, "files of this process may have no more than"), "%s",
			   output);
	cr_expect_not_null(strstr(output, "ulimit -f unlimited"), "%s", output);
	free(output);
	tool_free(&tool);
}

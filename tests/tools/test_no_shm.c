/*
 * Where there is no /dev/shm, as in a root that lacks it, a tool must not say that a channel is
 * empty.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { WORDS_MAX = 8 };

/* Mounts something over /dev/shm, where this is permitted. */
#define HIDE "mount -t tmpfs tmpfs /dev || exit 77; "

static struct tool hidden_start(const char *script, const char *const *words)
{
	const char *argv[WORDS_MAX + 8] = { "unshare", geteuid() == 0 ? "-m" : "-rm",
					    "sh",      "-c",
					    script,    "sh" };

	for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		argv[i + 6] = words[i];
	return tool_start_argv(-1, -1, argv);
}

static void hiding_needed(void)
{
	const char *const words[] = { NULL };
	struct tool tool = hidden_start(HIDE "exit 0", words);
	int status = tool_end(&tool);

	tool_free(&tool);
	if (status != 0)
		test_skip("no file system can be mounted here, not even in a namespace");
}

Test(no_shm, is_an_error_and_not_an_empty_channel, .timeout = 60)
{
	static const char *const commands[][WORDS_MAX] = {
		{ "shm-consume", "-e" },
		{ "shm-consume", "-n" },
		{ "shm-consume" },
		{ "shm-consume", "--peek" },
		{ "shm-consume", "--tap", "-n" },
		{ "shm-consume", "--status" },
		{ "shm-consume", "--remove" },
		{ "shm-consume", "--remove-group", "g" },
		{ "shm-consume", "-e", "--", "cat" },
		{ "shm-consume", "-n", "-j", "2", "--", "cat" },
		{ "shm-produce", "one" },
	};
	char name[NAME_SIZE];

	hiding_needed();
	channel_name(name);
	setenv("SHM_CHANNEL", name, 1);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct tool tool = hidden_start(HIDE "tool=$1; shift; exec \"$TOOLS/$tool\" \"$@\"",
						commands[i]);

		cr_expect_eq(tool_end(&tool), 1, "command %zu", i);
		expect_output(&tool, "");
		expect_errors_contain(&tool, ": there is no /dev/shm");
		tool_free(&tool);
	}
}

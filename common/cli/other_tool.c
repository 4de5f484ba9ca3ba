#include "cli/other_tool.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
const struct other_option other_tool_options[] = {
	{ "shm-produce", "end", true },
	{ "shm-produce", "groups", false },
	{ "shm-produce", "hold", true },
	{ "shm-produce", "input", true },
	{ "shm-produce", "key", false },
	{ "shm-produce", "message", true },
	{ "shm-produce", "wait-ack", false },
	{ "shm-produce", "wait-consumers", false },
	{ "shm-produce", "when-full", false },
	{ "shm-consume", "batch", false },
	{ "shm-consume", "count", false },
	{ "shm-consume", "dead-letter", false },
	{ "shm-consume", "doctor", true },
	{ "shm-consume", "durable", false },
	{ "shm-consume", "exit-empty", false },
	{ "shm-consume", "follow", false },
	{ "shm-consume", "force", true },
	{ "shm-consume", "format", false },
	{ "shm-consume", "from", false },
	{ "shm-consume", "group", false },
	{ "shm-consume", "idle", false },
	{ "shm-consume", "jobs", false },
	{ "shm-consume", "json-lines", false },
	{ "shm-consume", "list", true },
	{ "shm-consume", "max-time", false },
	{ "shm-consume", "on-failure", false },
	{ "shm-consume", "peek", true },
	{ "shm-consume", "remove", true },
	{ "shm-consume", "remove-group", true },
	{ "shm-consume", "retries", false },
	{ "shm-consume", "retry-delay", false },
	{ "shm-consume", "status", true },
	{ "shm-consume", "tap", true },
	{ "shm-consume", "watch", true },
	{ NULL, NULL, false }
};
/* clang-format on */

const struct other_option *other_tool_option(const char *name)
{
	for (const struct other_option *option = other_tool_options; option->name != NULL; option++)
		if (strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

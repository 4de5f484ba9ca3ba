#include "cli/option_table.h"

#include <string.h>

bool cli_argument_optional(const struct cli_option *option)
{
	return option->argument != NULL && option->argument[0] == '[';
}

bool cli_option_belongs(const struct cli_option *option, unsigned modes)
{
	return option->modes == 0 || (option->modes & modes) != 0;
}

const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name)
{
	for (const struct cli_option *option = tool->options; option->name != NULL; option++)
		if (strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

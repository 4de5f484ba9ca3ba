#include "cli/option_table.h"

#include <stddef.h>
#include <string.h>

bool cli_argument_optional(const struct cli_option *option)
{
	return option->argument != NULL && option->argument[0] == '[';
}

const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name)
{
	for (const struct cli_option *option = tool->options; option->key != 0; option++)
		if (strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

const struct cli_option *cli_option_of_key(const struct cli_tool *tool, int key)
{
	for (const struct cli_option *option = tool->options; option->key != 0; option++)
		if (option->key == key)
			return option;
	return NULL;
}

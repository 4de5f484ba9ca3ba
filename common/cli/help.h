/*
 * --help.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/option_table.h"

void cli_help_print(const struct cli_tool *tool);

#endif

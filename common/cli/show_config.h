/*
 * --show-config: prints the value of each option, and where it comes from.
 */
#ifndef CLI_SHOW_CONFIG_H
#define CLI_SHOW_CONFIG_H

#include "cli/cli.h"

/* Prints that and ends the tool, if --show-config was given. */
void cli_config_show(const struct cli_settings *settings);

#endif

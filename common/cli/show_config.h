/*
 * --show-config: what each option is, and where that is from.
 */
#ifndef CLI_SHOW_CONFIG_H
#define CLI_SHOW_CONFIG_H

#include "cli/cli.h"

/* If --show-config was given: prints what there is, and ends the tool. */
void cli_config_show(const struct cli_settings *settings);

#endif

/*
 * --trace: the file that events are written to.
 */
#ifndef CLI_TRACE_FILE_H
#define CLI_TRACE_FILE_H

#include "cli/cli.h"

/*
 * Opens the file of --trace, if that was given, and makes all channels that are attached from now
 * on write to it. Exits 1 if it cannot be opened. If it cannot be written later, that is reported
 * once, and everything but the trace goes on.
 */
void cli_trace_open(struct cli_settings *settings);

#endif

/*
 * --trace.
 */
#ifndef CLI_TRACE_FILE_H
#define CLI_TRACE_FILE_H

#include "cli/cli.h"

/*
 * Opens the file of --trace, if it was given, and makes the channels that are attached from now on
 * write to it. Exits 1 if it cannot be opened. A file that cannot be written any more is reported
 * once, and everything but the trace goes on.
 */
void cli_trace_open(struct cli_settings *settings);

#endif

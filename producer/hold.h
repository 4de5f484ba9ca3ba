/*
 * shm-produce --hold: while a command runs there is a producer, so that consumers see one stream,
 * however many producers the command starts one after the other.
 */
#ifndef HOLD_H
#define HOLD_H

#include "cli/cli.h"

/*
 * Runs the command, with the channel's name in its environment, and looks after the channel
 * meanwhile. SIGINT, SIGTERM and SIGHUP are passed on to the command; they end this process only if
 * they have ended the command. Returns the exit status: the command's as the shell shows it,
 * CLI_CANNOT_RUN, CLI_NOT_FOUND or CLI_FAILED. To be called after cli_signals_catch().
 */
int hold_run(const struct cli_settings *settings, struct channel *channel, char **command);

#endif

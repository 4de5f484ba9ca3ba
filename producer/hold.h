/*
 * shm-produce --hold: a command runs, and as long as it does there is a producer, so that
 * consumers see one stream, however many producers the command starts one after the other.
 */
#ifndef HOLD_H
#define HOLD_H

#include "cli/cli.h"

enum hold_exit {
	HOLD_CANNOT_RUN = 126,
	HOLD_NOT_FOUND = 127,
	HOLD_KILLED = 128 /* plus the number of the signal, as the shell shows it */
};

/* Notes what the command shall find as we found it. Call it before signals are caught. */
void hold_prepare(void);

/*
 * Runs the command, with the channel's name in its environment, and looks after the channel
 * meanwhile. SIGINT, SIGTERM and SIGHUP are passed on to it; they end us only if they have ended
 * it. Returns the exit status: the command's, or one of the above, or CLI_FAILED.
 */
int hold_run(const struct cli_settings *settings, struct channel *channel, char **command);

#endif

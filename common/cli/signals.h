/*
 * Signals, and the end of the process by one.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "cli/cli.h"

/*
 * From here on SIGINT, SIGTERM and SIGHUP interrupt the channel's waits; a signal that was
 * ignored at entry stays ignored. Once caught, a signal keeps interrupting system calls
 * until the process ends, so none that comes just before a call is missed. SIGBUS from the
 * channel's memory, which somebody has truncated, ends the process with one line and status 1.
 * NULL: who calls looks at cli_signal_caught() and interrupts its endpoints itself.
 */
void cli_signals_catch(const struct cli_settings *settings, struct channel *channel);

/*
 * From here on CLI_SIGNAL_DRAIN, which asks a consumer to finish what it has in hand and to take no
 * more, is noted. It interrupts nothing: a consumer that waits looks at it about once a second. If
 * it was ignored at entry it stays ignored.
 */
enum { CLI_SIGNAL_DRAIN = SIGUSR1 };
void cli_drain_catch(void);
bool cli_drain_asked(void);

/*
 * For a thread that waits for nothing but signals: like cli_signals_catch(), but these signals,
 * SIGCHLD and CLI_SIGNAL_DRAIN stay pending until the calling thread takes them, and interrupt
 * nothing. No other thread may unblock them.
 */
void cli_signals_queue(const struct cli_settings *settings);

/*
 * Waits timeout_ms (-1: for ever) for the next of those signals: its number, or 0 if none came.
 * *typed: it comes from the terminal, not from a process.
 */
int cli_signal_next(int timeout_ms, bool *typed);

/* The signal that was caught first, or 0. */
int cli_signal_caught(void);

/*
 * The calling thread works on this channel, whose name is `name` (NULL: on none any more): a
 * SIGBUS in it is due to that one's memory.
 */
void cli_thread_channel(struct channel *channel, const char *name);

/*
 * What a command that we start shall have as it would without us: the signals that it blocks,
 * and those that it does not ignore although we do.
 */
void cli_signals_of_child(sigset_t *blocked, sigset_t *not_ignored);

/*
 * Runs `work`; if it returns CLI_ANOTHER_THREAD, runs it again in a thread with another id
 * (see CHANNEL_ETHREAD), to which the signals then go. Returns its status.
 */
enum { CLI_ANOTHER_THREAD = -1 };
int cli_run(const struct cli_settings *settings, int (*work)(void));

/*
 * Ends the process: by the signal that was caught, by SIGPIPE if `pipe_closed`, else with status.
 */
__attribute__((noreturn)) void cli_end(int status, bool pipe_closed);

/* Was SIGPIPE ignored when the tool started? */
bool cli_pipe_ignored(void);

#endif

/*
 * Signals, and ending the process by one.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "cli/cli.h"

/*
 * From now on SIGINT, SIGTERM and SIGHUP interrupt the channel's waits; a signal that was ignored
 * when the tool started stays ignored. After the first one, system calls are interrupted again and
 * again until the process ends, so that a signal that comes just before a call is not missed.
 * SIGBUS from the channel's memory, which somebody has truncated, ends the process with one line
 * and status 1. With NULL for the channel, the caller checks cli_signal_caught() and interrupts its
 * endpoints itself.
 */
void cli_signals_catch(const struct cli_settings *settings, struct channel *channel);

/*
 * From now on CLI_SIGNAL_DRAIN is noted, which asks a consumer to finish the messages that it has
 * taken and to take no more. It interrupts nothing: a consumer that waits checks about once a
 * second. If it was ignored when the tool started, it stays ignored.
 */
enum { CLI_SIGNAL_DRAIN = SIGUSR1 };
void cli_drain_catch(void);
bool cli_drain_asked(void);

/*
 * For a thread that only waits for signals: like cli_signals_catch(), but these signals, SIGCHLD
 * and CLI_SIGNAL_DRAIN stay pending until the calling thread takes them with cli_signal_next(), and
 * interrupt nothing. No other thread may unblock them.
 */
void cli_signals_queue(const struct cli_settings *settings);

/*
 * Waits up to timeout_ms (-1: for ever) for the next of those signals. Returns its number, or 0 if
 * none came. *typed: it comes from the terminal, not from a process.
 */
int cli_signal_next(int timeout_ms, bool *typed);

/* Returns the signal that was caught first, or 0. */
int cli_signal_caught(void);

/*
 * The calling thread works on this channel, whose name is `name` (NULL: on none any more): a SIGBUS
 * in the channel's memory is reported under that name.
 */
void cli_thread_channel(struct channel *channel, const char *name);

/*
 * The signals as a command that we start should find them, as if we had not changed any: the
 * signals that it blocks, and those that it does not ignore although we do.
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

/* True if SIGPIPE was ignored when the tool started. */
bool cli_pipe_ignored(void);

#endif

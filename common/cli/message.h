/*
 * What the tools say on standard error. This is the only module that prints there.
 */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

/* Prints one line on standard error: "tool: message". */
__attribute__((format(printf, 2, 3))) void cli_error(const struct cli_settings *settings,
						     const char *format, ...);

/*
 * Has `prepare` called before each line on standard error, of any kind: a tool that has taken the
 * whole screen gives it back there.
 */
void cli_before_printing(void (*prepare)(void));

/* Like cli_error(), but prints nothing with --quiet. */
__attribute__((format(printf, 2, 3))) void cli_note(const struct cli_settings *settings,
						    const char *format, ...);

/*
 * Returns how many lines have been printed. Whoever takes back lines of its own must know that they
 * are still the last ones.
 */
unsigned cli_lines(void);

/*
 * For consumers. cli_tell_missed() tells, with --verbose, how many messages were dropped before the
 * message of this number (0: before the end of the stream); cli_note_missed() prints, unless
 * --quiet, how many were dropped in all.
 */
void cli_tell_missed(const struct cli_settings *settings, uint64_t missed, uint64_t sequence);
void cli_note_missed(const struct cli_settings *settings, uint64_t missed);

/* For consumers: says that this many messages longer than the ring are lost. */
void cli_tell_lost(const struct cli_settings *settings, uint64_t lost);

/*
 * Prints one line on standard error as it is, without the tool's name, even with --quiet: the user
 * has asked for it.
 */
void cli_report(const char *line);

/* Prints a line of what --verbose tells, without the tool's name. */
__attribute__((format(printf, 2, 3))) void cli_story(const struct cli_settings *settings,
						     const char *format, ...);

/*
 * Prints one line, which ends with a pointer to --help, or begins with the line of the file that is
 * at fault; exits 2.
 */
__attribute__((format(printf, 2, 3), noreturn)) void
cli_usage_error(const struct cli_settings *settings, const char *format, ...);

/* Says that there is not enough memory, and exits 1. */
__attribute__((noreturn)) void cli_out_of_memory(const struct cli_settings *settings);

/* Says that this build has no library for an option, and exits 1. */
__attribute__((noreturn)) void cli_not_built(const struct cli_settings *settings,
					     const char *option, const char *library);

/*
 * Writes the beginning of a message for people: escaped (see escape.h), at most 64 bytes of it.
 * Returns `buffer`.
 */
enum { CLI_EXCERPT_BYTES = 64, CLI_EXCERPT_MAX = CLI_EXCERPT_BYTES * 4 + 4 };
const char *cli_excerpt(const unsigned char *bytes, size_t size, char buffer[CLI_EXCERPT_MAX]);

/* Returns the exit status for an error of the channel. */
enum cli_exit cli_status(int error);

/* Prints that `what` failed on the channel, unless it was a signal; returns the status. */
enum cli_exit cli_channel_error(const struct cli_settings *settings, const struct channel *channel,
				const char *what, int error);

/*
 * A usage error if root is about to use (not just look at) another user's channel without
 * --trust-owner. A user who can write a channel can make a process that uses it write to any of
 * that process's memory.
 */
void cli_check_owner(const struct cli_settings *settings);

/* Prints a note if others have access to this user's channel and --mode did not ask for that. */
void cli_check_mode(const struct cli_settings *settings, const struct channel *channel);

/* Prints a note if the channel is not of the size that --size asked for. */
void cli_check_size(const struct cli_settings *settings, const struct channel *channel);

/* Prints a usage error that a line of a file has caused; exits 2. */
__attribute__((format(printf, 4, 5), noreturn)) void
cli_config_error(const struct cli_settings *settings, const char *file, unsigned line,
		 const char *format, ...);

/* Exits 0 if all that was printed on standard output could be written, else 1 with a message. */
void cli_exit_flushed(const struct cli_settings *settings);

#endif

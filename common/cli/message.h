/*
 * What the tools say on standard error. This is the only module that prints there.
 */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"

/* "tool: message", one line on standard error. */
__attribute__((format(printf, 2, 3))) void cli_error(const struct cli_settings *settings,
						     const char *format, ...);

/* Called before each such line, of whatever kind: who has the whole screen gives it back. */
void cli_before_printing(void (*prepare)(void));

/* The same, unless --quiet. */
__attribute__((format(printf, 2, 3))) void cli_note(const struct cli_settings *settings,
						    const char *format, ...);

/* How many lines have been printed so: who takes back its own must know that they are the last. */
unsigned cli_lines(void);

/*
 * For consumers: so many messages were dropped, before the one of this number (0: before the
 * end); and, unless --quiet, how many that were in all.
 */
void cli_tell_missed(const struct cli_settings *settings, uint64_t missed, uint64_t sequence);
void cli_note_missed(const struct cli_settings *settings, uint64_t missed);

/* For consumers: says that so many messages longer than the ring are lost. */
void cli_tell_lost(const struct cli_settings *settings, uint64_t lost);

/* One line on standard error, just as it is: what was asked for, so also with --quiet. */
void cli_report(const char *line);

/* A line of the story that --verbose tells, without the tool's name. */
__attribute__((format(printf, 2, 3))) void cli_story(const struct cli_settings *settings,
						     const char *format, ...);

/* Prints one line and a pointer to --help, or the line of the file that is at fault; exits 2. */
__attribute__((format(printf, 2, 3), noreturn)) void
cli_usage_error(const struct cli_settings *settings, const char *format, ...);

/* Says that there is not enough memory, and exits 1. */
__attribute__((noreturn)) void cli_out_of_memory(const struct cli_settings *settings);

/* An option that this build has no library for: says so, and exits 1. */
__attribute__((noreturn)) void cli_not_built(const struct cli_settings *settings,
					     const char *option, const char *library);

/* Writes a message for people: escaped (see escape.h), at most 64 bytes of it. Returns buffer. */
enum { CLI_EXCERPT_BYTES = 64, CLI_EXCERPT_MAX = CLI_EXCERPT_BYTES * 4 + 4 };
const char *cli_excerpt(const unsigned char *bytes, size_t size, char buffer[CLI_EXCERPT_MAX]);

/* The exit status that an error of the channel means. */
enum cli_exit cli_status(int error);

/* Prints that `what` failed on the channel, unless it was a signal; returns the status. */
enum cli_exit cli_channel_error(const struct cli_settings *settings, const struct channel *channel,
				const char *what, int error);

/*
 * Before a channel is used, not just looked at: root says it in so many words if it is another
 * user's. A user who can write a channel can make a process that uses it write to any of its
 * memory.
 */
void cli_check_owner(const struct cli_settings *settings);

/* Prints a note if others may use this user's channel, and --mode did not say that they may. */
void cli_check_mode(const struct cli_settings *settings, const struct channel *channel);

/* Prints a note if the channel is not of the size that --size asked for. */
void cli_check_size(const struct cli_settings *settings, const struct channel *channel);

/* A usage error that is due to a line of a file. */
__attribute__((format(printf, 4, 5), noreturn)) void
cli_config_error(const struct cli_settings *settings, const char *file, unsigned line,
		 const char *format, ...);

/* Ends a tool that has printed what it was asked for, if that could be written. */
void cli_exit_flushed(const struct cli_settings *settings);

#endif

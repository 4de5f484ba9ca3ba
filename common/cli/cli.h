/*
 * What the two tools have alike on the command line: options, numbers, messages, signals,
 * exit status. This is the only room that prints.
 */
#ifndef CLI_H
#define CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"
#include "cli/config_files.h"
#include "frame/frame.h"

#define CLI_VERSION "0.1.0"

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1,
	CLI_USAGE = 2,
	CLI_WOULD_BLOCK = 3,	  /* or fewer messages than asked for */
	CLI_INCOMPLETE = 4,	  /* a producer died or failed: the stream may be incomplete */
	CLI_COMMAND_FAILED = 123, /* for good; this and the next ones as xargs has them */
	CLI_TIMED_OUT = 124,
	CLI_COMMAND_KILLED = 125,
	CLI_CANNOT_RUN = 126,
	CLI_NOT_FOUND = 127
};

/* Options without a letter: each room that brings rows of its own has a hundred keys. */
enum cli_key {
	CLI_KEY_OWNER = 256,
	CLI_KEY_NEW,
	CLI_KEY_SPIN,
	CLI_KEY_JSON,
	CLI_KEY_FRAMING,
	CLI_KEY_TRUST_OWNER,
	CLI_KEY_CONFIG = 300,	/* config_files.h */
	CLI_KEY_PROGRESS = 400, /* progress.h */
	CLI_KEY_TRACE = 500,	/* trace.h */
	CLI_KEY_FORMAT = 600,	/* format.h */
	CLI_KEY_LOOK = 700,	/* look.h */
	CLI_KEY_TOOL = 1000,	/* the tool's own */
	CLI_KEY_WORK = 1100	/* work/options.h */
};

/*
 * The completions complete what the argument says: CHANNEL, GROUP, FILE or USER, and words in
 * small letters with '|' between them, which stand for themselves. The manual pages call it the
 * same. (tests/tools/test_help.c holds them to it.)
 */
struct cli_option {
	int key; /* its letter, or a cli_key */
	const char *name;
	/*
	 * NULL: it takes none. In brackets: it may be left out; what begins with "=" stands behind
	 * one, and a number may also follow as the next word.
	 */
	const char *argument;
	const char *help;     /* '\n' begins a new line */
	const char *standard; /* what it is if nobody says; NULL: off, or nothing */
	bool once;	      /* about one call, or an action: not in a configuration file */
};

/* With this one on the command line, what files say of those, with a blank between, is left out. */
struct cli_precedence {
	const char *given, *leaves;
};

/* A heading in --help, above the row with this key; none if there is no such row. */
struct cli_section {
	int key;
	const char *heading; /* NULL: the end */
};

/* The rows of a tool's option table that both have. */
/* clang-format off */
#define CLI_COMMON_OPTIONS                                                  \
	{ 'C', "channel", "CHANNEL",                                        \
	  "the channel [$SHM_CHANNEL, else \"default\"]",                   \
	  .standard = "default" },                                          \
	{ 's', "size", "SIZE",                                              \
	  "ring size if this creates the channel: bytes, or\n"              \
	  "with K, M, G; rounded up to a power of two [1M]",                \
	  .standard = "1M" },                                               \
	{ 'm', "mode", "MODE",                                              \
	  "permission bits if this creates the channel,\n"                  \
	  "octal, exact whatever the umask; read-only for\n"                \
	  "some: 0644,readers [0600]", .standard = "0600" },                \
	{ CLI_KEY_OWNER, "owner", "USER",                                   \
	  "use the channel that belongs to USER, and so trust\n"            \
	  "USER with this process" },                                       \
	{ CLI_KEY_TRUST_OWNER, "trust-owner", NULL,                         \
	  "root's word for it that this is meant: without it\n"             \
	  "root uses only channels of its own", .once = true },             \
	{ CLI_KEY_NEW, "new", NULL,                                         \
	  "fail if the channel already holds messages or has\n"             \
	  "another endpoint of this kind" },                                \
	{ 'w', "timeout", "SEC",                                            \
	  "give up when any single wait for the other side\n"               \
	  "lasts this long (fractions allowed): exit 124" },                \
	{ 'n', "nonblock", NULL,                                            \
	  "never wait: exit 3 when full, or when empty" },                  \
	{ CLI_KEY_SPIN, "spin", "SEC|auto|off",                             \
	  "how long to wait awake before sleeping; auto: as\n"              \
	  "long as that has lately paid [auto]", .standard = "auto" },      \
	{ 'D', "delimiter", "STR",                                          \
	  "what ends a message on standard input or output:\n"              \
	  "1 to 255 bytes; escapes \\n \\t \\r \\0 \\xNN \\\\; '':\n"       \
	  "the whole input is one message, and nothing is\n"                \
	  "written between messages [\\n]", .standard = "\\n" },            \
	{ '0', "null", NULL, "the same as -D '\\0'" },                      \
	{ CLI_KEY_FRAMING, "framing", "lines|null|netstring",               \
	  "how messages lie in standard input or output:\n"                 \
	  "lines or null, as with -D '\\n' or -0, or netstring,\n"          \
	  "SIZE:BYTES, each, so that they may hold any bytes" }

/* The same, for the table's end. */
#define CLI_GENERAL_OPTIONS                                                 \
	{ CLI_KEY_JSON, "json", NULL,                                       \
	  "what is told about the channel is JSON, not text" },             \
	{ CLI_KEY_TRACE, "trace", "FILE",                                   \
	  "append what happens, with times, to FILE: a picture\n"           \
	  "for Perfetto; several processes can share it" },                 \
	{ 'q', "quiet", NULL, "no notes; errors are still printed" },       \
	{ 'v', "verbose", NULL, "tell what happens on standard error" },    \
	CONFIG_OPTIONS,                                                     \
	{ 'h', "help", NULL, "print this help", .once = true },             \
	{ 'V', "version", NULL, "print the version", .once = true }

/* Their headings. */
#define CLI_COMMON_SECTIONS                                                 \
	{ 'C', "Channel" }, { 'w', "Waiting" },                             \
	{ 'D', "Standard input and output" },                               \
	{ CLI_KEY_PROGRESS, "Progress" }, { CLI_KEY_JSON, "General" }
/* clang-format on */

struct cli_tool {
	const char *name;
	const char *usage;		  /* lines of "[OPTION]..." */
	const char *about;		  /* one sentence */
	const struct cli_option *options; /* ends with a zero key */
	const struct cli_section *sections;
	const char *statuses; /* lines: blanks, one or more exit statuses, two blanks, when */
	bool operands_last;   /* what follows the first operand is no option */
	const struct cli_precedence *precedences; /* ends with NULLs; or NULL */
};

/* What the common options say. */
struct cli_settings {
	const struct cli_tool *tool;
	struct channel_options channel;
	struct delimiter delimiter;
	bool size_given;
	bool trust_owner;
	bool delimiter_given;
	bool framing_given;
	bool netstrings; /* --framing netstring */
	bool dashes;	 /* the operands follow "--" */
	bool json;
	const char *trace; /* a file; NULL: none */
	bool quiet;
	bool verbose;
	struct cli_config *config; /* NULL: nothing was looked at yet */
	const char *file;	   /* that the option in hand is from; NULL: none */
	unsigned line;
};

enum { CLI_OPTIONS_MAX = 128 };

/* May its argument be missing? It stands behind a "=" if it is not. */
bool cli_argument_optional(const struct cli_option *option);

/* A row of the tool's table; NULL: there is none. By its whole name. */
const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name);

/*
 * Reads one option after the other, first those of configuration files: stores what is common
 * in *settings, returns the others with their *argument, -1 at the end. A usage error prints
 * one line and exits 2; --help, --version and --show-config print and exit. Operands start at
 * optind.
 */
int cli_next_option(struct cli_settings *settings, int argc, char **argv, const char **argument);

/* Ends a tool that has printed what it was asked for, if that could be written. */
void cli_exit_flushed(const struct cli_settings *settings);
/* --help (help.c). */
void cli_help_print(const struct cli_tool *tool);

/* Defaults; ignores SIGPIPE and SIGXFSZ, so that write() reports them. */
void cli_begin(struct cli_settings *settings, const struct cli_tool *tool);

/* Numbers; a bad one is a usage error that names the option. */
uint64_t cli_seconds(const struct cli_settings *settings, const char *option, const char *text);
uint64_t cli_count(const struct cli_settings *settings, const char *option, const char *text);

/* The common ones; a bad one is a usage error. The delimiter's escapes are taken apart. */
uint64_t cli_parse_size(const struct cli_settings *settings, const char *text);
mode_t cli_parse_mode(const struct cli_settings *settings, const char *text);
uid_t cli_parse_owner(const struct cli_settings *settings, const char *text);
uint64_t cli_parse_spin(const struct cli_settings *settings, const char *text);
void cli_parse_delimiter(struct cli_settings *settings, const char *text);
void cli_parse_framing(struct cli_settings *settings, const char *text);

/* Reads an escape after its backslash; moves *text behind it. -1: there is no such escape. */
int cli_parse_escape(const char **text);

/* A whole number from `least` to `most`. */
uint64_t cli_number(const struct cli_settings *settings, const char *option, const char *text,
		    uint64_t least, uint64_t most);

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

/* One line on standard error, just as it is: what was asked for, so also with --quiet. */
void cli_report(const char *line);

/* A line of the story that --verbose tells, without the tool's name. */
__attribute__((format(printf, 2, 3))) void cli_story(const struct cli_settings *settings,
						     const char *format, ...);

/*
 * One line on standard error that is drawn over and over again, shorter than the terminal is wide.
 * Whatever else is printed erases it first; so does cli_line_erase(), while cli_line_keep() leaves
 * it, complete. From any thread.
 */
void cli_line_draw(const char *text);
void cli_line_erase(void);
void cli_line_keep(void);
bool cli_line_drawn(void); /* async-signal-safe */

/*
 * Can a line be written on standard error without waiting for who reads it? Whoever holds
 * something that others want, a turn or a lock, looks at this first.
 */
bool cli_can_write(void);

/* Prints one line and a pointer to --help, or the line of the file that is at fault; exits 2. */
__attribute__((format(printf, 2, 3), noreturn)) void
cli_usage_error(const struct cli_settings *settings, const char *format, ...);

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

/* ---- the trace (trace_file.c) ---- */

/*
 * Opens the file of --trace, if it was given, and makes the channels that are attached from now on
 * write to it. Exits 1 if it cannot be opened. A file that cannot be written any more is reported
 * once, and everything but the trace goes on.
 */
void cli_trace_open(struct cli_settings *settings);

/* ---- signals (signals.c) ---- */

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

/*
 * The options that both tools have, and reading all options, one after the other.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"
#include "cli/config_files.h"
#include "cli/option_table.h"

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

/*
 * Reads one option after the other, first those of configuration files: stores what is common
 * in *settings, returns the others with their *argument, -1 at the end. A usage error prints
 * one line and exits 2; --help, --version and --show-config print and exit. Operands start at
 * optind.
 */
int cli_next_option(struct cli_settings *settings, int argc, char **argv, const char **argument);

/* Defaults; ignores SIGPIPE and SIGXFSZ, so that write() reports them. */
void cli_begin(struct cli_settings *settings, const struct cli_tool *tool);

#endif

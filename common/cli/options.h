/*
 * The options that both tools have, and the reading of all options, one after the other.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"
#include "cli/config_files.h"
#include "cli/option_table.h"
#include "cli/take.h"

/*
 * Rows that the tables of both tools begin with. The settings of a tool begin with a struct
 * cli_settings, where the values of these rows go.
 */
/* clang-format off */
#define CLI_INTO(member) .into = offsetof(struct cli_settings, member)
#define CLI_COMMON_OPTIONS                                                  \
	{ 'C', "channel", "CHANNEL",                                        \
	  "the channel [$SHM_CHANNEL, else \"default\"]",                   \
	  .standard = "default",                                            \
	  .take = cli_take_channel, CLI_INTO(channel.name) },               \
	{ 's', "size", "SIZE",                                              \
	  "ring size if this creates the channel: bytes, or\n"              \
	  "with K, M, G; rounded up to a power of two [1M]",                \
	  .standard = "1M", .modes = MODES_CREATE,                          \
	  .take = cli_take_size },                                          \
	{ 'm', "mode", "MODE",                                              \
	  "permission bits if this creates the channel,\n"                  \
	  "octal, exact whatever the umask; read-only for\n"                \
	  "some: 0644,readers [0600]",                                      \
	  .standard = "0600", .modes = MODES_CREATE,                        \
	  .take = cli_take_mode, CLI_INTO(channel) },                       \
	{ 0, "owner", "USER",                                               \
	  "use the channel that belongs to USER, and so trust\n"            \
	  "USER with this process",                                         \
	  .take = cli_take_owner, CLI_INTO(channel.owner) },                \
	{ 0, "trust-owner", NULL,                                           \
	  "let root use a channel of another user: without it\n"            \
	  "root uses only channels of its own",                             \
	  .take = cli_take_flag, CLI_INTO(trust_owner), .once = true },     \
	{ 0, "new", NULL,                                                   \
	  "fail if the channel already holds messages or has\n"             \
	  "another endpoint of this kind",                                  \
	  .modes = MODES_PRODUCE | MODES_TAKE,                              \
	  .take = cli_take_flag, CLI_INTO(channel.fresh) },                 \
	{ 'w', "timeout", "SEC",                                            \
	  "give up when any single wait for the other side\n"               \
	  "lasts this long (fractions allowed): exit 124",                  \
	  .modes = MODES_WAIT, .overrules = MATTER_NONBLOCK,                \
	  .take = cli_take_seconds, CLI_INTO(channel.timeout_ns) },         \
	{ 'n', "nonblock", NULL,                                            \
	  "never wait: exit 3 when full, or when empty",                    \
	  .modes = MODES_WAIT, .matters = MATTER_NONBLOCK,                  \
	  .overrules = MATTER_FOLLOW | MATTER_ACKNOWLEDGED,                 \
	  .take = cli_take_flag, CLI_INTO(channel.nonblock) },              \
	{ 0, "spin", "SEC|auto|off",                                        \
	  "how long to wait awake before sleeping; auto: as\n"              \
	  "long as that has lately paid [auto]",                            \
	  .standard = "auto", .modes = MODES_CREATE, .neutral = "auto",     \
	  .take = cli_take_spin, CLI_INTO(channel.spin_ns) },               \
	{ 'D', "delimiter", "STR",                                          \
	  "what ends a message on standard input or output:\n"              \
	  "1 to 255 bytes; escapes \\n \\t \\r \\0 \\xNN \\\\; '':\n"       \
	  "the whole input is one message, and nothing is\n"                \
	  "written between messages [\\n]",                                 \
	  .standard = "\\n", .modes = MODES_DELIMITER,                      \
	  .matters = MATTER_FORM, .overrules = MATTER_FORM,                 \
	  .take = cli_take_delimiter },                                     \
	{ '0', "null", NULL, "the same as -D '\\0'",                        \
	  .modes = MODES_DELIMITER,                                         \
	  .matters = MATTER_FORM, .overrules = MATTER_FORM,                 \
	  .take = cli_take_null },                                          \
	{ 0, "framing", "lines|null|netstring",                             \
	  "how messages lie in standard input or output:\n"                 \
	  "lines or null, as with -D '\\n' or -0, or netstring,\n"          \
	  "SIZE:BYTES, each, so that they may hold any bytes",              \
	  .modes = MODES_PRODUCE | MODES_MOVE,                              \
	  .matters = MATTER_FORM, .overrules = MATTER_FORM,                 \
	  .take = cli_take_framing }

/* Rows that the tables of both tools end with. */
#define CLI_GENERAL_OPTIONS                                                 \
	{ 0, "json", NULL,                                                  \
	  "what is told about the channel is JSON, not text",               \
	  .modes = MODE_SEND | MODES_MOVE | MODE_LIST | MODE_STATUS,        \
	  .take = cli_take_flag, CLI_INTO(json) },                          \
	{ 0, "trace", "FILE",                                               \
	  "append what happens, with times, to FILE: a picture\n"           \
	  "for Perfetto; several processes can share it",                   \
	  .modes = MODES_CREATE, .take = cli_take_trace },                  \
	{ 'q', "quiet", NULL, "no notes; errors are still printed",         \
	  .take = cli_take_flag, CLI_INTO(quiet) },                         \
	{ 'v', "verbose", NULL, "tell what happens on standard error",      \
	  .take = cli_take_flag, CLI_INTO(verbose) },                       \
	CONFIG_OPTIONS,                                                     \
	{ 'h', "help", NULL, "print this help",                             \
	  .take = cli_take_help, .once = true },                            \
	{ 'V', "version", NULL, "print the version",                        \
	  .take = cli_take_version, .once = true }

/* Headings for the rows of both. */
#define CLI_COMMON_SECTIONS                                                 \
	{ "channel", "Channel" }, { "timeout", "Waiting" },                 \
	{ "delimiter", "Standard input and output" },                       \
	{ "progress", "Progress" }, { "json", "General" }
/* clang-format on */

/*
 * Reads all options, those of configuration files first, and has each row take its value. A usage
 * error prints one line and exits 2; --help, --version and --show-config print and exit. Afterwards
 * settings->mode is the mode of the run, and the operands start at optind.
 */
void cli_read_options(struct cli_settings *settings, int argc, char **argv);

/*
 * To be called after cli_read_options(): a usage error if two options choose different modes, or if
 * one on the command line makes no sense in the mode.
 */
void cli_check_modes(const struct cli_settings *settings);

/*
 * Fills in the settings' defaults. Exits 1 if the process has the rights of its file (set-user-ID).
 */
void cli_begin(struct cli_settings *settings, const struct cli_tool *tool);

#endif

/*
 * What is typed after an option, or written in a file: a bad one is a usage error.
 */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"

/* What the name of a channel or of a group may be; takes CHANNEL_NAME_MAX or CHANNEL_GROUP_MAX. */
#define CLI_NAME_RULE "1 to %d letters, digits, '.', '_' or '-'"

/* Numbers; a bad one is a usage error that names the option. */
uint64_t cli_seconds(const struct cli_settings *settings, const char *option, const char *text);

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

#endif

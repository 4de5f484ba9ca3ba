/*
 * Parsing of what is typed after an option or written in a file. Anything bad is a usage error.
 */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"

/* What the name of a channel or of a group may be; takes CHANNEL_NAME_MAX or CHANNEL_GROUP_MAX. */
#define CLI_NAME_RULE "1 to %d letters, digits, '.', '_' or '-'"

/* Parses seconds, like "5" or "0.2", into nanoseconds. `option` is the name that an error tells. */
uint64_t cli_seconds(const struct cli_settings *settings, const char *option, const char *text);

/*
 * Parse the argument of the option of that name. cli_parse_delimiter() and cli_parse_framing()
 * store the delimiter, without its escapes, in *settings.
 */
uint64_t cli_parse_size(const struct cli_settings *settings, const char *text);
mode_t cli_parse_mode(const struct cli_settings *settings, const char *text);
uid_t cli_parse_owner(const struct cli_settings *settings, const char *text);
uint64_t cli_parse_spin(const struct cli_settings *settings, const char *text);
void cli_parse_delimiter(struct cli_settings *settings, const char *text);
void cli_parse_framing(struct cli_settings *settings, const char *text);

/*
 * Reads an escape; *text points after its backslash and is moved after the escape. Returns the
 * byte, or -1: there is no such escape.
 */
int cli_parse_escape(const char **text);

/* Parses a whole number from `least` to `most`. */
uint64_t cli_number(const struct cli_settings *settings, const char *option, const char *text,
		    uint64_t least, uint64_t most);

#endif

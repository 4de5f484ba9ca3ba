/* Parsing of what is typed after an option or written in a file. */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "channel/owner.h"
#include "cli/message.h"
#include "cli/values.h"

uint64_t cli_parse_size(const struct cli_settings *settings, const char *text)
{
	const char *units = "KMG", *unit;
	unsigned long long size;
	char *end;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno != 0)
		cli_usage_error(settings, "bad size \"%s\": a number, optionally with K, M or G",
				text);
	if (*end != '\0' && (unit = strchr(units, toupper((unsigned char)*end))) != NULL) {
		int shift = 10 * (int)(unit - units + 1);

		size = size > (UINT64_MAX >> shift) ? UINT64_MAX : size << shift;
		end++;
	}
	if (*end != '\0' || size == 0)
		cli_usage_error(settings, "bad size \"%s\": a number, optionally with K, M or G",
				text);
	if (size > CHANNEL_SIZE_MAX)
		cli_usage_error(settings, "bad size \"%s\": at most 4G", text);
	return size;
}

uint64_t cli_seconds(const struct cli_settings *settings, const char *option, const char *text)
{
	double seconds;
	char *end;

	if (text[0] == '\0' || strspn(text, "0123456789.") != strlen(text))
		cli_usage_error(settings, "bad %s \"%s\": seconds, like 5 or 0.2", option, text);
	seconds = strtod(text, &end);
	if (end == text || *end != '\0')
		cli_usage_error(settings, "bad %s \"%s\": seconds, like 5 or 0.2", option, text);
	if (seconds > 1e9) /* thirty years: as good as no limit */
		seconds = 1e9;
	return seconds * 1e9 < 1 ? 1 : (uint64_t)(seconds * 1e9);
}

/* Returns how long to wait awake, as in channel_options.spin_ns. */
uint64_t cli_parse_spin(const struct cli_settings *settings, const char *text)
{
	if (strcmp(text, "auto") == 0)
		return 0;
	if (strcmp(text, "off") == 0)
		return CHANNEL_SPIN_OFF;
	if (strspn(text, "0123456789.") != strlen(text))
		cli_usage_error(settings, "bad spin \"%s\": seconds, \"auto\" or \"off\"", text);
	return cli_seconds(settings, "spin", text);
}

uint64_t cli_number(const struct cli_settings *settings, const char *option, const char *text,
		    uint64_t least, uint64_t most)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || number < least)
		cli_usage_error(settings, "bad %s \"%s\": a whole number from %llu", option, text,
				(unsigned long long)least);
	if (number > most)
		cli_usage_error(settings, "bad %s \"%s\": at most %llu", option, text,
				(unsigned long long)most);
	return number;
}

/*
 * Whoever may read an object can lock it, and everybody who attaches or detaches waits for that
 * lock.
 */
mode_t cli_parse_mode(const struct cli_settings *settings, const char *text)
{
	static const char readers[] = ",readers";
	unsigned long mode;
	bool is_wanted;
	char *end;

	mode = strtoul(text, &end, 8);
	is_wanted = strcmp(end, readers) == 0;
	if (end - text > 4 || end == text || (*end != '\0' && !is_wanted) ||
	    !isdigit((unsigned char)*text) || !channel_mode_valid(mode))
		cli_usage_error(settings, "bad mode \"%s\": octal, 0600 and more of 0666", text);
	if ((mode >> 1 & ~mode & 0022) != 0 && !is_wanted)
		cli_usage_error(settings,
				"mode %s lets some users only read; these can block all others by "
				"holding the channel's lock; to allow that: %s%s",
				text, text, readers);
	return (mode_t)mode;
}

uid_t cli_parse_owner(const struct cli_settings *settings, const char *text)
{
	const struct passwd *user = getpwnam(text);
	unsigned long long uid;
	char *end;

	if (user != NULL)
		return user->pw_uid;
	uid = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || uid != (uid_t)uid)
		cli_usage_error(settings, "no such user: \"%s\"", text);
	return owner_here((uid_t)uid);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

int cli_parse_escape(const char **text)
{
	char c = *(*text)++;
	int high, low;

	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case '0':
		return '\0';
	case '\\':
		return '\\';
	case 'x':
		high = hex_digit((*text)[0]);
		low = high < 0 ? -1 : hex_digit((*text)[1]);
		*text += 2;
		return low < 0 ? -1 : high * 16 + low;
	default:
		return -1;
	}
}

void cli_parse_delimiter(struct cli_settings *settings, const char *text)
{
	struct delimiter *delimiter = &settings->delimiter;
	const char *at = text;

	delimiter->size = 0;
	while (*at != '\0') {
		int byte = (unsigned char)*at++;

		if (byte == '\\')
			byte = cli_parse_escape(&at);
		if (byte < 0)
			cli_usage_error(
				settings,
				"bad delimiter \"%s\": escapes are \\n \\t \\r \\0 \\xNN \\\\",
				text);
		if (delimiter->size == DELIMITER_MAX)
			cli_usage_error(settings, "bad delimiter: longer than %d bytes",
					DELIMITER_MAX);
		delimiter->bytes[delimiter->size++] = (unsigned char)byte;
	}
}

void cli_parse_framing(struct cli_settings *settings, const char *text)
{
	settings->netstrings = strcmp(text, "netstring") == 0;
	if (strcmp(text, "lines") == 0)
		cli_parse_delimiter(settings, "\\n");
	else if (strcmp(text, "null") == 0)
		cli_parse_delimiter(settings, "\\0");
	else if (!settings->netstrings)
		cli_usage_error(settings, "bad framing \"%s\": lines, null or netstring", text);
}

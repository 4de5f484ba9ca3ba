#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTIONS_MAX = 64, HELP_COLUMN = 28 };

/* ---- messages ---- */

/* What a user typed may be quoted in it, so control bytes are escaped: it stays one line. */
static void print_line(const char *name, const char *format, va_list arguments)
{
	char text[1024], line[2048];
	char *to = line;

	vsnprintf(text, sizeof(text), format, arguments);
	if (name != NULL)
		to += sprintf(to, "%.60s: ", name);
	for (const char *from = text; *from != '\0' && to < line + sizeof(line) - 8; from++) {
		unsigned char byte = (unsigned char)*from;

		if (byte < 0x20 || byte == 0x7f)
			to += sprintf(to, "\\x%02x", byte);
		else
			*to++ = *from;
	}
	*to = '\0';
	fprintf(stderr, "%s\n", line); /* stderr may be shared: one write for one line */
}

void cli_error(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(settings->tool->name, format, arguments);
	va_end(arguments);
}

void cli_note(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	if (settings->quiet)
		return;
	va_start(arguments, format);
	print_line(settings->tool->name, format, arguments);
	va_end(arguments);
}

void cli_story(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	if (!settings->verbose)
		return;
	va_start(arguments, format);
	print_line(NULL, format, arguments);
	va_end(arguments);
}

static const char *were(uint64_t messages)
{
	return messages == 1 ? " was" : "s were";
}

void cli_tell_missed(const struct cli_settings *settings, uint64_t missed, uint64_t sequence)
{
	if (missed > 0 && sequence > 0)
		cli_story(settings, "consumer: %llu message%s dropped before message %llu",
			  (unsigned long long)missed, were(missed), (unsigned long long)sequence);
	else if (missed > 0)
		cli_story(settings, "consumer: %llu message%s dropped before the end",
			  (unsigned long long)missed, were(missed));
}

void cli_note_missed(const struct cli_settings *settings, uint64_t missed)
{
	if (missed > 0)
		cli_note(settings, "channel \"%s\": %llu message%s dropped (ring full)",
			 settings->channel.name, (unsigned long long)missed, were(missed));
}

void cli_usage_error(const struct cli_settings *settings, const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	cli_error(settings, "%s (try '%s --help')", message, settings->tool->name);
	exit(CLI_USAGE);
}

const char *cli_excerpt(const unsigned char *bytes, size_t size, char buffer[CLI_EXCERPT_MAX])
{
	size_t shown = size < 64 ? size : 64;
	char *to = buffer;

	for (size_t i = 0; i < shown; i++) {
		unsigned char byte = bytes[i];

		if (byte == '\n')
			to += sprintf(to, "\\n");
		else if (byte == '\t')
			to += sprintf(to, "\\t");
		else if (byte == '\\')
			to += sprintf(to, "\\\\");
		else if (byte < 0x20 || byte >= 0x7f)
			to += sprintf(to, "\\x%02x", byte);
		else
			*to++ = (char)byte;
	}
	strcpy(to, size > shown ? "..." : "");
	return buffer;
}

enum cli_exit cli_status(int error)
{
	switch (error) {
	case 0:
		return CLI_DONE;
	case -EAGAIN:
		return CLI_WOULD_BLOCK;
	case -ETIMEDOUT:
		return CLI_TIMED_OUT;
	case -CHANNEL_EABORTED:
	case -CHANNEL_EBEHIND:
		return CLI_INCOMPLETE;
	default:
		return CLI_FAILED;
	}
}

enum cli_exit cli_channel_error(const struct cli_settings *settings, const struct channel *channel,
				const char *what, int error)
{
	char cause[256];

	if (error != -EINTR)
		cli_error(settings, "cannot %s channel \"%s\": %s%s", what, settings->channel.name,
			  error == -ETIMEDOUT ? "timed out: " : "",
			  channel_explain(channel, error, cause, sizeof(cause)));
	return cli_status(error);
}

void cli_check_size(const struct cli_settings *settings, const struct channel *channel)
{
	uint64_t wanted = channel_size_rounded(settings->channel.size);

	if (settings->size_given && channel_capacity(channel) != wanted)
		cli_note(settings,
			 "channel \"%s\" exists with a ring of %llu bytes, not %llu: --size is "
			 "ignored",
			 settings->channel.name, (unsigned long long)channel_capacity(channel),
			 (unsigned long long)wanted);
}

/* ---- numbers ---- */

static uint64_t parse_size(const struct cli_settings *settings, const char *text)
{
	const char *units = "KMG", *unit;
	unsigned long long size;
	char *end;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || errno != 0)
		cli_usage_error(settings, "bad size \"%s\": a number, with K, M or G if you like",
				text);
	if (*end != '\0' && (unit = strchr(units, toupper((unsigned char)*end))) != NULL) {
		int shift = 10 * (int)(unit - units + 1);

		size = size > (UINT64_MAX >> shift) ? UINT64_MAX : size << shift;
		end++;
	}
	if (*end != '\0' || size == 0)
		cli_usage_error(settings, "bad size \"%s\": a number, with K, M or G if you like",
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
	if (seconds > 1e9) /* thirty years: as good as for ever */
		seconds = 1e9;
	return seconds * 1e9 < 1 ? 1 : (uint64_t)(seconds * 1e9);
}

/* How long to wait awake, as channel_options has it. */
static uint64_t parse_spin(const struct cli_settings *settings, const char *text)
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

uint64_t cli_count(const struct cli_settings *settings, const char *option, const char *text)
{
	return cli_number(settings, option, text, 1, UINT64_MAX);
}

static mode_t parse_mode(const struct cli_settings *settings, const char *text)
{
	unsigned long mode;
	char *end;

	mode = strtoul(text, &end, 8);
	if (strlen(text) > 4 || end == text || *end != '\0' || !isdigit((unsigned char)*text) ||
	    !channel_mode_valid(mode))
		cli_usage_error(settings, "bad mode \"%s\": octal, 0600 and more of 0666", text);
	return (mode_t)mode;
}

static uid_t parse_owner(const struct cli_settings *settings, const char *text)
{
	const struct passwd *user = getpwnam(text);
	unsigned long long uid;
	char *end;

	if (user != NULL)
		return user->pw_uid;
	uid = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || uid != (uid_t)uid)
		cli_usage_error(settings, "no such user: \"%s\"", text);
	return (uid_t)uid;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return found != NULL ? (int)(found - digits) : -1;
}

/* Reads an escape after its backslash; moves *text behind it. -1: there is no such escape. */
static int parse_escape(const char **text)
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

static void parse_delimiter(struct cli_settings *settings, const char *text)
{
	struct delimiter *delimiter = &settings->delimiter;
	const char *at = text;

	delimiter->size = 0;
	while (*at != '\0') {
		int byte = (unsigned char)*at++;

		if (byte == '\\')
			byte = parse_escape(&at);
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

/* ---- options ---- */

static void help_print(const struct cli_tool *tool)
{
	printf("Usage: %s\n%s\n\n", tool->usage, tool->about);
	for (const struct cli_option *option = tool->options; option->key != 0; option++) {
		char left[80] = "    ";
		int used = 2;

		if (option->key < 256)
			used = snprintf(left, sizeof(left), "  -%c, ", option->key);
		else
			used = snprintf(left, sizeof(left), "      ");
		snprintf(left + used, sizeof(left) - (size_t)used, "--%s%s%s", option->name,
			 option->argument != NULL ? " " : "",
			 option->argument != NULL ? option->argument : "");
		printf("%-*s", HELP_COLUMN, left);
		for (const char *c = option->help; *c != '\0'; c++) {
			putchar(*c);
			if (*c == '\n')
				printf("%*s", HELP_COLUMN, "");
		}
		putchar('\n');
	}
	printf("\nExit status: 0 done; 1 failed; 2 usage; 3 would block, or fewer messages than\n"
	       "asked for; 4 a producer died or failed, the stream may be incomplete; 124 timed\n"
	       "out%s. See %s(1).\n",
	       tool->statuses != NULL ? tool->statuses : "", tool->name);
}

/* --help and --version go to a pipe or a full disk like anything else. */
static void exit_flushed(const struct cli_settings *settings)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error(settings, "cannot write standard output: %s", strerror(errno));
		exit(CLI_FAILED);
	}
	exit(CLI_DONE);
}

/* The table in the form that getopt_long wants. */
static int next_long_option(const struct cli_tool *tool, int argc, char **argv)
{
	static struct option longs[OPTIONS_MAX + 1];
	static char shorts[2 * OPTIONS_MAX + 3];

	if (longs[0].name == NULL) {
		char *letter = shorts;
		int count = 0;

		if (tool->operands_last)
			*letter++ = '+';
		*letter++ = ':';
		for (const struct cli_option *option = tool->options; option->key != 0; option++) {
			if (count == OPTIONS_MAX)
				abort();
			longs[count++] = (struct option){ .name = option->name,
							  .has_arg = option->argument != NULL
									     ? required_argument
									     : no_argument,
							  .val = option->key };
			if (option->key < 256) {
				*letter++ = (char)option->key;
				if (option->argument != NULL)
					*letter++ = ':';
			}
		}
	}
	return getopt_long(argc, argv, shorts, longs, NULL);
}

static void option_refuse(const struct cli_settings *settings, int key, int argc, char **argv)
{
	const char *word = argv[optind <= argc ? optind - 1 : argc - 1];

	if (key == ':') /* it can only be the last word; C libraries differ in where optind is */
		cli_usage_error(settings, "option \"%s\" needs an argument", argv[argc - 1]);
	if (optopt > 0 && optopt < 256)
		cli_usage_error(settings, "unknown option \"-%c\"", optopt);
	/* Also one with an argument that takes none, and an ambiguous abbreviation. */
	cli_usage_error(settings, "unknown or wrongly used option \"%s\"", word);
}

int cli_next_option(struct cli_settings *settings, int argc, char **argv, const char **argument)
{
	static const char *last_argument; /* which may be a "--", too */

	for (;;) {
		int key;

		opterr = 0;
		key = next_long_option(settings->tool, argc, argv);
		*argument = optarg;
		if (key == -1)
			settings->dashes = optind > 1 && argv[optind - 1] != last_argument &&
					   strcmp(argv[optind - 1], "--") == 0;
		last_argument = optarg;
		switch (key) {
		case 'C':
			if (!channel_name_valid(optarg))
				cli_usage_error(settings,
						"bad channel name \"%s\": 1 to %d letters, digits, "
						"'.', '_' or '-'",
						optarg, CHANNEL_NAME_MAX);
			settings->channel.name = optarg;
			break;
		case 's':
			settings->channel.size = parse_size(settings, optarg);
			settings->size_given = true;
			break;
		case 'm':
			settings->channel.mode = parse_mode(settings, optarg);
			settings->channel.mode_given = true;
			break;
		case CLI_KEY_OWNER:
			settings->channel.owner = parse_owner(settings, optarg);
			break;
		case CLI_KEY_NEW:
			settings->channel.fresh = true;
			break;
		case 'w':
			settings->channel.timeout_ns = cli_seconds(settings, "timeout", optarg);
			break;
		case CLI_KEY_SPIN:
			settings->channel.spin_ns = parse_spin(settings, optarg);
			break;
		case 'n':
			settings->channel.nonblock = true;
			break;
		case 'D':
			parse_delimiter(settings, optarg);
			break;
		case '0':
			parse_delimiter(settings, "\\0");
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'v':
			settings->verbose = true;
			break;
		case 'h':
			help_print(settings->tool);
			exit_flushed(settings);
			break;
		case 'V':
			printf("%s %s\n", settings->tool->name, CLI_VERSION);
			exit_flushed(settings);
			break;
		case ':':
		case '?':
			option_refuse(settings, key, argc, argv);
			break;
		default:
			if (key == -1 && !channel_name_valid(settings->channel.name))
				cli_usage_error(settings,
						"bad channel name \"%s\" in $SHM_CHANNEL: 1 to %d "
						"letters, digits, '.', '_' or '-'",
						settings->channel.name, CHANNEL_NAME_MAX);
			return key;
		}
	}
}

void cli_begin(struct cli_settings *settings, const struct cli_tool *tool)
{
	const char *name = getenv("SHM_CHANNEL");

	memset(settings, 0, sizeof(*settings));
	settings->tool = tool;
	settings->channel.name = name != NULL && *name != '\0' ? name : "default";
	settings->channel.owner = geteuid();
	settings->channel.size = CHANNEL_SIZE_DEFAULT;
	settings->channel.timeout_ns = 0; /* for ever */
	parse_delimiter(settings, "\\n");
}

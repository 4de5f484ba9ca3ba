/* The option table: reading the command line with it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { OPTIONS_MAX = 128 };

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
			settings->channel.size = cli_parse_size(settings, optarg);
			settings->size_given = true;
			break;
		case 'm':
			settings->channel.mode = cli_parse_mode(settings, optarg);
			settings->channel.mode_given = true;
			break;
		case CLI_KEY_OWNER:
			settings->channel.owner = cli_parse_owner(settings, optarg);
			break;
		case CLI_KEY_NEW:
			settings->channel.fresh = true;
			break;
		case 'w':
			settings->channel.timeout_ns = cli_seconds(settings, "timeout", optarg);
			break;
		case CLI_KEY_SPIN:
			settings->channel.spin_ns = cli_parse_spin(settings, optarg);
			break;
		case 'n':
			settings->channel.nonblock = true;
			break;
		case 'D':
			cli_parse_delimiter(settings, optarg);
			break;
		case '0':
			cli_parse_delimiter(settings, "\\0");
			break;
		case CLI_KEY_JSON:
			settings->json = true;
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'v':
			settings->verbose = true;
			break;
		case 'h':
			cli_help_print(settings->tool);
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
	cli_parse_delimiter(settings, "\\n");
}

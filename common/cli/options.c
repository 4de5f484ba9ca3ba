/* The option table: reading the command line with it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/config_files.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/nearest.h"
#include "cli/option_table.h"
#include "cli/options.h"
#include "cli/other_tool.h"
#include "cli/show_config.h"
#include "cli/values.h"

enum { OPTIONS_MAX = CLI_OPTIONS_MAX };

static int argument_kind(const struct cli_option *option)
{
	if (option->argument == NULL)
		return no_argument;
	return cli_argument_optional(option) ? optional_argument : required_argument;
}

/* A number after an option that may have one: getopt takes it behind "=" only. Returns `key`. */
static int number_behind(const struct cli_tool *tool, int key, int argc, char **argv)
{
	const struct cli_option *option = cli_option_of_key(tool, key);

	if (option != NULL && cli_argument_optional(option) && option->argument[1] != '=' &&
	    optarg == NULL && optind < argc && argv[optind][0] != '\0' &&
	    strspn(argv[optind], "0123456789.") == strlen(argv[optind]))
		optarg = argv[optind++];
	return key;
}

/* The table in the form that getopt_long wants. */
static int next_long_option(const struct cli_tool *tool, int argc, char **argv)
{
	static struct option longs[OPTIONS_MAX + 1];
	static char shorts[3 * OPTIONS_MAX + 3];

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
							  .has_arg = argument_kind(option),
							  .val = option->key };
			if (option->key < 256) {
				*letter++ = (char)option->key;
				if (option->argument != NULL)
					*letter++ = ':';
				if (cli_argument_optional(option))
					*letter++ = ':';
			}
		}
	}
	return number_behind(tool, getopt_long(argc, argv, shorts, longs, NULL), argc, argv);
}

/* ---- what was mistyped ---- */

/* Names all options that begin like this one; false: there are none. */
static bool candidates_list(const struct cli_tool *tool, const char *name, char *list, size_t size)
{
	size_t used = 0;

	for (const struct cli_option *option = tool->options; option->key != 0; option++)
		if (strncmp(option->name, name, strlen(name)) == 0 && used < size)
			used += (size_t)snprintf(list + used, size - used, "%s--%s",
						 used > 0 ? ", " : "", option->name);
	return used > 0;
}

/* A word "--name" or "--name=argument" that getopt_long did not take. */
__attribute__((noreturn)) static void long_option_refuse(const struct cli_settings *settings,
							 const char *word)
{
	const struct cli_tool *tool = settings->tool;
	const struct other_option *other;
	struct nearest nearest;
	char name[128], list[256];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	if (*name != '\0' && candidates_list(tool, name, list, sizeof(list)))
		cli_usage_error(settings, "option \"--%s\" is ambiguous: %s", name, list);
	other = other_tool_option(name);
	if (other != NULL)
		cli_usage_error(settings, "unknown option \"--%s\": it belongs to %s", name,
				other->tool);
	nearest_begin(&nearest, name);
	for (const struct cli_option *option = tool->options; option->key != 0; option++)
		nearest_try(&nearest, option->name);
	if (nearest.best != NULL)
		cli_usage_error(settings, "unknown option \"--%s\"; did you mean \"--%s\"?", name,
				nearest.best);
	cli_usage_error(settings, "unknown option \"--%s\"", name);
}

static void option_refuse(const struct cli_settings *settings, int key, int argc, char **argv)
{
	const char *word = argv[optind <= argc ? optind - 1 : argc - 1];
	const struct cli_option *option = cli_option_of_key(settings->tool, optopt);

	if (key == ':') /* it can only be the last word; C libraries differ in where optind is */
		cli_usage_error(settings, "option \"%s\" needs an argument", argv[argc - 1]);
	if (optopt > 0 && option != NULL)
		cli_usage_error(settings, "option \"--%s\" takes no argument: \"%s\"", option->name,
				word);
	if (optopt > 0 && optopt < 256)
		cli_usage_error(settings, "unknown option \"-%c\"", optopt);
	long_option_refuse(settings, word);
}

/* ---- one after the other ---- */

/*
 * Files come before the command line; but which ones, and what of them makes sense beside it,
 * the command line says. So it is looked through once, in a copy, as getopt sorts it. If there
 * is nothing to be done, or no way to do it, the files do not matter.
 */
static void options_begin(struct cli_settings *settings, int argc, char **argv)
{
	char **copy = malloc(((size_t)argc + 1) * sizeof(*copy));
	bool files = true;
	int key;

	if (copy == NULL) {
		cli_error(settings, "out of memory");
		exit(CLI_FAILED);
	}
	cli_config_begin(settings);
	memcpy(copy, argv, ((size_t)argc + 1) * sizeof(*copy));
	opterr = 0;
	while (files && (key = next_long_option(settings->tool, argc, copy)) != -1) {
		files = key != 'h' && key != 'V' && key != '?' && key != ':';
		if (files)
			cli_config_expect(settings, cli_option_of_key(settings->tool, key), optarg);
	}
	free(copy);
	optind = 0; /* begin again: both C libraries understand this */
	if (files)
		cli_config_load(settings);
}

/* The next one of a file or of the command line. */
static int option_next(struct cli_settings *settings, int argc, char **argv, const char **argument)
{
	static const char *last_argument; /* which may be a "--", too */
	int key;

	if (settings->config == NULL)
		options_begin(settings, argc, argv);
	key = cli_config_next(settings, argument);
	if (key == 0) {
		key = next_long_option(settings->tool, argc, argv);
		*argument = optarg;
		if (key == -1)
			settings->dashes = optind > 1 && argv[optind - 1] != last_argument &&
					   strcmp(argv[optind - 1], "--") == 0;
		last_argument = optarg;
	}
	if (key != -1 && key != '?' && key != ':')
		cli_config_took(settings, cli_option_of_key(settings->tool, key), *argument);
	return key;
}

int cli_next_option(struct cli_settings *settings, int argc, char **argv, const char **argument)
{
	for (;;) {
		int key = option_next(settings, argc, argv, argument);

		switch (key) {
		case 'C':
			if (!channel_name_valid(*argument))
				cli_usage_error(settings,
						"bad channel name \"%s\": 1 to %d letters, digits, "
						"'.', '_' or '-'",
						*argument, CHANNEL_NAME_MAX);
			settings->channel.name = *argument;
			break;
		case 's':
			settings->channel.size = cli_parse_size(settings, *argument);
			settings->size_given = true;
			break;
		case 'm':
			settings->channel.mode = cli_parse_mode(settings, *argument);
			settings->channel.mode_given = true;
			break;
		case CLI_KEY_OWNER:
			settings->channel.owner = cli_parse_owner(settings, *argument);
			break;
		case CLI_KEY_TRUST_OWNER:
			settings->trust_owner = true;
			break;
		case CLI_KEY_NEW:
			settings->channel.fresh = true;
			break;
		case 'w':
			settings->channel.timeout_ns = cli_seconds(settings, "timeout", *argument);
			break;
		case CLI_KEY_SPIN:
			settings->channel.spin_ns = cli_parse_spin(settings, *argument);
			break;
		case 'n':
			settings->channel.nonblock = true;
			break;
		case 'D':
			cli_parse_delimiter(settings, *argument);
			settings->delimiter_given = true;
			break;
		case '0':
			cli_parse_delimiter(settings, "\\0");
			settings->delimiter_given = true;
			break;
		case CLI_KEY_FRAMING:
			cli_parse_framing(settings, *argument);
			settings->framing_given = true;
			break;
		case CLI_KEY_JSON:
			settings->json = true;
			break;
		case CLI_KEY_TRACE:
			if (strcmp(*argument, "-") == 0 || **argument == '\0')
				cli_usage_error(settings,
						"bad trace \"%s\": it goes to a file of its own",
						*argument);
			settings->trace = *argument;
			break;
		case 'q':
			settings->quiet = true;
			break;
		case 'v':
			settings->verbose = true;
			break;
		case CLI_CONFIG_KEY_FILE: /* they were looked at before */
		case CLI_CONFIG_KEY_SHOW:
			break;
		case 'h':
			cli_help_print(settings->tool);
			cli_exit_flushed(settings);
			break;
		case 'V':
			printf("%s %s\n", settings->tool->name, CLI_VERSION);
			cli_exit_flushed(settings);
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
			if (key == -1 && settings->delimiter_given && settings->framing_given)
				cli_usage_error(settings, "--framing and --delimiter (or --null) "
							  "both say what ends a message");
			if (key == -1)
				cli_config_show(settings);
			return key;
		}
	}
}

/*
 * Has the program's file given this process another user's, another group's or more rights than
 * the process that has started it? AT_SECURE alone does not say so: it is also set where a security
 * module changes from one domain to another, as between an init system and its services.
 */
static bool raised_by_its_file(void)
{
	return getauxval(AT_SECURE) != 0 &&
	       (getuid() != geteuid() || getgid() != getegid() ||
		getxattr("/proc/self/exe", "security.capability", NULL, 0) > 0);
}

void cli_begin(struct cli_settings *settings, const struct cli_tool *tool)
{
	const char *name = getenv("SHM_CHANNEL");

	memset(settings, 0, sizeof(*settings));
	settings->tool = tool;
	/* It believes its environment, and reads and runs what that and its options name. */
	if (raised_by_its_file()) {
		cli_error(settings, "will not run with the rights of its file (set-user-ID, "
				    "set-group-ID or capabilities)");
		exit(CLI_FAILED);
	}
	settings->channel.name = name != NULL && *name != '\0' ? name : "default";
	settings->channel.owner = geteuid();
	settings->channel.size = CHANNEL_SIZE_DEFAULT;
	settings->channel.timeout_ns = 0; /* for ever */
	cli_parse_delimiter(settings, "\\n");
}

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
#include "cli/message.h"
#include "cli/nearest.h"
#include "cli/option_table.h"
#include "cli/options.h"
#include "cli/other_tool.h"
#include "cli/show_config.h"
#include "cli/values.h"

enum { OPTIONS_MAX = CLI_OPTIONS_MAX, KEYS = 256 };

static int argument_kind(const struct cli_option *option)
{
	if (option->argument == NULL)
		return no_argument;
	return cli_argument_optional(option) ? optional_argument : required_argument;
}

/* What getopt_long() returns for a row: its letter, or a number beyond all letters. */
static int key_of(const struct cli_tool *tool, const struct cli_option *option)
{
	return option->letter != '\0' ? option->letter : KEYS + (int)(option - tool->options);
}

static const struct cli_option *option_of_key(const struct cli_tool *tool, int key)
{
	for (const struct cli_option *option = tool->options; option->name != NULL; option++)
		if (key_of(tool, option) == key)
			return option;
	return NULL;
}

/* A number after an option that may have one: getopt takes it after "=" only. Returns `key`. */
static int number_after(const struct cli_tool *tool, int key, int argc, char **argv)
{
	const struct cli_option *option = option_of_key(tool, key);

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
		for (const struct cli_option *option = tool->options; option->name != NULL;
		     option++) {
			if (count == OPTIONS_MAX)
				abort();
			longs[count++] = (struct option){ .name = option->name,
							  .has_arg = argument_kind(option),
							  .val = key_of(tool, option) };
			if (option->letter != '\0') {
				*letter++ = option->letter;
				if (option->argument != NULL)
					*letter++ = ':';
				if (cli_argument_optional(option))
					*letter++ = ':';
			}
		}
	}
	return number_after(tool, getopt_long(argc, argv, shorts, longs, NULL), argc, argv);
}

/* ---- what was mistyped ---- */

/* Names all options that begin like this one; false: there are none. */
static bool candidates_list(const struct cli_tool *tool, const char *name, char *list, size_t size)
{
	size_t used = 0;

	for (const struct cli_option *option = tool->options; option->name != NULL; option++)
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
	for (const struct cli_option *option = tool->options; option->name != NULL; option++)
		nearest_try(&nearest, option->name);
	if (nearest.best != NULL)
		cli_usage_error(settings, "unknown option \"--%s\"; did you mean \"--%s\"?", name,
				nearest.best);
	cli_usage_error(settings, "unknown option \"--%s\"", name);
}

__attribute__((noreturn)) static void option_refuse(const struct cli_settings *settings, int key,
						    int argc, char **argv)
{
	const char *word = argv[optind <= argc ? optind - 1 : argc - 1];
	const struct cli_option *option = option_of_key(settings->tool, optopt);

	if (key == ':') /* it can only be the last word; C libraries differ in where optind is */
		cli_usage_error(settings, "option \"%s\" needs an argument", argv[argc - 1]);
	if (optopt > 0 && option != NULL)
		cli_usage_error(settings, "option \"--%s\" takes no argument: \"%s\"", option->name,
				word);
	if (optopt > 0 && optopt < 256)
		cli_usage_error(settings, "unknown option \"-%c\"", optopt);
	long_option_refuse(settings, word);
}

/* ---- the mode ---- */

/* An option on the command line may choose it; the first one does. */
static void mode_choose(struct cli_settings *settings, const struct cli_option *option)
{
	if (option->chooses == 0 || option->chooses == settings->mode)
		return;
	if (settings->chosen_by != NULL) {
		settings->chosen_too = option;
		return;
	}
	settings->mode = option->chooses;
	settings->chosen_by = option;
}

/* After all options on the command line. */
static void mode_settle(struct cli_settings *settings)
{
	const struct cli_tool *tool = settings->tool;

	for (const struct cli_option *row = tool->options; row->name != NULL; row++)
		if (settings->chosen_by == NULL && row->implies != 0 &&
		    cli_value(settings, row)->given) {
			settings->mode = row->implies;
			settings->chosen_by = row;
		}
	if (settings->chosen_by == NULL)
		settings->mode = settings->dashes && tool->dashes_mode != 0 ? tool->dashes_mode
									    : tool->usual_mode;
}

/* "--list, --status or a command: -- COMMAND" */
static void modes_list(const struct cli_settings *settings, unsigned modes, char *list, size_t size)
{
	const struct cli_tool *tool = settings->tool;
	size_t used = 0;

	*list = '\0';
	for (const struct cli_option *row = tool->options; row->name != NULL && used < size; row++)
		if ((row->chooses & modes) != 0)
			used += (size_t)snprintf(list + used, size - used, "%s--%s",
						 used > 0 ? " or " : "", row->name);
	if ((tool->dashes_mode & modes) != 0 && used < size)
		snprintf(list + used, size - used, "%sa command: -- COMMAND",
			 used > 0 ? " or " : "");
}

/* An option on the command line that makes no sense in this mode. */
__attribute__((noreturn)) static void misplaced(const struct cli_settings *settings,
						const struct cli_option *option)
{
	char list[256];

	if (settings->chosen_by != NULL)
		cli_usage_error(settings, "--%s does not go with --%s", option->name,
				settings->chosen_by->name);
	if (settings->mode == settings->tool->dashes_mode)
		cli_usage_error(settings, "--%s does not go with a command", option->name);
	modes_list(settings, option->modes, list, sizeof(list));
	cli_usage_error(settings, "--%s goes with %s", option->name, list);
}

void cli_check_modes(const struct cli_settings *settings)
{
	const struct cli_tool *tool = settings->tool;

	if (settings->chosen_too != NULL)
		misplaced(settings, settings->chosen_too);
	if (settings->dashes && tool->dashes_mode != 0 && settings->mode != tool->dashes_mode)
		cli_usage_error(settings, "a command does not go with --%s",
				settings->chosen_by->name);
	for (const struct cli_option *row = tool->options; row->name != NULL; row++) {
		const struct cli_value *value = cli_value(settings, row);

		if (value->given && !cli_option_belongs(row, settings->mode) &&
		    (row->neutral == NULL || strcmp(row->neutral, value->argument) != 0))
			misplaced(settings, row);
	}
}

/* ---- one after the other ---- */

/* The next one on the command line: like next_long_option(), but also notes a "--". */
static int command_line_next(struct cli_settings *settings, int argc, char **argv)
{
	static const char *last_argument; /* which may be a "--", too */
	int key = next_long_option(settings->tool, argc, argv);

	if (key == -1)
		settings->dashes = optind > 1 && argv[optind - 1] != last_argument &&
				   strcmp(argv[optind - 1], "--") == 0;
	last_argument = optarg;
	return key;
}

/*
 * Files come before the command line; but which ones, and what of them makes sense beside it,
 * the command line says. So it is looked through once, in a copy, as getopt sorts it. If there
 * is nothing to be done, or no way to do it, the files do not matter.
 */
static void options_begin(struct cli_settings *settings, int argc, char **argv)
{
	char **copy = malloc(((size_t)argc + 1) * sizeof(*copy));
	bool files = true;
	unsigned modes;
	int key;

	if (copy == NULL)
		cli_out_of_memory(settings);
	cli_config_begin(settings);
	memcpy(copy, argv, ((size_t)argc + 1) * sizeof(*copy));
	opterr = 0;
	while (files && (key = command_line_next(settings, argc, copy)) != -1) {
		const struct cli_option *option = option_of_key(settings->tool, key);

		files = option != NULL && key != 'h' && key != 'V';
		if (files) {
			cli_config_expect(settings, option, optarg);
			mode_choose(settings, option);
		}
	}
	free(copy);
	optind = 0; /* begin again: both C libraries understand this */
	mode_settle(settings);
	/* What is shown if nothing chooses a mode is of use with a command, too. */
	modes = settings->mode;
	if (cli_given(settings, "show-config") && modes == settings->tool->usual_mode)
		modes |= settings->tool->dashes_mode;
	if (files)
		cli_config_load(settings, modes);
}

/* The next one of a file or of the command line; NULL: there is none left. */
static const struct cli_option *option_next(struct cli_settings *settings, int argc, char **argv,
					    const char **argument)
{
	const struct cli_option *option = cli_config_next(settings, argument);
	int key;

	if (option == NULL) {
		key = command_line_next(settings, argc, argv);
		if (key == -1)
			return NULL;
		option = option_of_key(settings->tool, key);
		if (option == NULL)
			option_refuse(settings, key, argc, argv);
		*argument = optarg;
	}
	cli_config_took(settings, option, *argument);
	return option;
}

void cli_read_options(struct cli_settings *settings, int argc, char **argv)
{
	const struct cli_option *option;
	const char *argument;

	options_begin(settings, argc, argv);
	while ((option = option_next(settings, argc, argv, &argument)) != NULL)
		if (option->take != NULL)
			option->take(settings, option, argument, (char *)settings + option->into);
	if (!channel_name_valid(settings->channel.name))
		cli_usage_error(settings, "bad channel name \"%s\" in $SHM_CHANNEL: " CLI_NAME_RULE,
				settings->channel.name, CHANNEL_NAME_MAX);
	if (settings->delimiter_given && settings->framing_given)
		cli_usage_error(settings, "--framing and --delimiter (or --null) both say what "
					  "ends a message");
	cli_config_show(settings);
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

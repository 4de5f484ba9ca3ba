/* Reading the command line, and the options of files, by means of the option table. */
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

/* Returns what getopt_long() is to return for a row: its letter, or a number beyond all letters. */
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

/*
 * Takes a number as the next word for an option whose argument is optional: getopt accepts it after
 * a "=" only. Returns `key`.
 */
static int number_after(const struct cli_tool *tool, int key, int argc, char **argv)
{
	const struct cli_option *option = option_of_key(tool, key);

	if (option != NULL && cli_argument_optional(option) && option->argument[1] != '=' &&
	    optarg == NULL && optind < argc && argv[optind][0] != '\0' &&
	    strspn(argv[optind], "0123456789.") == strlen(argv[optind]))
		optarg = argv[optind++];
	return key;
}

/* Like getopt_long(), with the table in the form that it needs. */
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

/* Lists all options that begin with this name. Returns false if there are none. */
static bool candidates_list(const struct cli_tool *tool, const char *name, char *list, size_t size)
{
	size_t used = 0;

	for (const struct cli_option *option = tool->options; option->name != NULL; option++)
		if (strncmp(option->name, name, strlen(name)) == 0 && used < size)
			used += (size_t)snprintf(list + used, size - used, "%s--%s",
						 used > 0 ? ", " : "", option->name);
	return used > 0;
}

/* Refuses a word "--name" or "--name=argument" that getopt_long() did not accept. */
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

	if (key == ':') /* it is the last word; C libraries differ in where optind is */
		cli_usage_error(settings, "option \"%s\" needs an argument", argv[argc - 1]);
	if (optopt > 0 && option != NULL)
		cli_usage_error(settings, "option \"--%s\" takes no argument: \"%s\"", option->name,
				word);
	if (optopt > 0 && optopt < 256)
		cli_usage_error(settings, "unknown option \"-%c\"", optopt);
	long_option_refuse(settings, word);
}

/* ---- the mode ---- */

/* Notes the mode that an option on the command line chooses. The first one counts. */
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

/* Settles the mode when all options on the command line are known. */
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

/* Writes how the modes are chosen: "--list or --status or a command: -- COMMAND". */
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

/* Refuses an option on the command line that makes no sense in this mode. */
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

/* Returns the next option on the command line. Like next_long_option(), but also notes a "--". */
static int command_line_next(struct cli_settings *settings, int argc, char **argv)
{
	static const char *last_argument; /* which may also be a "--" */
	int key = next_long_option(settings->tool, argc, argv);

	if (key == -1)
		settings->dashes = optind > 1 && argv[optind - 1] != last_argument &&
				   strcmp(argv[optind - 1], "--") == 0;
	last_argument = optarg;
	return key;
}

/*
 * The options of files are taken before those of the command line; but which files there are, and
 * what in them makes sense, depends on the command line. So it is looked through once before, in a
 * copy, because getopt reorders it. If it ends in --help, --version or an error, no file is read.
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
	/* If nothing chooses a mode, the options for a command are of interest, too. */
	modes = settings->mode;
	if (cli_given(settings, "show-config") && modes == settings->tool->usual_mode)
		modes |= settings->tool->dashes_mode;
	if (files)
		cli_config_load(settings, modes);
}

/* Returns the next option of a file or of the command line; NULL: there is none left. */
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
 * True if the program's file has given this process the rights of another user or group, or more
 * capabilities than the process that has started it has. AT_SECURE alone does not say so: it is
 * also set where a security module changes from one domain to another, as between an init system
 * and its services.
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
	/* The tool trusts its environment, and reads and runs what that and its options name. */
	if (raised_by_its_file()) {
		cli_error(settings, "will not run with the rights of its file (set-user-ID, "
				    "set-group-ID or capabilities)");
		exit(CLI_FAILED);
	}
	settings->channel.name = name != NULL && *name != '\0' ? name : "default";
	settings->channel.owner = geteuid();
	settings->channel.size = CHANNEL_SIZE_DEFAULT;
	settings->channel.timeout_ns = 0; /* no limit */
	cli_parse_delimiter(settings, "\\n");
}

#include "cli/config_files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/nearest.h"
#include "cli/option_table.h"
#include "cli/other_tool.h"
#include "cli/values.h"

enum { PLACES_MAX = 4 };

/* A file that was looked for. */
struct place {
	const char *path;
	const char *by;	   /* what has named it; "": it is one of the usual files */
	const char *state; /* why it was not read; "": it was */
};

/* An option that a file sets. */
struct pair {
	const struct cli_option *option;
	const struct config_entry *entry;
};

struct cli_config {
	struct config read;
	struct place places[PLACES_MAX];
	size_t place_count;
	struct pair *pairs;
	size_t pair_count, next;
	struct cli_value values[CLI_OPTIONS_MAX]; /* of the tool's rows */
	unsigned modes;				  /* other modes are left out */
	const char *file;			  /* -F */
	const char *channel;			  /* -C */
};

/*
 * The keys that a [channel NAME] section may have: what belongs to the channel, not to a tool's
 * work.
 */
static const char *const channel_keys[] = { "size", "mode", "owner", "groups", "when-full", NULL };
static const char *const message_keys[] = { "text", "file", "key", NULL };
static const char *const kinds[] = { "channel", "message", NULL };

void cli_config_begin(struct cli_settings *settings)
{
	settings->config = calloc(1, sizeof(*settings->config));
	if (settings->config == NULL)
		cli_out_of_memory(settings);
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* ---- what a line means ---- */

/* Prints "unknown WHAT ...", and the nearest of the candidates. */
__attribute__((noreturn)) static void unknown(const struct cli_settings *settings, const char *what,
					      const struct config_entry *entry, unsigned line,
					      const struct nearest *nearest)
{
	if (nearest->best != NULL)
		cli_config_error(settings, entry->file, line,
				 "unknown %s \"%.64s\"; did you mean \"%s\"?", what, nearest->word,
				 nearest->best);
	cli_config_error(settings, entry->file, line, "unknown %s \"%.64s\"", what, nearest->word);
}

static void try_all(struct nearest *nearest, const char *const *words)
{
	for (; *words != NULL; words++)
		nearest_try(nearest, *words);
}

__attribute__((noreturn)) static void key_unknown(const struct cli_settings *settings,
						  const struct config_entry *entry)
{
	struct nearest nearest;

	if (strcmp(entry->key, "command") == 0)
		cli_config_error(settings, entry->file, entry->line,
				 "a command is never taken from a file: give it after \"--\"");
	nearest_begin(&nearest, entry->key);
	for (const struct cli_option *row = settings->tool->options; row->name != NULL; row++)
		if (!row->once)
			nearest_try(&nearest, row->name);
	for (const struct other_option *row = other_tool_options; row->name != NULL; row++)
		if (!row->once)
			nearest_try(&nearest, row->name);
	unknown(settings, "key", entry, entry->line, &nearest);
}

/* Returns the option for a key before any section, or NULL if only the other tool has it. */
static const struct cli_option *top_option(const struct cli_settings *settings,
					   const struct config_entry *entry)
{
	const struct cli_option *option = cli_option_find(settings->tool, entry->key);
	const struct other_option *other = other_tool_option(entry->key);

	if (option == NULL && other == NULL)
		key_unknown(settings, entry);
	if (option != NULL ? option->once : other->once)
		cli_config_error(settings, entry->file, entry->line,
				 "--%s is for the command line, not for a file", entry->key);
	return option;
}

static void section_key_check(const struct cli_settings *settings, const struct config_entry *entry,
			      const char *const *keys)
{
	struct nearest nearest;

	if (*entry->name == '\0')
		cli_config_error(settings, entry->file, entry->section_line,
				 "[%s] needs a name: [%s NAME]", entry->kind, entry->kind);
	if (is_one_of(entry->key, keys))
		return;
	if (cli_option_find(settings->tool, entry->key) != NULL ||
	    other_tool_option(entry->key) != NULL)
		cli_config_error(settings, entry->file, entry->line,
				 "\"%s\" does not belong into [%s NAME] but before all sections",
				 entry->key, entry->kind);
	nearest_begin(&nearest, entry->key);
	try_all(&nearest, keys);
	unknown(settings, "key", entry, entry->line, &nearest);
}

/*
 * Refuses an entry that means nothing. Returns its option, or NULL if it is valid but not an option
 * of this tool.
 */
static const struct cli_option *entry_check(const struct cli_settings *settings,
					    const struct config_entry *entry)
{
	const struct cli_option *option = NULL;
	struct nearest nearest;

	if (entry->section_line == 0) {
		option = top_option(settings, entry);
	} else if (strcmp(entry->kind, "channel") == 0) {
		section_key_check(settings, entry, channel_keys);
		if (!channel_name_valid(entry->name))
			cli_config_error(settings, entry->file, entry->section_line,
					 "bad channel name \"%s\": " CLI_NAME_RULE, entry->name,
					 CHANNEL_NAME_MAX);
		option = cli_option_find(settings->tool, entry->key);
	} else if (strcmp(entry->kind, "message") == 0) {
		section_key_check(settings, entry, message_keys);
	} else {
		nearest_begin(&nearest, entry->kind);
		try_all(&nearest, kinds);
		unknown(settings, "section", entry, entry->section_line, &nearest);
	}
	if (option != NULL && option->argument == NULL && strcmp(entry->value, "yes") != 0 &&
	    strcmp(entry->value, "no") != 0)
		cli_config_error(settings, entry->file, entry->line, "bad %s \"%s\": yes or no",
				 entry->key, entry->value);
	return option;
}

/* ---- which of them count ---- */

/* True if this option of a file makes no sense in this mode or beside the command line. */
static bool left_out(const struct cli_settings *settings, const struct cli_option *option)
{
	if (!cli_option_belongs(option, settings->config->modes))
		return true;
	for (const struct cli_option *row = settings->tool->options; row->name != NULL; row++)
		if (row != option && (row->overrules & option->matters) != 0 &&
		    cli_value(settings, row)->given)
			return true;
	return option->letter == 'C' && cli_value(settings, option)->argument != NULL;
}

static void pair_add(struct cli_settings *settings, const struct cli_option *option,
		     const struct config_entry *entry)
{
	struct cli_config *config = settings->config;

	if (config->pairs == NULL)
		config->pairs = calloc(config->read.count, sizeof(*config->pairs));
	if (config->pairs == NULL)
		cli_out_of_memory(settings);
	config->pairs[config->pair_count++] = (struct pair){ option, entry };
}

/*
 * Collects what counts: the keys before all sections, then those of the section for the channel in
 * use.
 */
static void pairs_make(struct cli_settings *settings)
{
	struct cli_config *config = settings->config;
	const char *channel = settings->channel.name; /* $SHM_CHANNEL, or the default */

	for (size_t i = 0; i < config->read.count; i++) {
		const struct config_entry *entry = &config->read.entries[i];
		const struct cli_option *option = entry_check(settings, entry);

		if (option == NULL || *entry->kind != '\0' || left_out(settings, option))
			continue;
		pair_add(settings, option, entry);
		if (option->letter == 'C')
			channel = entry->value;
	}
	if (config->channel != NULL)
		channel = config->channel;
	for (size_t i = 0; i < config->read.count; i++) {
		const struct config_entry *entry = &config->read.entries[i];
		const struct cli_option *option = cli_option_find(settings->tool, entry->key);

		if (option != NULL && strcmp(entry->kind, "channel") == 0 &&
		    strcmp(entry->name, channel) == 0 && !left_out(settings, option))
			pair_add(settings, option, entry);
	}
}

/*
 * True if this pair has an effect. A flag cannot be unset after it was set, so only the last pair
 * for it counts.
 */
static bool pair_counts(const struct cli_config *config, size_t index)
{
	const struct pair *pair = &config->pairs[index];

	if (pair->option->argument != NULL && !cli_argument_optional(pair->option))
		return true;
	for (size_t i = index + 1; i < config->pair_count; i++)
		if (config->pairs[i].option == pair->option)
			return false;
	return strcmp(pair->entry->value, "no") != 0;
}

/*
 * Returns what the option gets as its argument: a flag gets none, nor does an option whose argument
 * is optional if the file only says "yes".
 */
static const char *pair_argument(const struct pair *pair)
{
	const char *value = pair->entry->value;

	if (pair->option->argument == NULL ||
	    (cli_argument_optional(pair->option) && strcmp(value, "yes") == 0))
		return NULL;
	return value;
}

const struct cli_option *cli_config_next(struct cli_settings *settings, const char **argument)
{
	struct cli_config *config = settings->config;

	while (config->next < config->pair_count) {
		const struct pair *pair = &config->pairs[config->next++];

		if (!pair_counts(config, config->next - 1))
			continue;
		*argument = pair_argument(pair);
		settings->file = pair->entry->file;
		settings->line = pair->entry->line;
		return pair->option;
	}
	settings->file = NULL;
	settings->line = 0;
	return NULL;
}

/* ---- where it is from ---- */

const struct cli_value *cli_value(const struct cli_settings *settings,
				  const struct cli_option *option)
{
	return &settings->config->values[option - settings->tool->options];
}

bool cli_given(const struct cli_settings *settings, const char *name)
{
	const struct cli_option *option = cli_option_find(settings->tool, name);

	return option != NULL && cli_value(settings, option)->given;
}

void cli_config_took(struct cli_settings *settings, const struct cli_option *option,
		     const char *argument)
{
	struct cli_value *value;

	if (option->letter == '0') { /* another way to write --delimiter */
		option = cli_option_find(settings->tool, "delimiter");
		argument = "\\0";
	}
	value = &settings->config->values[option - settings->tool->options];
	value->argument = option->argument != NULL && argument != NULL ? argument : "yes";
	value->file = settings->file;
	value->line = settings->line;
}

void cli_config_expect(struct cli_settings *settings, const struct cli_option *option,
		       const char *argument)
{
	struct cli_config *config = settings->config;

	config->values[option - settings->tool->options].given = true;
	if (option->letter == 'F')
		config->file = argument;
	if (option->letter == 'C')
		config->channel = argument;
}

/* ---- the files ---- */

const struct config *cli_config_read(const struct cli_settings *settings)
{
	return &settings->config->read;
}

const char *cli_config_places(const struct cli_settings *settings, char *buffer, size_t size)
{
	const struct cli_config *config = settings->config;
	size_t used = 0;

	snprintf(buffer, size, "no file");
	for (size_t i = 0; i < config->place_count && used < size; i++)
		used += (size_t)snprintf(buffer + used, size - used, "%s\"%.300s\"%s",
					 i > 0 ? ", " : "", config->places[i].path,
					 config->places[i].state);
	return buffer;
}

#ifdef WITH_INIH
static void place_read(struct cli_settings *settings, const char *path, const char *by)
{
	struct cli_config *config = settings->config;
	struct place *place = &config->places[config->place_count++];
	struct config_fault fault;
	int rc = config_read(&config->read, path, &fault);

	*place = (struct place){ .path = path, .by = by, .state = "" };
	if (*by == '\0' && (rc == -ENOENT || rc == -ENOTDIR || rc == -ENAMETOOLONG)) {
		place->state = " (not there)";
		return;
	}
	if (*by == '\0' && rc == -EACCES) { /* another user's home, as under su(1) */
		place->state = " (closed to this user)";
		return;
	}
	if (rc == CONFIG_BAD)
		cli_config_error(settings, path, fault.line, "%s", fault.why);
	if (rc == CONFIG_READ)
		return;
	if (rc == CONFIG_REFUSED)
		cli_error(settings, "will not use \"%.400s\"%s: %s", path, by, fault.why);
	else
		cli_error(settings, "cannot read \"%.400s\"%s: %s", path, by, strerror(-rc));
	exit(CLI_FAILED);
}

/*
 * Returns ~/.config/shm-channel/config, or what $XDG_CONFIG_HOME says, never freed; NULL: no home.
 */
static const char *user_path(const struct cli_settings *settings)
{
	const char *folder = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path;
	int rc;

	if (folder != NULL && *folder == '/')
		rc = asprintf(&path, "%s/shm-channel/config", folder);
	else if (home != NULL && *home == '/')
		rc = asprintf(&path, "%s/.config/shm-channel/config", home);
	else
		return NULL;
	if (rc < 0)
		cli_out_of_memory(settings);
	return path;
}

static void files_read(struct cli_settings *settings, const char *named)
{
	const char *path = user_path(settings);

	place_read(settings, CLI_CONFIG_SYSTEM, "");
	if (path != NULL)
		place_read(settings, path, "");
	if (named != NULL)
		place_read(settings, named, " ($SHM_CONFIG)");
	if (settings->config->file != NULL)
		place_read(settings, settings->config->file, " (--config)");
}
#else
static void files_read(struct cli_settings *settings, const char *named)
{
	if (settings->config->file != NULL)
		cli_not_built(settings, "--config", "libinih");
	if (named != NULL)
		cli_not_built(settings, "$SHM_CONFIG", "libinih");
	if (cli_given(settings, "show-config"))
		cli_not_built(settings, "--show-config", "libinih");
}
#endif

void cli_config_load(struct cli_settings *settings, unsigned modes)
{
	struct cli_config *config = settings->config;
	const char *named = getenv("SHM_CONFIG"), *channel = getenv("SHM_CHANNEL");

	config->modes = modes;
	if (channel != NULL && *channel != '\0') {
		const struct cli_option *option = cli_option_find(settings->tool, "channel");

		settings->file = "$SHM_CHANNEL";
		cli_config_took(settings, option, channel);
		settings->file = NULL;
	}
	if (config->file == NULL || *config->file != '\0')
		files_read(settings, named != NULL && *named != '\0' ? named : NULL);
	pairs_make(settings);
}

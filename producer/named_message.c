#include "producer/named_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/nearest.h"

/* What the last file with a message of this name says about it. */
struct found {
	const struct config_entry *text, *file, *key;
};

void message_name(const struct cli_settings *settings, struct message_list *list, const char *name)
{
	const char **names;

#ifndef WITH_INIH
	cli_not_built(settings, "--message", "libinih");
#endif
	names = realloc(list->names, ((size_t)list->count + 1) * sizeof(*names));
	if (names == NULL)
		cli_out_of_memory(settings);
	list->names = names;
	list->names[list->count++] = name;
}

__attribute__((noreturn)) static void message_unknown(const struct cli_settings *settings,
						      const char *name)
{
	const struct config *config = cli_config_read(settings);
	struct nearest nearest;
	char places[400], hint[128] = "";

	nearest_begin(&nearest, name);
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->entries[i].kind, "message") == 0)
			nearest_try(&nearest, config->entries[i].name);
	if (nearest.best != NULL)
		snprintf(hint, sizeof(hint), " (did you mean \"%s\"?)", nearest.best);
	cli_usage_error(settings, "no message \"%.64s\"%s in %s", name, hint,
			cli_config_places(settings, places, sizeof(places)));
}

static struct found message_find(const struct cli_settings *settings, const char *name)
{
	const struct config *config = cli_config_read(settings);
	struct found found = { NULL, NULL, NULL };
	const char *file = NULL;

	for (size_t i = 0; i < config->count; i++) {
		const struct config_entry *entry = &config->entries[i];

		if (strcmp(entry->kind, "message") != 0 || strcmp(entry->name, name) != 0)
			continue;
		if (file != entry->file) /* one in a later file replaces it as a whole */
			found = (struct found){ NULL, NULL, NULL };
		file = entry->file;
		if (strcmp(entry->key, "text") == 0)
			found.text = entry;
		else if (strcmp(entry->key, "file") == 0)
			found.file = entry;
		else
			found.key = entry;
	}
	if (file == NULL)
		message_unknown(settings, name);
	if (found.text == NULL && found.file == NULL)
		cli_config_error(settings, found.key->file, found.key->section_line,
				 "[message %s] has neither text nor file", name);
	if (found.text != NULL && found.file != NULL)
		cli_config_error(settings, found.file->file, found.file->line,
				 "[message %s] has both text and file", name);
	return found;
}

static char *value_expand(const struct cli_settings *settings, const struct config_entry *entry)
{
	char variable[CONFIG_VARIABLE_MAX], *text;
	int rc;

	if (entry == NULL)
		return NULL;
	rc = config_expand(entry->value, &text, variable);
	if (rc == -ENOENT)
		cli_config_error(settings, entry->file, entry->line,
				 "the environment has no variable \"%s\"", variable);
	if (rc == -EINVAL)
		cli_config_error(settings, entry->file, entry->line,
				 "\"${\" begins ${VARIABLE}, or write \"$${\"");
	if (rc < 0)
		cli_out_of_memory(settings);
	return text;
}

/* Returns the path, which is relative to the folder of the configuration file. To be freed. */
static char *file_path(const struct cli_settings *settings, const struct config_entry *entry)
{
	char *path = value_expand(settings, entry), *whole;
	const char *slash;

	if (path == NULL || *path == '/')
		return path;
	slash = strrchr(entry->file, '/');
	if (asprintf(&whole, "%.*s%s", slash != NULL ? (int)(slash + 1 - entry->file) : 2,
		     slash != NULL ? entry->file : "./", path) < 0)
		cli_out_of_memory(settings);
	free(path);
	return whole;
}

void message_resolve(const struct cli_settings *settings, struct message_list *list)
{
	if (list->count > 0)
		list->messages = calloc((size_t)list->count, sizeof(*list->messages));
	if (list->count > 0 && list->messages == NULL)
		cli_out_of_memory(settings);
	for (int i = 0; i < list->count; i++) {
		struct found found = message_find(settings, list->names[i]);
		struct named_message *message = &list->messages[i];

		message->text = value_expand(settings, found.text);
		message->file = file_path(settings, found.file);
		message->key = value_expand(settings, found.key);
		if (message->key != NULL && strlen(message->key) > CHANNEL_KEY_MAX)
			cli_config_error(settings, found.key->file, found.key->line,
					 "bad key: longer than %d bytes", CHANNEL_KEY_MAX);
	}
}

void message_free(struct message_list *list)
{
	for (int i = 0; i < list->count; i++) {
		free(list->messages[i].text);
		free(list->messages[i].file);
		free(list->messages[i].key);
	}
	free(list->messages);
	free(list->names);
}

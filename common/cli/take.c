#include "cli/take.h"

#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "cli/message.h"
#include "cli/values.h"

void cli_take_flag(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	(void)settings;
	(void)row;
	(void)argument;
	*(bool *)into = true;
}

void cli_take_text(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	(void)settings;
	(void)row;
	*(const char **)into = argument;
}

void cli_take_seconds(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into)
{
	*(uint64_t *)into = cli_seconds(settings, row->name, argument);
}

void cli_take_count(const struct cli_settings *settings, const struct cli_option *row,
		    const char *argument, void *into)
{
	*(uint64_t *)into = cli_number(settings, row->name, argument, 1, UINT64_MAX);
}

void cli_take_number(const struct cli_settings *settings, const struct cli_option *row,
		     const char *argument, void *into)
{
	*(uint32_t *)into =
		(uint32_t)cli_number(settings, row->name, argument, row->least, row->most);
}

/* Writes "a, b or c" for "a|b|c". */
static void words_list(const char *words, char *list, size_t size)
{
	size_t used = 0;

	for (const char *at = words; at != NULL && used < size;) {
		const char *bar = strchr(at, '|');
		const char *before = bar == NULL ? " or " : ", ";

		if (at == words)
			before = "";
		used += (size_t)snprintf(list + used, size - used, "%s%.*s", before,
					 bar != NULL ? (int)(bar - at) : (int)strlen(at), at);
		at = bar != NULL ? bar + 1 : NULL;
	}
}

void cli_take_word(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	size_t size = strlen(argument);
	char list[128];
	unsigned index = 0;

	for (const char *at = row->argument; at != NULL; index++) {
		const char *bar = strchr(at, '|');

		if (strncmp(at, argument, size) == 0 && (at[size] == '|' || at[size] == '\0')) {
			*(unsigned *)into = index;
			return;
		}
		at = bar != NULL ? bar + 1 : NULL;
	}
	words_list(row->argument, list, sizeof(list));
	cli_usage_error(settings, "bad %s \"%s\": %s", row->name, argument, list);
}

void cli_take_channel(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into)
{
	bool own = strcmp(row->name, "channel") == 0;

	if (!channel_name_valid(argument))
		cli_usage_error(settings, "bad channel name \"%s\"%s%s: " CLI_NAME_RULE, argument,
				own ? "" : " for --", own ? "" : row->name, CHANNEL_NAME_MAX);
	*(const char **)into = argument;
}

void cli_check_group(const struct cli_settings *settings, const char *name)
{
	if (!channel_group_valid(name))
		cli_usage_error(settings, "bad group \"%s\": " CLI_NAME_RULE, name,
				CHANNEL_GROUP_MAX);
}

void cli_take_group(const struct cli_settings *settings, const struct cli_option *row,
		    const char *argument, void *into)
{
	(void)row;
	cli_check_group(settings, argument);
	*(const char **)into = argument;
}

void cli_take_owner(const struct cli_settings *settings, const struct cli_option *row,
		    const char *argument, void *into)
{
	(void)row;
	*(uid_t *)into = cli_parse_owner(settings, argument);
}

void cli_take_spin(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	(void)row;
	*(uint64_t *)into = cli_parse_spin(settings, argument);
}

void cli_take_mode(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	struct channel_options *channel = into;

	(void)row;
	channel->mode = cli_parse_mode(settings, argument);
	channel->mode_given = true;
}

void cli_take_size(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	struct cli_settings *to = into;

	(void)row;
	to->channel.size = cli_parse_size(settings, argument);
	to->size_given = true;
}

void cli_take_delimiter(const struct cli_settings *settings, const struct cli_option *row,
			const char *argument, void *into)
{
	struct cli_settings *to = into;

	(void)settings;
	(void)row;
	cli_parse_delimiter(to, argument);
	to->delimiter_given = true;
}

void cli_take_null(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	(void)argument;
	cli_take_delimiter(settings, row, "\\0", into);
}

void cli_take_framing(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into)
{
	struct cli_settings *to = into;

	(void)settings;
	(void)row;
	cli_parse_framing(to, argument);
	to->framing_given = true;
}

void cli_take_trace(const struct cli_settings *settings, const struct cli_option *row,
		    const char *argument, void *into)
{
	struct cli_settings *to = into;

	(void)row;
	if (strcmp(argument, "-") == 0 || *argument == '\0')
		cli_usage_error(settings, "bad trace \"%s\": it needs a file of its own", argument);
	to->trace = argument;
}

void cli_take_help(const struct cli_settings *settings, const struct cli_option *row,
		   const char *argument, void *into)
{
	(void)row;
	(void)argument;
	(void)into;
	cli_help_print(settings->tool);
	cli_exit_flushed(settings);
}

void cli_take_version(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into)
{
	(void)row;
	(void)argument;
	(void)into;
	printf("%s %s\n", settings->tool->name, CLI_VERSION);
	cli_exit_flushed(settings);
}

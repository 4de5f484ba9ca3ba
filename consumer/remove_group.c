#include "consumer/remove_group.h"

#include <string.h>

#include "cli/figures.h"
#include "cli/message.h"
#include "cli/signals.h"

static const struct cli_settings *settings;
static struct channel *channel;
static const char *group;

void group_take_removed(const struct cli_settings *given, const struct cli_option *row,
			const char *argument, void *into)
{
	(void)row;
	if (*argument != '\0' && strcmp(argument, CHANNEL_GROUP_BAD) != 0)
		cli_check_group(given, argument);
	*(const char **)into = argument;
}

static int group_remove(void)
{
	uint64_t messages;
	int rc = channel_group_remove(channel, &settings->channel, group, &messages);

	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc == -CHANNEL_EINUSE) {
		unsigned members = channel_report(channel)->endpoints;

		cli_error(settings,
			  "cannot remove group \"%s\" of channel \"%s\": it has %u consumer%s",
			  group, settings->channel.name, members, plural(members));
		return CLI_FAILED;
	}
	if (rc < 0)
		return (int)cli_channel_error(settings, channel, "remove a group of", rc);
	if (messages > 0)
		cli_note(settings,
			 "group \"%s\": %llu message%s that it had not taken went with it", group,
			 (unsigned long long)messages, plural(messages));
	return CLI_DONE;
}

int remove_group_run(const struct cli_settings *given, struct channel *of, const char *name)
{
	settings = given;
	channel = of;
	group = name;
	return cli_run(settings, group_remove);
}

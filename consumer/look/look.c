#include "consumer/look/look.h"

#include <getopt.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "cli/message.h"
#include "cli/values.h"
#include "consumer/look/json.h"
#include "consumer/look/list.h"
#include "consumer/look/read.h"
#include "consumer/look/show.h"
#include "consumer/look/status.h"
#include "consumer/look/watch.h"

void look_take_interval(const struct cli_settings *settings, const struct cli_option *row,
			const char *argument, void *into)
{
	uint64_t interval =
		argument == NULL ? NS_PER_SEC : cli_seconds(settings, "interval", argument);

	(void)row;
	if (interval < NS_PER_SEC / 20)
		cli_usage_error(settings, "bad interval \"%s\": at least 0.05 seconds", argument);
	*(uint64_t *)into = interval;
}

static int look_once(struct look *look)
{
	const struct cli_settings *settings = look->settings;
	struct show show = show_output();
	struct snapshot *channels;
	size_t count;

	channels = look_read(look, &count);
	if (channels == NULL)
		return CLI_FAILED;
	if (look->status && count == 0) {
		cli_error(settings, "there is no channel \"%s\" (--list prints those there are)",
			  settings->channel.name);
		free(channels);
		return CLI_FAILED;
	}
	if (settings->json)
		look_json(look, stdout, channels, NULL, count, look->status, false);
	else if (look->status)
		status_print(&show, &channels[0], NULL);
	else if (count > 0)
		list_print(look, &show, channels, NULL, count);
	else
		cli_note(settings, "no channels");
	free(channels);
	return look_flush(look, stdout);
}

int look_run(struct look *look)
{
#ifndef WITH_JANSSON
	if (look->settings->json)
		cli_not_built(look->settings, "--json", "libjansson");
#endif
	return look->watch_ns != 0 ? look_watch(look) : look_once(look);
}

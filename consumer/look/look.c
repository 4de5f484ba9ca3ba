#include "consumer/look/look.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "cli/message.h"
#include "cli/values.h"
#include "consumer/look/doctor.h"
#include "consumer/look/json.h"
#include "consumer/look/list.h"
#include "consumer/look/read.h"
#include "consumer/look/remove.h"
#include "consumer/look/show.h"
#include "consumer/look/status.h"
#include "consumer/look/watch.h"

/* ---- the command line ---- */

static void want(struct look *look, enum look_what what, const char *option)
{
	if (look->what != LOOK_NOT && look->what != what)
		cli_usage_error(look->settings, "%s does not go with %s", option, look->option);
	look->what = what;
	look->option = option;
}

bool look_option(struct look *look, const struct cli_settings *settings, int key,
		 const char *argument)
{
	look->settings = settings;
	switch (key) {
	case LOOK_KEY_LIST:
		want(look, LOOK_LIST, "--list");
		return true;
	case LOOK_KEY_STATUS:
		want(look, LOOK_STATUS, "--status");
		return true;
	case LOOK_KEY_REMOVE:
		want(look, LOOK_REMOVE, "--remove");
		return true;
	case LOOK_KEY_DOCTOR:
		want(look, LOOK_DOCTOR, "--doctor");
		return true;
	case LOOK_KEY_FORCE:
		look->force = true;
		return true;
	case LOOK_KEY_WATCH:
		look->watch_ns =
			argument == NULL ? NS_PER_SEC : cli_seconds(settings, "interval", argument);
		if (look->watch_ns < NS_PER_SEC / 20)
			cli_usage_error(settings, "bad interval \"%s\": at least 0.05 seconds",
					argument != NULL ? argument : "");
		return true;
	default:
		return false;
	}
}

bool look_check(struct look *look)
{
	if (look->force && look->what != LOOK_REMOVE)
		cli_usage_error(look->settings, "--force goes with --remove");
	if (look->watch_ns != 0 && look->what == LOOK_NOT)
		want(look, LOOK_LIST, "--watch");
	if (look->watch_ns != 0 && look->what != LOOK_LIST && look->what != LOOK_STATUS)
		cli_usage_error(look->settings, "--watch goes with --list or --status");
	return look->what != LOOK_NOT;
}

/* ---- once ---- */

static int look_once(struct look *look)
{
	const struct cli_settings *settings = look->settings;
	bool status = look->what == LOOK_STATUS;
	struct show show = show_output();
	struct census *channels;
	size_t count;

	channels = look_read(look, &count);
	if (channels == NULL)
		return CLI_FAILED;
	if (status && count == 0) {
		cli_error(settings, "there is no channel \"%s\" (--list prints those there are)",
			  settings->channel.name);
		free(channels);
		return CLI_FAILED;
	}
	if (settings->json)
		look_json(look, stdout, channels, NULL, count, status, false);
	else if (status)
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
	switch (look->what) {
	case LOOK_REMOVE:
		return look_remove(look);
	case LOOK_DOCTOR:
		return look_doctor(look);
	default:
		return look->watch_ns != 0 ? screen_watch(look) : look_once(look);
	}
}

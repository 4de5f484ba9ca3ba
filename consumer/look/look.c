#include "consumer/look/look.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/values.h"

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

/* ---- reading ---- */

/* 1: it is there; 0: it is not (any more); negative: an error that has been told. */
static int read_one(const struct look *look, struct census *census, const char *name)
{
	int rc = census_read(census, name, look->settings->channel.owner);

	if (rc == 0)
		return 1;
	if (rc == -ENOENT)
		return 0;
	cli_error(look->settings, "cannot look at channel \"%s\": %s", name,
		  rc == -ENODEV ? "there is no " CENSUS_FOLDER : strerror(-rc));
	return -1;
}

static struct census *read_all(const struct look *look, size_t *count)
{
	struct census *channels = NULL;
	char **names;
	size_t known;
	int rc = census_names(look->settings->channel.owner, &names, &known);

	*count = 0;
	if (rc < 0) {
		cli_error(look->settings, "cannot read %s: %s", CENSUS_FOLDER, strerror(-rc));
		return NULL;
	}
	channels = calloc(known + 1, sizeof(*channels));
	if (channels == NULL)
		cli_error(look->settings, "out of memory");
	for (size_t i = 0; channels != NULL && i < known; i++) {
		rc = read_one(look, &channels[*count], names[i]);
		if (rc < 0) {
			free(channels);
			channels = NULL;
		} else {
			*count += (size_t)rc;
		}
	}
	census_names_free(names, known);
	return channels;
}

struct census *look_read(const struct look *look, size_t *count)
{
	struct census *census;
	int rc;

	if (look->what != LOOK_STATUS)
		return read_all(look, count);
	*count = 0;
	census = calloc(1, sizeof(*census));
	if (census == NULL) {
		cli_error(look->settings, "out of memory");
		return NULL;
	}
	rc = read_one(look, census, look->settings->channel.name);
	if (rc < 0) {
		free(census);
		return NULL;
	}
	*count = (size_t)rc;
	return census;
}

int look_write_failed(struct look *look, int error)
{
	look->pipe_closed = error == EPIPE;
	if (!look->pipe_closed || cli_pipe_ignored())
		cli_error(look->settings, "cannot write standard output: %s", strerror(error));
	return CLI_FAILED;
}

int look_flush(struct look *look, FILE *file)
{
	errno = 0;
	if (fflush(file) == 0 && !ferror(file))
		return CLI_DONE;
	return look_write_failed(look, errno != 0 ? errno : EIO);
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

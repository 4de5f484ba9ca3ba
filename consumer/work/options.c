#include "consumer/work/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/escape.h"
#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/values.h"

void work_begin(struct work *work, const struct cli_settings *settings)
{
	*work = (struct work){ .settings = settings,
			       .jobs = 1,
			       .batch = 1,
			       .retries = 3,
			       .retry_delay_ns = NS_PER_SEC };
}

void work_take_batch(const struct cli_settings *settings, const struct cli_option *row,
		     const char *argument, void *into)
{
	const char *comma = strchr(argument, ',');
	struct work *work = into;
	char number[32];

	if (comma != NULL) {
		snprintf(number, sizeof(number), "%.*s", (int)(comma - argument), argument);
		work->gather_ns = cli_seconds(settings, "batch time", comma + 1);
		work->gather_given |= settings->file == NULL;
	}
	work->batch = (uint32_t)cli_number(settings, row->name, comma != NULL ? number : argument,
					   1, BATCH_MAX);
	work->delimited = true;
}

static void check_command(struct work *work)
{
	const struct cli_settings *settings = work->settings;

	for (char *const *word = work->command; *word != NULL; word++)
		work->placeholder |= strstr(*word, "{}") != NULL;
	if (work->placeholder && work->delimited && !cli_given(settings, "batch")) {
		work->batch = 1; /* a file's batch is for commands that read */
		work->gather_ns = 0;
		work->delimited = false;
	}
	if (work->placeholder && work->delimited)
		cli_usage_error(settings, "\"{}\" stands for one message: not with --batch");
	if (work->on_failure == FAILURE_DEAD && work->dead_letter != NULL &&
	    strcmp(work->dead_letter, settings->channel.name) == 0 &&
	    !cli_given(settings, "dead-letter") && !cli_given(settings, "on-failure")) {
		work->dead_letter = NULL; /* a file's dead-letter is for all other channels */
		work->on_failure = FAILURE_STOP;
	}
	if (work->on_failure == FAILURE_DEAD && work->dead_letter == NULL)
		cli_usage_error(settings, "--on-failure dead needs a --dead-letter channel");
	if (work->on_failure != FAILURE_DEAD && !cli_given(settings, "dead-letter"))
		work->dead_letter = NULL;
	if (work->dead_letter != NULL && work->on_failure != FAILURE_DEAD)
		cli_usage_error(settings, "--dead-letter goes with --on-failure dead");
	if (work->dead_letter != NULL && strcmp(work->dead_letter, settings->channel.name) == 0)
		cli_usage_error(settings, "--dead-letter \"%s\" is the channel itself",
				work->dead_letter);
}

/*
 * Refuses a word that is neither an option nor its argument, and suggests what may have been meant.
 */
__attribute__((noreturn)) static void operand_refuse(const struct cli_settings *settings,
						     const char *word)
{
	bool about_channel = (settings->mode & (MODE_STATUS | MODE_REMOVE | MODE_REMOVE_GROUP)) ||
			     cli_given(settings, "watch");
	bool prints = (settings->mode & (MODE_PEEK | MODE_TAP)) != 0;
	char quoted[ESCAPE_WORD];

	if (cli_given(settings, "list") || settings->mode == MODE_DOCTOR)
		cli_usage_error(settings, "unexpected operand \"%s\"", word);
	if (!about_channel && strspn(word, "0123456789") == strlen(word))
		cli_usage_error(
			settings,
			"unexpected operand \"%s\"; to stop after a number of messages: -c %s",
			word, word);
	if ((about_channel || prints) && channel_name_valid(word))
		cli_usage_error(settings, "unexpected operand \"%s\"; a channel: -C %s", word,
				word);
	if (about_channel || prints)
		cli_usage_error(settings, "unexpected operand \"%s\"", word);
	if (!channel_name_valid(word))
		cli_usage_error(
			settings,
			"unexpected operand \"%.64s\"; to run a command for each message: -- %s",
			word, escape_word(quoted, word));
	cli_usage_error(settings,
			"unexpected operand \"%s\"; a channel: -C %s; a command for each message: "
			"-- %s",
			word, word, word);
}

void work_take_command(struct work *work, int argc, char **argv)
{
	const struct cli_settings *settings = work->settings;

	if (!settings->dashes) {
		if (optind < argc)
			operand_refuse(settings, argv[optind]);
		return;
	}
	work->command = argv + optind;
	if (optind == argc)
		cli_usage_error(settings, "no command after \"--\"");
}

void work_check(struct work *work)
{
	if (work->command != NULL)
		check_command(work);
	else if (work->gather_given)
		cli_usage_error(work->settings, "--batch N,SEC goes with a command: -- COMMAND");
}

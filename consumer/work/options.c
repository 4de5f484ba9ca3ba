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

/* Without a command this has no use. In a file it may stand for when there is one. */
static void needs_command(struct work *work, const char *option)
{
	if (work->settings->file == NULL)
		work->given = option;
}

static void parse_batch(struct work *work, const char *argument)
{
	const char *comma = strchr(argument, ',');
	char number[32];

	if (comma != NULL) {
		snprintf(number, sizeof(number), "%.*s", (int)(comma - argument), argument);
		work->gather_ns = cli_seconds(work->settings, "batch time", comma + 1);
		needs_command(work, "--batch N,SEC");
	}
	work->batch = (uint32_t)cli_number(work->settings, "batch",
					   comma != NULL ? number : argument, 1, BATCH_MAX);
	work->delimited = true;
}

static void parse_on_failure(struct work *work, const char *argument)
{
	if (strcmp(argument, "stop") == 0)
		work->on_failure = FAILURE_STOP;
	else if (strcmp(argument, "skip") == 0)
		work->on_failure = FAILURE_SKIP;
	else if (strcmp(argument, "dead") == 0)
		work->on_failure = FAILURE_DEAD;
	else
		cli_usage_error(work->settings,
				"bad --on-failure \"%s\": \"stop\", \"skip\" or \"dead\"",
				argument);
}

bool work_option(struct work *work, int key, const char *argument)
{
	const struct cli_settings *settings = work->settings;

	switch (key) {
	case 'b':
		parse_batch(work, argument);
		return true;
	case 'j':
		work->jobs = (uint32_t)cli_number(settings, "jobs", argument, 0, JOBS_MAX);
		needs_command(work, "--jobs");
		return true;
	case WORK_KEY_RETRIES:
		work->retries = (uint32_t)cli_number(settings, "retries", argument, 0, RETRIES_MAX);
		needs_command(work, "--retries");
		return true;
	case WORK_KEY_RETRY_DELAY:
		work->retry_delay_ns = cli_seconds(settings, "retry delay", argument);
		needs_command(work, "--retry-delay");
		return true;
	case WORK_KEY_MAX_TIME:
		work->max_time_ns = cli_seconds(settings, "max time", argument);
		needs_command(work, "--max-time");
		return true;
	case WORK_KEY_ON_FAILURE:
		parse_on_failure(work, argument);
		needs_command(work, "--on-failure");
		return true;
	case WORK_KEY_DEAD_LETTER:
		if (!channel_name_valid(argument))
			cli_usage_error(settings,
					"bad channel name \"%s\" for --dead-letter: 1 to %d "
					"letters, digits, '.', '_' or '-'",
					argument, CHANNEL_NAME_MAX);
		work->dead_letter = argument;
		needs_command(work, "--dead-letter");
		return true;
	default:
		return false;
	}
}

static void check_command(struct work *work)
{
	const struct cli_settings *settings = work->settings;

	for (char *const *word = work->command; *word != NULL; word++)
		work->placeholder |= strstr(*word, "{}") != NULL;
	if (work->placeholder && work->delimited && !cli_given(settings, "batch")) {
		work->batch = 1; /* a file's is for commands that read */
		work->gather_ns = 0;
		work->delimited = false;
	}
	if (work->placeholder && work->delimited)
		cli_usage_error(settings, "\"{}\" stands for one message: not with --batch");
	if (work->on_failure == FAILURE_DEAD && work->dead_letter != NULL &&
	    strcmp(work->dead_letter, settings->channel.name) == 0 &&
	    !cli_given(settings, "dead-letter") && !cli_given(settings, "on-failure")) {
		work->dead_letter = NULL; /* a file's is for all the other channels */
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

/* A word that no option takes: what may have been meant. */
__attribute__((noreturn)) static void operand_refuse(const struct cli_settings *settings,
						     const char *word)
{
	bool about_channel = cli_given(settings, "status") || cli_given(settings, "remove") ||
			     cli_given(settings, "watch") || cli_given(settings, "remove-group");
	bool prints = cli_given(settings, "peek") || cli_given(settings, "tap");
	char quoted[ESCAPE_WORD];

	if (cli_given(settings, "list") || cli_given(settings, "doctor"))
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

void work_check(struct work *work, int argc, char **argv)
{
	const struct cli_settings *settings = work->settings;

	if (settings->dashes) {
		work->command = argv + optind;
		if (optind == argc)
			cli_usage_error(settings, "no command after \"--\"");
		check_command(work);
		return;
	}
	if (optind < argc)
		operand_refuse(settings, argv[optind]);
	if (work->given != NULL)
		cli_usage_error(settings, "%s goes with a command: -- COMMAND", work->given);
}

/* shm-produce: puts messages into a channel. Its options and their checks; see shm-produce.1. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/trace_file.h"
#include "cli/waiting_note.h"
#include "producer/send.h"

enum { CONSUMERS_MAX = 64 };

/* What the options set. */
static struct produce {
	struct cli_settings settings; /* first, as CLI_INTO() requires */
	struct send_request sending;
	struct progress progress;
	const char **groups; /* ended by NULL; NULL: none */
	char *group_names;   /* the memory of those names */
} produce = { .sending.key = "" };

static struct cli_settings *const settings = &produce.settings;
static struct send_request *const sending = &produce.sending;

static cli_take take_input, take_message, take_key, take_groups;

/* clang-format off */
#define INTO(member) .into = offsetof(struct produce, member)
static const struct cli_option options[] = {
	CLI_COMMON_OPTIONS,
	{ 'i', "input", "FILE",
	  "the whole FILE is one message (repeatable, sent\n"
	  "before any MESSAGE; - is standard input)",
	  .modes = MODE_SEND, .take = take_input, INTO(sending), .once = true },
	{ 0, "message", "NAME",
	  "send what a configuration file has as [message NAME]\n"
	  "(repeatable, after any FILE, before any MESSAGE)",
	  .modes = MODE_SEND, .take = take_message, INTO(sending.configured), .once = true },
	{ 'k', "key", "TEXT",
	  "label every message with TEXT, 1 to 255 bytes; ''\n"
	  "is no key",
	  .modes = MODE_SEND, .neutral = "", .take = take_key, INTO(sending.key) },
	/* the words are in the order of enum channel_when_full */
	{ 0, "when-full", "block|fail|drop-new|drop-old",
	  "when the ring is full: block (wait for room), fail\n"
	  "(exit 3), drop-new (drop the message, go on, and\n"
	  "say how many in the end), drop-old (drop the oldest\n"
	  "that nobody has in hand instead) [block]",
	  .standard = "block", .modes = MODE_SEND,
	  .take = cli_take_word, INTO(settings.channel.when_full) },
	{ 'a', "wait-ack", NULL,
	  "return only when every message sent has been\n"
	  "acknowledged",
	  .modes = MODE_SEND, .matters = MATTER_ACKNOWLEDGED, .overrules = MATTER_NONBLOCK,
	  .take = cli_take_flag, INTO(sending.wait_acknowledged) },
	{ 0, "wait-consumers", "N", "send nothing before N consumers are there",
	  .least = 1, .most = CONSUMERS_MAX, .take = cli_take_number, INTO(sending.consumers) },
	{ 0, "hold", NULL,
	  "send nothing: be a producer while COMMAND runs and\n"
	  "starts others; exit with its status",
	  .chooses = MODE_HOLD, .modes = MODE_HOLD, .once = true },
	{ 0, "end", NULL,
	  "after the last message end the stream, also for\n"
	  "consumers that follow",
	  .take = cli_take_flag, INTO(sending.end), .once = true },
	{ 0, "groups", "GROUP,...",
	  "durable groups of consumers that miss nothing,\n"
	  "even if they come later",
	  .take = take_groups },
	PROGRESS_OPTIONS(offsetof(struct produce, progress)),
	CLI_GENERAL_OPTIONS,
	{ 0 }
};
/* clang-format on */

static const struct cli_section sections[] = { CLI_COMMON_SECTIONS,
					       { "input", "Messages" },
					       { "wait-consumers", "The stream and its groups" },
					       { NULL, NULL } };

static const struct cli_tool tool = {
	.name = "shm-produce",
	.usage = "shm-produce [OPTION]... [--] [MESSAGE]...\n"
		 "       shm-produce [OPTION]... --hold -- COMMAND [ARG]...",
	.about = "Put messages into a channel in shared memory: each MESSAGE, or, without one,\n"
		 "each line of standard input. shm-consume takes them out; either may be first.",
	.options = options,
	.sections = sections,
	.statuses =
		"  0    every message is in the channel, or was dropped, as --when-full says\n"
		"  1    failed: a line on standard error says why\n"
		"  2    usage\n"
		"  3    -n and it would have to wait; --when-full fail and the ring is full\n"
		"  124  timed out (-w)\n"
		"  126, 127  the COMMAND of --hold cannot be run, is not found; else its status\n"
		"  129, 130, 143  ended by SIGHUP, SIGINT, SIGTERM\n",
	.usual_mode = MODE_SEND
};

/* ---- options of this tool alone ---- */

/* --input: adds a file. */
static void take_input(const struct cli_settings *given, const struct cli_option *row,
		       const char *argument, void *into)
{
	struct send_request *to = into;
	const char **files = realloc(to->files, ((size_t)to->file_count + 1) * sizeof(*files));

	(void)row;
	if (files == NULL)
		cli_out_of_memory(given);
	to->files = files;
	to->files[to->file_count++] = argument;
}

static void take_message(const struct cli_settings *given, const struct cli_option *row,
			 const char *argument, void *into)
{
	(void)row;
	message_name(given, into, argument);
}

static void take_key(const struct cli_settings *given, const struct cli_option *row,
		     const char *argument, void *into)
{
	(void)row;
	if (strlen(argument) > CHANNEL_KEY_MAX)
		cli_usage_error(given, "bad key: longer than %d bytes", CHANNEL_KEY_MAX);
	*(const char **)into = argument;
}

/* Splits the list. It replaces the one of an earlier --groups. */
static void take_groups(const struct cli_settings *given, const struct cli_option *row,
			const char *argument, void *into)
{
	struct produce *to = into;
	size_t count = 0;

	(void)row;
	free(to->group_names);
	to->group_names = strdup(argument);
	if (to->group_names == NULL)
		cli_out_of_memory(given);
	for (char *name = strtok(to->group_names, ","); name != NULL; name = strtok(NULL, ",")) {
		const char **groups = realloc(to->groups, (count + 2) * sizeof(*groups));

		if (groups == NULL)
			cli_out_of_memory(given);
		cli_check_group(given, name);
		to->groups = groups;
		groups[count++] = name;
		groups[count] = NULL;
	}
	if (count == 0)
		cli_usage_error(given, "--groups names none");
	to->settings.channel.groups = to->groups;
}

/* ---- what goes together ---- */

static void file_check(const char *path)
{
	if (access(path, R_OK) == 0)
		return;
	cli_error(settings, "cannot open \"%s\": %s", path, strerror(errno));
	exit(CLI_FAILED);
}

/* Checks what can be known before anything is created or sent. */
static void inputs_check(void)
{
	int standard = send_reads_standard_input(sending);

	for (int i = 0; i < sending->file_count; i++) {
		if (strcmp(sending->files[i], "-") == 0) {
			if (sending->message_count > 0 || sending->configured.count > 0)
				cli_usage_error(
					settings,
					"with a MESSAGE standard input is not read: \"-i -\"");
			if (standard++ > 0)
				cli_usage_error(settings,
						"standard input can be one message only: \"-i -\"");
		} else {
			file_check(sending->files[i]);
		}
	}
	for (int i = 0; i < sending->configured.count; i++)
		if (sending->configured.messages[i].file != NULL)
			file_check(sending->configured.messages[i].file);
	if (standard > 0 && fcntl(STDIN_FILENO, F_GETFD) < 0) {
		cli_error(settings, "cannot read standard input: %s", strerror(errno));
		exit(CLI_FAILED);
	}
}

/* Returns how many words follow the "--" that has ended the options; -1: nothing like that has. */
static int words_behind(int count, char *const *words, const char *end)
{
	for (int i = 0; i < count; i++)
		if (words[i] == end)
			return strcmp(end, "--") == 0 ? count - 1 - i : -1;
	return -1;
}

/*
 * --hold: all operands are the command. All of them must follow "--", although getopt moves words
 * from before it there, too.
 */
static void command_take(int argc, char **argv, char *const *given)
{
	if (words_behind(argc, given, argv[optind - 1]) != argc - optind || argc == optind)
		cli_usage_error(settings, "--hold runs a command: --hold -- COMMAND [ARG]...");
	sending->command = argv + optind;
}

static void options_check(void)
{
	bool blocks = cli_given(settings, "when-full") &&
		      settings->channel.when_full == CHANNEL_FULL_BLOCK;

	cli_check_modes(settings);
	if (sending->wait_acknowledged && settings->channel.nonblock)
		cli_usage_error(settings, "--wait-ack waits, --nonblock never does");
	if (blocks && !cli_given(settings, "nonblock"))
		settings->channel.nonblock = false; /* a file's nonblock is for the usual case */
	if (blocks && settings->channel.nonblock)
		cli_usage_error(settings, "--when-full block waits, --nonblock never does");
	if (cli_given(settings, "json") && !produce.progress.stats)
		cli_usage_error(settings, "--json goes with --stats or --show-config");
}

/* Reads the command line and checks it. */
static void options_read(int argc, char **argv)
{
	char **given = malloc(((size_t)argc + 1) * sizeof(*given)); /* getopt reorders argv */

	cli_begin(settings, &tool);
	progress_init(&produce.progress, settings, false);
	if (given == NULL)
		cli_out_of_memory(settings);
	memcpy(given, argv, (size_t)argc * sizeof(*given));
	cli_read_options(settings, argc, argv);
	options_check();
	if (settings->mode == MODE_HOLD) {
		command_take(argc, argv, given);
	} else {
		sending->messages = argv + optind;
		sending->message_count = argc - optind;
	}
	free(given);
	message_resolve(settings, &sending->configured);
	cli_check_owner(settings);
	inputs_check();
}

static void produce_free(void)
{
	free(sending->files);
	free(produce.groups);
	free(produce.group_names);
	message_free(&sending->configured);
}

int main(int argc, char **argv)
{
	bool typed, others_print;
	int status;

	options_read(argc, argv);
	sending->settings = settings;
	sending->progress = &produce.progress;
	sending->channel = channel_new();
	if (sending->channel == NULL)
		cli_out_of_memory(settings);
	typed = send_reads_standard_input(sending) && isatty(STDIN_FILENO) != 0;
	/* Typed text, the output of a command and the progress line are on the same terminal. */
	others_print = typed || sending->command != NULL || progress_asked(&produce.progress);
	waiting_note_begin(settings, others_print ? WAITING_NOTE_KEEP : 0);
	cli_signals_catch(settings, sending->channel);
	cli_trace_open(settings);
	cli_story(settings, "producer: preparing data...");
	progress_begin(&produce.progress, typed);
	status = send_run(sending);
	progress_end(&produce.progress, status);
	cli_story(settings, "producer: finishing process.");
	produce_free();
	cli_end(status, false);
}

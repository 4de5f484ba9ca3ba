/* shm-produce: puts messages into a channel. See shm-produce.1. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config_files.h"
#include "cli/line.h"
#include "cli/message.h"
#include "cli/option_table.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/trace_file.h"
#include "cli/values.h"
#include "cli/waiting_note.h"
#include "frame/read_lines.h"
#include "producer/hold.h"
#include "producer/named_message.h"

enum {
	KEY_END = CLI_KEY_TOOL,
	KEY_WHEN_FULL,
	KEY_HOLD,
	KEY_WAIT_CONSUMERS,
	KEY_GROUPS,
	KEY_MESSAGE
};
enum { CONSUMERS_MAX = 64 };

static const struct cli_option options[] = {
	CLI_COMMON_OPTIONS,
	{ 'i', "input", "FILE",
	  "the whole FILE is one message (repeatable, sent\n"
	  "before any MESSAGE; - is standard input)",
	  .once = true },
	{ KEY_MESSAGE, "message", "NAME",
	  "send what a configuration file has as [message NAME]\n"
	  "(repeatable, after any FILE, before any MESSAGE)",
	  .once = true },
	{ 'k', "key", "TEXT",
	  "label every message with TEXT, 1 to 255 bytes; ''\n"
	  "is no key" },
	{ KEY_WHEN_FULL, "when-full", "block|fail|drop-new|drop-old",
	  "when the ring is full: block (wait for room), fail\n"
	  "(exit 3), drop-new (drop the message, go on, and\n"
	  "say how many in the end), drop-old (drop the oldest\n"
	  "that nobody has in hand instead) [block]",
	  .standard = "block" },
	{ 'a', "wait-ack", NULL,
	  "return only when every message sent has been\n"
	  "acknowledged" },
	{ KEY_WAIT_CONSUMERS, "wait-consumers", "N", "send nothing before N consumers are there" },
	{ KEY_HOLD, "hold", NULL,
	  "send nothing: be a producer while COMMAND runs and\n"
	  "starts others; exit with its status",
	  .once = true },
	{ KEY_END, "end", NULL,
	  "after the last message end the stream, also for\n"
	  "consumers that follow",
	  .once = true },
	{ KEY_GROUPS, "groups", "GROUP,...",
	  "durable groups of consumers that shall miss\n"
	  "nothing, even if they come later" },
	PROGRESS_OPTIONS,
	CLI_GENERAL_OPTIONS,
	{ 0 }
};

static const struct cli_section sections[] = { CLI_COMMON_SECTIONS,
					       { 'i', "Messages" },
					       { KEY_WAIT_CONSUMERS, "The stream and its groups" },
					       { 0 } };

/* What a file says for the usual case must not be in the way of another one. */
static const struct cli_precedence precedences[] = {
	{ "nonblock", "wait-ack" },	 { "timeout", "nonblock" },
	{ "wait-ack", "nonblock" },	 { "hold", "key wait-ack when-full progress stats" },
	{ "framing", "delimiter null" }, { "delimiter", "null framing" },
	{ "null", "delimiter framing" }, { NULL, NULL }
};

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
	.precedences = precedences
};

static struct cli_settings settings;

struct producer {
	struct channel *channel;
	char **messages;
	int message_count;
	const char **files;
	int file_count;
	struct message_list configured; /* --message */
	const char **groups;		/* ended by NULL; NULL: none */
	char *group_names;		/* what they point into */
	unsigned waits;			/* seconds of the wait that we are in */
	unsigned mutual_waits;		/* the same, until it is found to be for ourselves */
	bool mutual;
	uint64_t dropped;   /* messages, as told with -v */
	const char *key;    /* "": none */
	char **command;	    /* --hold; NULL: none */
	unsigned consumers; /* how many to wait for */
	bool blocks;	    /* --when-full says so */
	bool wait_acknowledged;
	bool end;
	bool input_read; /* something of an input was taken and cannot be read again */
	bool sent;
};

static struct producer producer = { .key = "" };
static struct progress progress;

/* Room was made for this one out of older ones. */
static void tell_old_dropped(void)
{
	uint64_t dropped = channel_dropped(producer.channel) - producer.dropped;

	producer.dropped += dropped;
	if (dropped > 0)
		cli_story(&settings, "producer: channel is full, %llu old message%s dropped",
			  (unsigned long long)dropped, dropped == 1 ? "" : "s");
}

/* Whole messages, or, 0, a piece of one. */
static void tell_sent(uint32_t messages, size_t bytes)
{
	progress_count(&progress, messages, bytes);
	if (messages == 0)
		return;
	producer.sent = true;
	producer.waits = producer.mutual_waits = 0;
	producer.mutual = false;
	why_moved();
	tell_old_dropped();
	cli_story(&settings, "producer: data ready, notifying consumer");
}

static void tell_dropped(void)
{
	producer.dropped = channel_dropped(producer.channel);
	why_moved();
	cli_story(&settings, "producer: channel is full, data dropped");
}

/* The one who loses messages has asked for it, but shall know how many. */
static void tell_all_dropped(void)
{
	uint64_t dropped = channel_dropped(producer.channel);

	if (dropped > 0)
		cli_note(&settings, "dropped %llu message%s: channel \"%s\" was full",
			 (unsigned long long)dropped, dropped == 1 ? "" : "s",
			 settings.channel.name);
}

/* ---- sending ---- */

static enum cli_exit send_failed(int error)
{
	return cli_channel_error(&settings, producer.channel, "send to", error);
}

/* A second without input, or without room: it is seen that nothing moves. */
static void show_waiting(void)
{
	progress_wait(&progress);
}

/* delimiter: NULL: what --framing or --delimiter says; else all of it is one message. */
static enum cli_exit send_input(int fd, const char *name, const struct delimiter *delimiter)
{
	struct frame_input input = { .fd = fd,
				     .delimiter =
					     delimiter != NULL ? delimiter : &settings.delimiter,
				     .netstrings = delimiter == NULL && settings.netstrings,
				     .sent = tell_sent,
				     .dropped = tell_dropped,
				     .waiting = show_waiting };
	int rc;

	if (producer.file_count <= 1) /* of several it would only be the part of one */
		progress_input(&progress, fd);
	rc = frame_send(producer.channel, &input);
	progress_input(&progress, -1);
	producer.input_read |= input.read;
	if (rc < 0 && input.malformed != NULL) {
		cli_error(&settings, "cannot read %s: bad netstring at byte offset %llu: %s", name,
			  (unsigned long long)input.offset, input.malformed);
		return CLI_FAILED;
	}
	if (rc < 0 && input.error != 0) {
		cli_error(&settings, "cannot read %s: %s", name, strerror(input.error));
		return CLI_FAILED;
	}
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

static enum cli_exit send_file(const char *path)
{
	static const struct delimiter none = { .size = 0 };
	char name[300];
	enum cli_exit status;
	int fd;

	if (strcmp(path, "-") == 0)
		return send_input(STDIN_FILENO, "standard input", &none);
	do { /* a FIFO may be waited for, a signal ends that */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR && !channel_interrupted(producer.channel));
	snprintf(name, sizeof(name), "\"%s\"", path);
	if (fd < 0 && errno == EINTR)
		return CLI_FAILED;
	if (fd < 0) {
		cli_error(&settings, "cannot open %s: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	status = send_input(fd, name, &none);
	close(fd);
	return status;
}

static enum cli_exit send_text(const char *text)
{
	int rc = channel_send(producer.channel, text, strlen(text), 0);

	if (rc < 0)
		return send_failed(rc);
	if (rc == CHANNEL_DROPPED)
		tell_dropped();
	else
		tell_sent(1, strlen(text));
	return CLI_DONE;
}

/* One of --message, with its own key if it has one. */
static enum cli_exit send_configured(const struct message *message)
{
	const char *key = message->key != NULL ? message->key : producer.key;
	enum cli_exit status;

	channel_key_set(producer.channel, key, strlen(key));
	status = message->text != NULL ? send_text(message->text) : send_file(message->file);
	channel_key_set(producer.channel, producer.key, strlen(producer.key));
	return status;
}

/* Is standard input what is to be sent? */
static bool reads_standard_input(void)
{
	return producer.file_count == 0 && producer.configured.count == 0 &&
	       producer.message_count == 0 && producer.command == NULL;
}

static enum cli_exit send_messages(void)
{
	enum cli_exit status = CLI_DONE;

	for (int i = 0; status == CLI_DONE && i < producer.file_count; i++)
		status = send_file(producer.files[i]);
	for (int i = 0; status == CLI_DONE && i < producer.configured.count; i++)
		status = send_configured(&producer.configured.messages[i]);
	for (int i = 0; status == CLI_DONE && i < producer.message_count; i++)
		status = send_text(producer.messages[i]);
	if (status == CLI_DONE && reads_standard_input())
		status = send_input(STDIN_FILENO, "standard input", NULL);
	return status;
}

/* --wait-ack. What was committed is delivered in any case, so giving up is no failure. */
static enum cli_exit wait_acknowledged(void)
{
	int rc = channel_wait_acknowledged(producer.channel);

	if (rc == -ETIMEDOUT) {
		cli_error(&settings,
			  "cannot wait longer for channel \"%s\": timed out: not all messages are "
			  "acknowledged",
			  settings.channel.name);
		return CLI_TIMED_OUT;
	}
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

/* --wait-consumers */
static enum cli_exit wait_consumers(void)
{
	int rc = channel_wait_consumers(producer.channel, producer.consumers);

	if ((rc == -ETIMEDOUT || rc == -EAGAIN) && !channel_report(producer.channel)->lock_taken) {
		cli_error(&settings, "cannot send to channel \"%s\": %s%u of %u consumer%s there",
			  settings.channel.name, rc == -ETIMEDOUT ? "timed out: " : "",
			  channel_consumers(producer.channel), producer.consumers,
			  producer.consumers == 1 ? " is" : "s are");
		return cli_status(rc);
	}
	if (rc == 0)
		why_moved();
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

/* Sends all there is. *all_sent: what was sent counts, whatever the status. */
static int send_all(bool *all_sent)
{
	int status = (int)send_messages();

	progress.dropped = channel_dropped(producer.channel);
	tell_all_dropped();
	if (status == CLI_DONE && producer.wait_acknowledged) {
		status = (int)wait_acknowledged();
		if (status == CLI_DONE)
			why_moved();
		*all_sent = status == CLI_TIMED_OUT;
	}
	return status;
}

static int produce(void)
{
	int status = CLI_DONE;
	bool all_sent = false;
	unsigned flags = 0;
	int rc;

	rc = channel_attach(producer.channel, CHANNEL_PRODUCER, &settings.channel);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0)
		return (int)cli_channel_error(&settings, producer.channel, "attach to", rc);
	why_moved();
	cli_check_size(&settings, producer.channel);
	cli_check_mode(&settings, producer.channel);
	channel_key_set(producer.channel, producer.key, strlen(producer.key));

	if (producer.consumers > 0)
		status = (int)wait_consumers();
	if (status != CLI_DONE)
		flags |= CHANNEL_UNBEGUN | CHANNEL_FAILED;
	else if (producer.command != NULL)
		status = hold_run(&settings, producer.channel, producer.command);
	else
		status = send_all(&all_sent);
	/*
	 * Consumers learn that the stream may be incomplete, unless nothing was taken from
	 * anywhere: who got 3 for its first message can simply try again.
	 */
	if (status != CLI_DONE && !all_sent &&
	    !(status == CLI_WOULD_BLOCK && producer.command == NULL && !producer.input_read &&
	      !producer.sent))
		flags |= CHANNEL_FAILED;
	if (channel_interrupted(producer.channel))
		flags |= CHANNEL_FAILED;
	if ((status == CLI_DONE || all_sent) && producer.end)
		flags |= CHANNEL_END;
	channel_detach(producer.channel, flags);
	return status;
}

/* ---- the command line ---- */

static void input_add(const char *path)
{
	const char **files =
		realloc(producer.files, ((size_t)producer.file_count + 1) * sizeof(*files));

	if (files == NULL) {
		cli_error(&settings, "out of memory");
		exit(CLI_FAILED);
	}
	producer.files = files;
	producer.files[producer.file_count++] = path;
}

/* Takes the list apart. It replaces the one before. */
static void groups_take(const char *list)
{
	size_t count = 0;

	free(producer.group_names);
	producer.group_names = strdup(list);
	if (producer.group_names == NULL) {
		cli_error(&settings, "out of memory");
		exit(CLI_FAILED);
	}
	for (char *name = strtok(producer.group_names, ","); name != NULL;
	     name = strtok(NULL, ",")) {
		const char **groups = realloc(producer.groups, (count + 2) * sizeof(*groups));

		if (groups == NULL) {
			cli_error(&settings, "out of memory");
			exit(CLI_FAILED);
		}
		if (!channel_group_valid(name))
			cli_usage_error(
				&settings,
				"bad group \"%s\": 1 to %d letters, digits, '.', '_' or '-'", name,
				CHANNEL_GROUP_MAX);
		producer.groups = groups;
		groups[count++] = name;
		groups[count] = NULL;
	}
	if (count == 0)
		cli_usage_error(&settings, "--groups names none");
	settings.channel.groups = producer.groups;
}

/*
 * Two seconds without room: says whom we wait for, if there is more than one who could; to who
 * looks on, why we wait, whatever it is.
 */
static void tell_waiting(const struct channel *channel)
{
	char cause[CHANNEL_EXPLAIN_MAX];

	if (why_speaks())
		why_waiting(channel);
	else if (channel_report(channel)->held_by_group && cli_can_write() && ++producer.waits == 2)
		cli_note(&settings, "channel \"%s\": waiting: %s", settings.channel.name,
			 channel_explain(channel, -ETIMEDOUT, cause, sizeof(cause)));
}

/* A second of a wait for the other side. */
static void on_waiting(const struct channel *channel)
{
	if (!producer.mutual)
		producer.mutual = why_mutual(&settings, channel, ++producer.mutual_waits);
	tell_waiting(channel);
	show_waiting();
}

static enum channel_when_full parse_when_full(const char *text)
{
	static const char *const words[] = { [CHANNEL_FULL_BLOCK] = "block",
					     [CHANNEL_FULL_FAIL] = "fail",
					     [CHANNEL_FULL_DROP_NEW] = "drop-new",
					     [CHANNEL_FULL_DROP_OLD] = "drop-old" };

	for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++)
		if (strcmp(text, words[i]) == 0)
			return (enum channel_when_full)i;
	cli_usage_error(&settings,
			"bad answer \"%s\" to a full ring: block, fail, drop-new or drop-old",
			text);
}

static void file_check(const char *path)
{
	if (access(path, R_OK) == 0)
		return;
	cli_error(&settings, "cannot open \"%s\": %s", path, strerror(errno));
	exit(CLI_FAILED);
}

/* What can be known before anything is created or sent. */
static void inputs_check(void)
{
	int standard = reads_standard_input();

	for (int i = 0; i < producer.file_count; i++) {
		if (strcmp(producer.files[i], "-") == 0) {
			if (producer.message_count > 0 || producer.configured.count > 0)
				cli_usage_error(
					&settings,
					"with a MESSAGE standard input is not read: \"-i -\"");
			if (standard++ > 0)
				cli_usage_error(&settings,
						"standard input can be one message only: \"-i -\"");
		} else {
			file_check(producer.files[i]);
		}
	}
	for (int i = 0; i < producer.configured.count; i++)
		if (producer.configured.messages[i].file != NULL)
			file_check(producer.configured.messages[i].file);
	if (standard > 0 && fcntl(STDIN_FILENO, F_GETFD) < 0) {
		cli_error(&settings, "cannot read standard input: %s", strerror(errno));
		exit(CLI_FAILED);
	}
}

/* How many words stand behind the "--" that ended the options; -1: none did. */
static int words_behind(int count, char *const *words, const char *end)
{
	for (int i = 0; i < count; i++)
		if (words[i] == end)
			return strcmp(end, "--") == 0 ? count - 1 - i : -1;
	return -1;
}

/*
 * --hold: all operands are the command, and all of them stood behind "--", where getopt moves
 * those from before it, too.
 */
static void command_take(int argc, char **argv, char *const *given)
{
	if (words_behind(argc, given, argv[optind - 1]) != argc - optind || argc == optind)
		cli_usage_error(&settings, "--hold runs a command: --hold -- COMMAND [ARG]...");
	if (producer.file_count > 0 || producer.configured.count > 0 ||
	    producer.wait_acknowledged || *producer.key != '\0' || producer.blocks ||
	    settings.channel.when_full != CHANNEL_FULL_BLOCK)
		cli_usage_error(&settings, "--hold sends nothing itself: --input, --message, "
					   "--key, --wait-ack and --when-full do not go with "
					   "it");
	if (progress_given(&progress) != NULL)
		cli_usage_error(&settings, "--hold sends nothing itself: %s does not go with it",
				progress_given(&progress));
	producer.command = argv + optind;
	producer.message_count = 0;
}

static unsigned parse_consumers(const char *text)
{
	uint64_t count = cli_count(&settings, "number of consumers", text);

	if (count > CONSUMERS_MAX)
		cli_usage_error(&settings, "bad number of consumers \"%s\": at most %d", text,
				CONSUMERS_MAX);
	return (unsigned)count;
}

int main(int argc, char **argv)
{
	char **given = malloc(((size_t)argc + 1) * sizeof(*given)); /* getopt sorts argv */
	const char *argument;
	bool hold = false;
	int key, status;

	cli_begin(&settings, &tool);
	progress_init(&progress, &settings, false);
	if (given == NULL) {
		cli_error(&settings, "out of memory");
		return CLI_FAILED;
	}
	memcpy(given, argv, (size_t)argc * sizeof(*given));
	while ((key = cli_next_option(&settings, argc, argv, &argument)) != -1) {
		switch (key) {
		case 'i':
			input_add(argument);
			break;
		case 'k':
			if (strlen(argument) > CHANNEL_KEY_MAX)
				cli_usage_error(&settings, "bad key: longer than %d bytes",
						CHANNEL_KEY_MAX);
			producer.key = argument;
			break;
		case 'a':
			producer.wait_acknowledged = true;
			break;
		case KEY_MESSAGE:
			message_name(&settings, &producer.configured, argument);
			break;
		case KEY_GROUPS:
			groups_take(argument);
			break;
		case KEY_WHEN_FULL:
			settings.channel.when_full = parse_when_full(argument);
			producer.blocks = settings.channel.when_full == CHANNEL_FULL_BLOCK &&
					  settings.file == NULL;
			break;
		case KEY_HOLD:
			hold = true;
			break;
		case KEY_WAIT_CONSUMERS:
			producer.consumers = parse_consumers(argument);
			break;
		case KEY_END:
			producer.end = true;
			break;
		default:
			if (progress_option(&progress, key, argument))
				break;
			abort(); /* a row of the table without a case */
		}
	}
	producer.messages = argv + optind;
	producer.message_count = argc - optind;
	if (producer.wait_acknowledged && settings.channel.nonblock)
		cli_usage_error(&settings, "--wait-ack waits, --nonblock never does");
	if (producer.blocks && !cli_given(&settings, "nonblock"))
		settings.channel.nonblock = false; /* a file's is for the usual case */
	if (producer.blocks && settings.channel.nonblock)
		cli_usage_error(&settings, "--when-full block waits, --nonblock never does");
	if (cli_given(&settings, "json") && !progress.stats)
		cli_usage_error(&settings, "--json goes with --stats or --show-config");
	if (hold)
		command_take(argc, argv, given);
	free(given);
	message_resolve(&settings, &producer.configured);
	cli_check_owner(&settings);
	inputs_check();

	producer.channel = channel_new();
	if (producer.channel == NULL) {
		cli_error(&settings, "out of memory");
		return CLI_FAILED;
	}
	settings.channel.waiting = on_waiting;
	/* What is typed, printed by a command, or drawn, is on the same terminal. */
	why_begin(&settings, hold || progress_given(&progress) != NULL ||
					     (reads_standard_input() && isatty(STDIN_FILENO) != 0)
				     ? WHY_KEEP
				     : 0);
	hold_prepare();
	cli_signals_catch(&settings, producer.channel);
	cli_trace_open(&settings);
	cli_story(&settings, "producer: preparing data...");
	progress_begin(&progress, reads_standard_input() && isatty(STDIN_FILENO) != 0);
	status = cli_run(&settings, produce);
	progress_end(&progress, status);
	cli_story(&settings, "producer: finishing process.");
	free(producer.files);
	free(producer.groups);
	free(producer.group_names);
	message_free(&producer.configured);
	cli_end(status, false);
}

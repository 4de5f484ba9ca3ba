/* shm-consume: takes messages out of a channel. See shm-consume.1. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/option_table.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/trace_file.h"
#include "cli/values.h"
#include "cli/waiting_note.h"
#include "consumer/copies.h"
#include "consumer/look/look.h"
#include "consumer/print/format.h"
#include "consumer/print/print.h"
#include "consumer/work/crew_run.h"
#include "consumer/work/options.h"

enum { KEY_IDLE = CLI_KEY_TOOL, KEY_FROM, KEY_DURABLE, KEY_REMOVE_GROUP, KEY_PEEK, KEY_TAP };

static const struct cli_option options[] = {
	CLI_COMMON_OPTIONS,
	FORMAT_OPTIONS,
	{ 'c', "count", "N", "stop after N messages" },
	{ 'e', "exit-empty", NULL,
	  "stop when nothing is left, even if producers are\n"
	  "still there; never creates a channel" },
	{ 'f', "follow", NULL, "do not stop when the producers have gone" },
	{ KEY_IDLE, "idle", "SEC", "with -f: stop when nothing has come for this long" },
	{ 'g', "group", "GROUP",
	  "belong to this group: each group sees every\n"
	  "message, the consumers of one share them" },
	{ KEY_FROM, "from", "oldest|newest",
	  "where a new group begins: with the oldest message\n"
	  "that is still there, or the next one [oldest]",
	  .standard = "oldest" },
	{ KEY_DURABLE, "durable", NULL,
	  "the group stays, and misses nothing, when its last\n"
	  "consumer has left" },
	{ KEY_REMOVE_GROUP, "remove-group", "GROUP",
	  "end a group that has no consumers, with what it\n"
	  "has not taken, and exit",
	  .once = true },
	{ KEY_PEEK, "peek", NULL,
	  "print what is there, what --group has not taken, and\n"
	  "leave all as it is; never waits, never creates",
	  .once = true },
	{ KEY_TAP, "tap", NULL,
	  "print a copy of what is sent from now on, or with\n"
	  "--from oldest of what is there, too, and take\n"
	  "nothing; says what it missed as it was too slow",
	  .once = true },
	WORK_OPTIONS,
	LOOK_OPTIONS,
	PROGRESS_OPTIONS,
	CLI_GENERAL_OPTIONS,
	{ 0 }
};

static const struct cli_section sections[] = { CLI_COMMON_SECTIONS,
					       { 'c', "When to stop" },
					       { 'g', "Groups" },
					       { KEY_PEEK, "Without taking anything" },
					       { CLI_KEY_LOOK, "Looking inside" },
					       { 'b', "With COMMAND" },
					       { 0 } };

/* What files may say of taking messages means nothing to who takes none. */
#define LOOK_LEAVES                                                                                \
	"group durable from exit-empty follow idle count new size mode spin batch format "         \
	"json-lines framing progress stats trace"

/* What a file says for the usual case must not be in the way of another one. */
static const struct cli_precedence precedences[] = {
	{ "exit-empty", "follow idle" },
	{ "follow", "exit-empty nonblock" },
	{ "nonblock", "follow idle" },
	{ "timeout", "nonblock" },
	{ "tap", "group durable exit-empty new batch" },
	{ "peek",
	  "durable from exit-empty follow idle new size mode nonblock timeout spin batch trace" },
	{ "framing", "delimiter null format json-lines" },
	{ "delimiter", "null framing format json-lines" },
	{ "null", "delimiter framing format json-lines" },
	{ "format", "delimiter null framing json-lines" },
	{ "json-lines", "delimiter null framing format" },
	{ "list", LOOK_LEAVES " nonblock timeout" },
	{ "status", LOOK_LEAVES " nonblock timeout" },
	{ "watch", LOOK_LEAVES " nonblock timeout" },
	{ "doctor", LOOK_LEAVES " nonblock timeout json" },
	{ "remove", LOOK_LEAVES " json" },
	{ "remove-group", LOOK_LEAVES " delimiter null" },
	{ NULL, NULL }
};

static const struct cli_tool tool = {
	.name = "shm-consume",
	.usage = "shm-consume [OPTION]... [-- COMMAND [ARG]...]",
	.about = "Take messages out of a channel in shared memory and print each with a newline,\n"
		 "until the stream ends. shm-produce puts them in; either may start first.\n"
		 "With COMMAND: run it for each message, which is its standard input, and \"{}\" "
		 "in\n"
		 "an ARG; the message is acknowledged when it exits with 0.",
	.options = options,
	.sections = sections,
	.statuses =
		"  0    the stream is complete, or -c, -e or --idle was met\n"
		"  1    failed: a line on standard error says why\n"
		"  2    usage\n"
		"  3    -n and it would have to wait, or fewer messages than -c asked for\n"
		"  4    a producer died or failed, or a message longer than the ring was lost;\n"
		"       all that is whole was delivered, but the stream may be incomplete\n"
		"  123, 125  a COMMAND failed for good; 125: it was killed\n"
		"  124  timed out (-w)\n"
		"  126, 127  COMMAND cannot be run, is not found\n"
		"  129, 130, 141, 143  ended by SIGHUP, SIGINT, SIGPIPE, SIGTERM\n"
		"  SIGUSR1: it finishes the commands that run, takes no more, and ends\n",
	.operands_last = true,
	.precedences = precedences,
};

static struct cli_settings settings;
static struct work work; /* with a command */
static struct format format;
static struct progress progress;
static struct look look; /* without taking anything */

struct consumer {
	struct channel *channel;
	struct print print;
	const char *remove_group; /* NULL: take messages */
	uint64_t count;		  /* 0: no limit */
	uint64_t lost;		  /* as reported */
	uint64_t missed;	  /* as reported: messages that were dropped */
	uint64_t idle_ns;	  /* 0: for ever */
	const char *from;	  /* NULL: not given */
	bool peek;
	bool tap;
	bool exit_empty;
	bool follow;
	bool ended; /* the stream has: nothing more comes */
};

static struct consumer consumer;
static struct print *printing = &consumer.print; /* what is printed at the moment */

/* Were there as many as --count asked for? */
static enum cli_exit status_at_end(void)
{
	return consumer.count > consumer.print.received ? CLI_WOULD_BLOCK : CLI_DONE;
}

/* Writes what is in hand; what could not be written is given back. */
static enum cli_exit handle(const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = print_delivery(&consumer.print, delivery, &done);

	if (rc == 0)
		return CLI_DONE;
	channel_give_back(consumer.channel, done);
	return print_failed(&consumer.print, rc);
}

/* How the last look for a message ended, if not with one. */
static enum cli_exit status_without(int result, bool idle)
{
	switch (result) {
	case CHANNEL_ENDED:
		consumer.ended = true;
		return channel_incomplete(consumer.channel) ? CLI_INCOMPLETE : status_at_end();
	case -EAGAIN:
		if (channel_report(consumer.channel)->lock_taken)
			break;
		return consumer.exit_empty ? status_at_end() : CLI_WOULD_BLOCK;
	case -EINTR:
		if (cli_drain_asked() && cli_signal_caught() == 0)
			return status_at_end();
		break;
	case -ETIMEDOUT:
		if (!idle || channel_report(consumer.channel)->lock_taken)
			break;
		return channel_end_passed(consumer.channel) && channel_incomplete(consumer.channel)
			       ? CLI_INCOMPLETE
			       : status_at_end();
	default:
		break;
	}
	return print_channel_failed(&consumer.print, "receive from", result);
}

/* Says at once that a message is lost: a follower may not end for days. */
static void tell_lost(void)
{
	uint64_t lost = channel_lost(consumer.channel) - consumer.lost;

	if (lost == 0)
		return;
	consumer.lost += lost;
	cli_error(&settings,
		  "channel \"%s\" lost %llu message%s longer than its ring: a consumer had died or "
		  "left with a part",
		  settings.channel.name, (unsigned long long)lost, lost == 1 ? "" : "s");
}

/* What was dropped before the message of this number, or, 0, before the end. */
static void tell_missed(uint64_t sequence)
{
	uint64_t missed = channel_missed(consumer.channel) - consumer.missed;

	consumer.missed += missed;
	cli_tell_missed(&settings, missed, sequence);
}

/* Do messages leave the terminal inside a line, which a note would begin in? */
static bool output_leaves_line(void)
{
	const struct delimiter *delimiter = &settings.delimiter;

	return isatty(STDOUT_FILENO) != 0 &&
	       (format.option != NULL || settings.netstrings || delimiter->size == 0 ||
		delimiter->bytes[delimiter->size - 1] != '\n');
}

/* A second of a wait for the other side. */
static void on_waiting(const struct channel *channel)
{
	print_look(printing);
	if (channel_report(channel)->waits == CHANNEL_WAITS_DATA) /* no lock is in our hands */
		print_line_look(printing);
	/* Not in the middle of a message that is on the same terminal. */
	if (!printing->inside || isatty(STDOUT_FILENO) == 0)
		why_waiting(channel);
	progress_wait(&progress);
	/* Nothing is in hand but, perhaps, a part of a message, whose rest is to come. */
	if (cli_drain_asked() && !printing->inside)
		channel_interrupt(consumer.channel);
}

static enum cli_exit receive_messages(void)
{
	unsigned flags = CHANNEL_SHARE | (consumer.follow ? CHANNEL_FOLLOW : 0) |
			 (consumer.exit_empty || settings.channel.nonblock ? CHANNEL_DONTWAIT : 0);
	bool told_waiting = false;

	for (;;) {
		struct channel_delivery delivery;
		uint64_t left = consumer.count - consumer.print.received;
		bool idle = consumer.idle_ns != 0 && !consumer.print.inside &&
			    (settings.channel.timeout_ns == 0 ||
			     consumer.idle_ns < settings.channel.timeout_ns);
		enum cli_exit status;
		int rc;

		if (!told_waiting)
			cli_story(&settings, "consumer: waiting for data...");
		told_waiting = true;
		if (cli_drain_asked() && !printing->inside) /* then nothing is taken */
			channel_interrupt(consumer.channel);
		rc = channel_receive(consumer.channel,
				     consumer.count == 0 || left > UINT32_MAX ? UINT32_MAX
									      : (uint32_t)left,
				     flags | print_flags(&consumer.print),
				     idle ? consumer.idle_ns : 0, &delivery);
		if (rc >= 0)
			why_moved();
		tell_lost();
		tell_missed(rc == CHANNEL_DELIVERED ? delivery.sequence : 0);
		if (rc == CHANNEL_PASSED) {
			status = print_line_end(&consumer.print);
			if (status != CLI_DONE)
				return status;
			continue;
		}
		if (rc != CHANNEL_DELIVERED) {
			/*
			 * An error may have come before the last delivery was acknowledged. Of a
			 * message longer than the ring all comes again, if nothing was freed yet.
			 */
			if (consumer.print.inside)
				channel_give_back(consumer.channel, 0);
			else
				channel_acknowledge(consumer.channel);
			return status_without(rc, idle);
		}
		status = handle(&delivery);
		if (status != CLI_DONE)
			return status;
		if (consumer.count > 0 && consumer.print.received >= consumer.count) {
			rc = channel_acknowledge(consumer.channel);
			return rc < 0 ? cli_channel_error(&settings, consumer.channel,
							  "acknowledge to", rc)
				      : CLI_DONE;
		}
	}
}

static enum cli_exit attach_failed(int error)
{
	/* With -n or -e a channel that is missing is an empty one; another's is a mistake. */
	if (error == -ENOENT && settings.channel.owner == geteuid() &&
	    settings.channel.never_create)
		return consumer.exit_empty ? status_at_end() : CLI_WOULD_BLOCK;
	if (error == -EINTR && cli_drain_asked() && cli_signal_caught() == 0)
		return status_at_end();
	return print_channel_failed(&consumer.print, "attach to", error);
}

static int consume(void)
{
	enum cli_exit status;
	bool untold;
	int rc;

	rc = channel_attach(consumer.channel, CHANNEL_CONSUMER, &settings.channel);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0)
		return (int)attach_failed(rc);
	why_moved();
	cli_story(&settings, "consumer: connected to shared memory!");
	cli_check_size(&settings, consumer.channel);
	cli_check_mode(&settings, consumer.channel);

	status = receive_messages();
	status = print_end(&consumer.print, status, consumer.ended);
	tell_lost();
	progress.lost = consumer.lost;
	progress.dropped = consumer.missed;
	cli_note_missed(&settings, consumer.missed);
	if (consumer.lost > 0 && (status == CLI_DONE || status == CLI_WOULD_BLOCK))
		status = CLI_INCOMPLETE;
	/*
	 * Does the exit status say how the stream ended? It is not seen of one ended by a signal.
	 */
	untold = cli_signal_caught() != 0 ||
		 (status != CLI_DONE && status != CLI_WOULD_BLOCK && status != CLI_INCOMPLETE) ||
		 (channel_incomplete(consumer.channel) && status != CLI_INCOMPLETE);
	channel_detach(consumer.channel, untold ? CHANNEL_UNTOLD : 0);
	return (int)status;
}

/* --remove-group */
static int group_remove(void)
{
	uint64_t messages;
	int rc = channel_group_remove(consumer.channel, &settings.channel, consumer.remove_group,
				      &messages);

	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc == -CHANNEL_EINUSE) {
		unsigned members = channel_report(consumer.channel)->endpoints;

		cli_error(&settings,
			  "cannot remove group \"%s\" of channel \"%s\": it has %u consumer%s",
			  consumer.remove_group, settings.channel.name, members,
			  members == 1 ? "" : "s");
		return CLI_FAILED;
	}
	if (rc < 0)
		return (int)cli_channel_error(&settings, consumer.channel, "remove a group of", rc);
	if (messages > 0)
		cli_note(&settings,
			 "group \"%s\": %llu message%s that it had not taken went with it",
			 consumer.remove_group, (unsigned long long)messages,
			 messages == 1 ? "" : "s");
	return CLI_DONE;
}

/* A delayed error, of a network file system say, shows when it is closed. */
static int output_close(int status)
{
	if (close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR && status == CLI_DONE) {
		cli_error(&settings, "cannot write standard output: %s", strerror(errno));
		return CLI_FAILED;
	}
	return status;
}

/* ---- the command line ---- */

static const char *group_check(const char *name)
{
	if (!channel_group_valid(name))
		cli_usage_error(&settings,
				"bad group \"%s\": 1 to %d letters, digits, '.', '_' or '-'", name,
				CHANNEL_GROUP_MAX);
	return name;
}

/* Of --remove-group: '' is the group without a name, '?' one whose name is damaged. */
static const char *group_check_removed(const char *name)
{
	if (*name == '\0' || strcmp(name, CHANNEL_GROUP_BAD) == 0)
		return name;
	return group_check(name);
}

static const char *from_check(const char *where)
{
	if (strcmp(where, "oldest") != 0 && strcmp(where, "newest") != 0)
		cli_usage_error(&settings, "bad --from \"%s\": oldest or newest", where);
	return where;
}

struct clash {
	bool given;
	const char *option;
};

/* Who takes nothing has no use for these. */
static void clash_refuse(const char *option, const struct clash *clashes)
{
	for (; clashes->option != NULL; clashes++)
		if (clashes->given)
			cli_usage_error(&settings, "%s does not go with %s", clashes->option,
					option);
}

static void tap_check(void)
{
	const struct clash clashes[] = { { consumer.peek, "--peek" },
					 { work.command != NULL, "a command" },
					 { settings.channel.group != NULL, "--group" },
					 { settings.channel.durable, "--durable" },
					 { consumer.remove_group != NULL, "--remove-group" },
					 { consumer.exit_empty, "--exit-empty" },
					 { settings.channel.fresh, "--new" },
					 { work.delimited, "--batch" },
					 { false, NULL } };

	clash_refuse("--tap", clashes);
}

static void peek_check(void)
{
	const struct clash clashes[] = { { work.command != NULL, "a command" },
					 { settings.channel.durable, "--durable" },
					 { consumer.remove_group != NULL, "--remove-group" },
					 { consumer.from != NULL, "--from" },
					 { consumer.exit_empty, "--exit-empty" },
					 { consumer.follow, "--follow" },
					 { settings.channel.fresh, "--new" },
					 { settings.size_given, "--size" },
					 { settings.channel.mode_given, "--mode" },
					 { settings.channel.nonblock, "--nonblock" },
					 { settings.channel.timeout_ns != 0, "--timeout" },
					 { settings.channel.spin_ns != 0, "--spin" },
					 { settings.trace != NULL, "--trace" },
					 { work.delimited, "--batch" },
					 { false, NULL } };

	clash_refuse("--peek", clashes);
}

/* What means nothing where no message is taken or printed. */
/* clang-format off */
#define TAKING_CLASHES \
	{ work.command != NULL, "a command" }, \
	{ settings.channel.group != NULL, "--group" }, \
	{ settings.channel.durable, "--durable" }, \
	{ consumer.from != NULL, "--from" }, \
	{ consumer.exit_empty, "--exit-empty" }, \
	{ consumer.follow, "--follow" }, \
	{ consumer.count != 0, "--count" }, \
	{ settings.channel.fresh, "--new" }, \
	{ settings.size_given, "--size" }, \
	{ settings.channel.mode_given, "--mode" }, \
	{ settings.channel.spin_ns != 0, "--spin" }, \
	{ work.delimited, "--batch" }, \
	{ format.option != NULL, "--format or --json-lines" }, \
	{ settings.framing_given, "--framing" }, \
	{ progress_given(&progress) != NULL, "--progress or --stats" }, \
	{ settings.trace != NULL, "--trace" }
/* clang-format on */

static void remove_group_check(void)
{
	const struct clash clashes[] = { TAKING_CLASHES,
					 { settings.delimiter_given, "--delimiter or --null" },
					 { false, NULL } };

	clash_refuse("--remove-group", clashes);
}

/* --list, --status, --remove, --doctor */
static void look_clashes(void)
{
	const struct clash clashes[] = {
		{ consumer.peek, "--peek" },
		{ consumer.tap, "--tap" },
		{ consumer.remove_group != NULL, "--remove-group" },
		TAKING_CLASHES,
		{ look.what != LOOK_REMOVE && settings.channel.nonblock, "--nonblock" },
		{ look.what != LOOK_REMOVE && settings.channel.timeout_ns != 0, "--timeout" },
		{ (look.what == LOOK_REMOVE || look.what == LOOK_DOCTOR) && settings.json,
		  "--json" },
		{ false, NULL }
	};

	clash_refuse(look.option, clashes);
}

/* A file's may stand for when something is told. */
static void json_check(void)
{
	if (cli_given(&settings, "json") && look.what == LOOK_NOT && !progress.stats)
		cli_usage_error(&settings, "--json goes with --list, --status, --watch, --stats or "
					   "--show-config; messages as JSON: --json-lines");
}

/* Print without taking. */
static int watch(void)
{
	struct watch watching = { .settings = &settings,
				  .print = consumer.print,
				  .count = consumer.count,
				  .idle_ns = consumer.idle_ns,
				  .follow = consumer.follow };
	int status;

	printing = &watching.print;
	status = consumer.peek ? watch_peek(&watching) : watch_tap(&watching);
	consumer.print = watching.print;
	printing = &consumer.print;
	return status;
}

/* What is opened from here on must not become anybody's standard stream. */
static void standard_streams_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Work with a command instead of printing. */
__attribute__((noreturn)) static void run_commands(void)
{
	int status;

	standard_streams_open();
	work.count = consumer.count;
	work.idle_ns = consumer.idle_ns;
	work.exit_empty = consumer.exit_empty;
	work.follow = consumer.follow;
	cli_signals_queue(&settings);
	cli_trace_open(&settings);
	cli_story(&settings, "consumer: waiting for shared memory...");
	/* What it prints is not known here; where both are one terminal, it would run into that. */
	progress_begin(&progress, isatty(STDOUT_FILENO) != 0);
	status = crew_run(&work);
	progress_end(&progress, status);
	cli_story(&settings, "consumer: finishing process.");
	cli_end(status, false);
}

int main(int argc, char **argv)
{
	const char *argument;
	int key, status;

	cli_begin(&settings, &tool);
	work_begin(&work, &settings);
	format_init(&format, &settings);
	progress_init(&progress, &settings, true);
	while ((key = cli_next_option(&settings, argc, argv, &argument)) != -1) {
		switch (key) {
		case 'c':
			consumer.count = cli_count(&settings, "count", argument);
			break;
		case 'e':
			consumer.exit_empty = true;
			break;
		case 'f':
			consumer.follow = true;
			break;
		case 'g':
			settings.channel.group = group_check(argument);
			break;
		case KEY_FROM:
			consumer.from = from_check(argument);
			break;
		case KEY_DURABLE:
			settings.channel.durable = true;
			break;
		case KEY_REMOVE_GROUP:
			consumer.remove_group = group_check_removed(argument);
			break;
		case KEY_PEEK:
			consumer.peek = true;
			break;
		case KEY_TAP:
			consumer.tap = true;
			break;
		case KEY_IDLE:
			consumer.idle_ns = cli_seconds(&settings, "idle time", argument);
			break;
		default:
			if (work_option(&work, key, argument) ||
			    format_option(&format, key, argument) ||
			    progress_option(&progress, key, argument) ||
			    look_option(&look, &settings, key, argument))
				break;
			abort(); /* a row of the table without a case */
		}
	}
	look.settings = &settings;
	work_check(&work, argc, argv);
	format_check(&format, work.command != NULL, work.delimited);
	if (look_check(&look))
		look_clashes();
	if (consumer.tap)
		tap_check();
	if (consumer.peek)
		peek_check();
	if (consumer.remove_group != NULL)
		remove_group_check();
	json_check();
	if (consumer.from == NULL)
		consumer.from = consumer.tap ? "newest" : "oldest";
	settings.channel.newest = strcmp(consumer.from, "newest") == 0;
	if (consumer.exit_empty && consumer.follow)
		cli_usage_error(&settings, "--exit-empty stops, --follow does not");
	if (settings.channel.nonblock && consumer.follow)
		cli_usage_error(&settings, "--nonblock never waits, --follow does");
	if (!consumer.follow && !cli_given(&settings, "idle"))
		consumer.idle_ns = 0; /* a file's is for when it follows */
	if (consumer.idle_ns != 0 && !consumer.follow)
		cli_usage_error(&settings, "--idle goes with --follow");
	if (look.what == LOOK_NOT && !consumer.peek)
		cli_check_owner(&settings);
	progress.wanted = consumer.count;
	work.progress = &progress;
	settings.channel.never_create = consumer.exit_empty || settings.channel.nonblock;
	settings.channel.waiting = why_waiting;
	/* A command prints to the same terminal, and so does the line of the
	 * progress. */
	why_begin(&settings,
		  work.command != NULL || progress_given(&progress) != NULL || output_leaves_line()
			  ? WHY_KEEP
			  : 0);
	if (work.command != NULL)
		run_commands();
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		cli_error(&settings, "cannot write standard output: %s", strerror(errno));
		return CLI_FAILED;
	}
	if (look.what != LOOK_NOT) {
		cli_signals_catch(&settings, NULL);
		status = output_close(look_run(&look));
		cli_end(status, look.pipe_closed);
	}
	settings.channel.share = work.batch;
	consumer.channel = channel_new();
	if (consumer.channel == NULL) {
		cli_error(&settings, "out of memory");
		return CLI_FAILED;
	}
	settings.channel.waiting = on_waiting;
	format_begin(&format, STDOUT_FILENO);
	print_begin(&consumer.print, &settings, consumer.channel, &format, &progress);
	cli_signals_catch(&settings, consumer.channel);
	if (consumer.remove_group == NULL && !consumer.peek)
		cli_drain_catch();
	cli_trace_open(&settings);
	if (consumer.remove_group != NULL)
		cli_end(cli_run(&settings, group_remove), false);
	progress_begin(&progress, isatty(STDOUT_FILENO) != 0);
	if (!consumer.peek)
		cli_story(&settings, "consumer: waiting for shared memory...");
	status =
		output_close(consumer.peek || consumer.tap ? watch() : cli_run(&settings, consume));
	progress_end(&progress, status);
	format_free(&format);
	cli_story(&settings, "consumer: finishing process.");
	cli_end(status, consumer.print.pipe_closed);
}

/* shm-consume: takes messages out of a channel. Its options and its modes; see shm-consume.1. */
#include <errno.h>
#include <fcntl.h>
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
#include "consumer/copies.h"
#include "consumer/look/doctor.h"
#include "consumer/look/look.h"
#include "consumer/look/remove.h"
#include "consumer/print/format.h"
#include "consumer/print/print.h"
#include "consumer/remove_group.h"
#include "consumer/stop.h"
#include "consumer/stream.h"
#include "consumer/work/crew_run.h"
#include "consumer/work/options.h"

enum from { FROM_OLDEST, FROM_NEWEST }; /* the words of --from */

/* What the options set. */
static struct consume {
	struct cli_settings settings; /* first, as CLI_INTO() requires */
	struct stop stop;
	enum from from;
	const char *removed_group;
	struct work work; /* of runs with a command */
	struct format format;
	struct progress progress;
	struct look look; /* of runs that take nothing */
} consume;

static struct cli_settings *const settings = &consume.settings;

/* clang-format off */
#define INTO(member) .into = offsetof(struct consume, member)
static const struct cli_option options[] = {
	CLI_COMMON_OPTIONS,
	FORMAT_OPTIONS(offsetof(struct consume, format)),
	{ 'c', "count", "N", "stop after N messages",
	  .modes = MODES_MOVE, .take = cli_take_count, INTO(stop.count) },
	{ 'e', "exit-empty", NULL,
	  "stop when nothing is left, even if producers are\n"
	  "still there; never creates a channel",
	  .modes = MODES_TAKE, .matters = MATTER_EXIT_EMPTY, .overrules = MATTER_FOLLOW,
	  .take = cli_take_flag, INTO(stop.exit_empty) },
	{ 'f', "follow", NULL, "do not stop when the producers have gone",
	  .modes = MODES_TAKE | MODE_TAP, .matters = MATTER_FOLLOW,
	  .overrules = MATTER_EXIT_EMPTY | MATTER_NONBLOCK,
	  .take = cli_take_flag, INTO(stop.follow) },
	{ 0, "idle", "SEC", "with -f: stop when nothing has come for this long",
	  .modes = MODES_TAKE | MODE_TAP, .matters = MATTER_FOLLOW,
	  .take = cli_take_seconds, INTO(stop.idle_ns) },
	{ 'g', "group", "GROUP",
	  "belong to this group: each group sees every\n"
	  "message, the consumers of one share them",
	  .modes = MODES_TAKE | MODE_PEEK,
	  .take = cli_take_group, INTO(settings.channel.group) },
	{ 0, "from", "oldest|newest",
	  "where a new group begins: with the oldest message\n"
	  "that is still there, or the next one [oldest]",
	  .standard = "oldest", .modes = MODES_TAKE | MODE_TAP,
	  .take = cli_take_word, INTO(from) },
	{ 0, "durable", NULL,
	  "the group stays, and misses nothing, when its last\n"
	  "consumer has left",
	  .modes = MODES_TAKE, .take = cli_take_flag, INTO(settings.channel.durable) },
	{ 0, "remove-group", "GROUP",
	  "end a group that has no consumers, with what it\n"
	  "has not taken, and exit",
	  .chooses = MODE_REMOVE_GROUP, .modes = MODE_REMOVE_GROUP,
	  .take = group_take_removed, INTO(removed_group), .once = true },
	{ 0, "peek", NULL,
	  "print what is there, what --group has not taken, and\n"
	  "leave all as it is; never waits, never creates",
	  .chooses = MODE_PEEK, .modes = MODE_PEEK, .once = true },
	{ 0, "tap", NULL,
	  "print a copy of what is sent from now on, or with\n"
	  "--from oldest of what is there, too, and take\n"
	  "nothing; reports what it missed by being slow",
	  .chooses = MODE_TAP, .modes = MODE_TAP, .once = true },
	WORK_OPTIONS(offsetof(struct consume, work)),
	LOOK_OPTIONS(offsetof(struct consume, look)),
	PROGRESS_OPTIONS(offsetof(struct consume, progress)),
	CLI_GENERAL_OPTIONS,
	{ 0 }
};
/* clang-format on */

static const struct cli_section sections[] = { CLI_COMMON_SECTIONS,
					       { "count", "When to stop" },
					       { "group", "Groups" },
					       { "peek", "Without taking anything" },
					       { "list", "Looking inside" },
					       { "batch", "With COMMAND" },
					       { NULL, NULL } };

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
	.usual_mode = MODE_PRINT,
	.dashes_mode = MODE_COMMAND,
	.operands_last = true,
};

static struct print *printing; /* what is being printed; NULL: nothing yet */

/* True if messages may leave the cursor inside a line of the terminal, where a note would begin. */
static bool output_leaves_line(void)
{
	const struct delimiter *delimiter = &settings->delimiter;

	return isatty(STDOUT_FILENO) != 0 &&
	       (consume.format.option != NULL || settings->netstrings || delimiter->size == 0 ||
		delimiter->bytes[delimiter->size - 1] != '\n');
}

/* Called in each second of a wait for the other side. */
static void on_waiting(const struct channel *channel)
{
	print_look(printing);
	if (channel_report(channel)->waits == CHANNEL_WAITS_DATA) /* this process holds no lock */
		print_line_look(printing);
	/* Not inside a message on the same terminal. */
	if (!printing->inside || isatty(STDOUT_FILENO) == 0)
		waiting_note_look(channel);
	progress_wait(&consume.progress);
	/* No message is taken, except perhaps a part of one, whose rest must come first. */
	if (cli_drain_asked() && !printing->inside)
		channel_interrupt(printing->channel);
}

/* Closes standard output: a delayed error, for example of a network file system, appears then. */
static int output_close(int status)
{
	if (close(STDOUT_FILENO) != 0 && errno != EBADF && errno != EINTR && status == CLI_DONE) {
		cli_error(settings, "cannot write standard output: %s", strerror(errno));
		return CLI_FAILED;
	}
	return status;
}

/* Makes sure that no descriptor opened later becomes a standard stream of a command. */
static void standard_streams_open(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* ---- the modes ---- */

/* Takes messages and runs a command for them. */
static void run_commands(void)
{
	int status;

	standard_streams_open();
	cli_signals_queue(settings);
	cli_trace_open(settings);
	cli_story(settings, "consumer: waiting for shared memory...");
	/*
	 * The command's output is not known here; on the same terminal, the progress line would mix
	 * with it.
	 */
	progress_begin(&consume.progress, isatty(STDOUT_FILENO) != 0);
	status = crew_run(&consume.work);
	progress_end(&consume.progress, status);
	cli_story(settings, "consumer: finishing process.");
	cli_end(status, false);
}

static void output_check(void)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) >= 0)
		return;
	cli_error(settings, "cannot write standard output: %s", strerror(errno));
	exit(CLI_FAILED);
}

static struct channel *channel_make(void)
{
	struct channel *channel = channel_new();

	if (channel == NULL)
		cli_out_of_memory(settings);
	return channel;
}

/* Prepares a channel to be used; meanwhile the output's reader is watched. */
static void channel_prepare(struct print *print)
{
	struct channel *channel;

	output_check();
	channel = channel_make();
	printing = print;
	settings->channel.share = consume.work.batch;
	settings->channel.waiting = on_waiting;
	format_begin(&consume.format, STDOUT_FILENO);
	print_begin(print, settings, channel, &consume.format, &consume.progress);
	cli_signals_catch(settings, channel);
}

/* Prepares printing: everything that does not depend on where messages come from. */
static void print_prepare(struct print *print)
{
	channel_prepare(print);
	if (settings->mode != MODE_PEEK)
		cli_drain_catch();
	cli_trace_open(settings);
	progress_begin(&consume.progress, isatty(STDOUT_FILENO) != 0);
	if (settings->mode != MODE_PEEK)
		cli_story(settings, "consumer: waiting for shared memory...");
}

static void print_finish(int status)
{
	status = output_close(status);
	progress_end(&consume.progress, status);
	format_free(&consume.format);
	cli_story(settings, "consumer: finishing process.");
	cli_end(status, printing->pipe_closed);
}

static void print_messages(void)
{
	struct stream stream = { .settings = settings, .stop = &consume.stop };

	print_prepare(&stream.print);
	print_finish(stream_print(&stream));
}

/* --tap and --peek. */
static void print_copies(void)
{
	struct copies copies = { .settings = settings, .stop = &consume.stop };

	print_prepare(&copies.print);
	print_finish(settings->mode == MODE_PEEK ? copies_peek(&copies) : copies_tap(&copies));
}

static void remove_group(void)
{
	struct print print;

	channel_prepare(&print);
	cli_end(remove_group_run(settings, print.channel, consume.removed_group), false);
}

/* --list, --status, --remove and --doctor. */
static void look(void)
{
	struct look *look = &consume.look;
	int status;

	output_check();
	look->settings = settings;
	look->status = settings->mode == MODE_STATUS;
	cli_signals_catch(settings, NULL);
	if (settings->mode == MODE_REMOVE)
		status = look_remove(look);
	else if (settings->mode == MODE_DOCTOR)
		status = look_doctor(look);
	else
		status = look_run(look);
	cli_end(output_close(status), look->pipe_closed);
}

static const struct mode {
	enum cli_mode mode;
	void (*run)(void); /* never returns: ends the process */
} modes[] = { { MODE_PRINT, print_messages },
	      { MODE_COMMAND, run_commands },
	      { MODE_TAP, print_copies },
	      { MODE_PEEK, print_copies },
	      { MODE_REMOVE_GROUP, remove_group },
	      { MODE_LIST, look },
	      { MODE_STATUS, look },
	      { MODE_REMOVE, look },
	      { MODE_DOCTOR, look } };

/* ---- the command line ---- */

static void stop_check(void)
{
	struct stop *stop = &consume.stop;

	if (stop->exit_empty && stop->follow)
		cli_usage_error(settings, "--exit-empty stops, --follow does not");
	if (settings->channel.nonblock && stop->follow)
		cli_usage_error(settings, "--nonblock never waits, --follow does");
	if (!stop->follow && !cli_given(settings, "idle"))
		stop->idle_ns = 0; /* a file's idle is for runs with --follow */
	if (stop->idle_ns != 0 && !stop->follow)
		cli_usage_error(settings, "--idle goes with --follow");
}

/* --json alone prints nothing. (A file's json is for runs that print something.) */
static void json_check(void)
{
	bool looks = (settings->mode & (MODE_LIST | MODE_STATUS)) != 0;

	if (cli_given(settings, "json") && !looks && !consume.progress.stats)
		cli_usage_error(settings, "--json goes with --list, --status, --watch, --stats or "
					  "--show-config; messages as JSON: --json-lines");
}

/* Refuses options that contradict each other, and settles what one option means for another one. */
static void options_check(void)
{
	bool from_given = cli_value(settings, cli_option_find(&tool, "from"))->argument != NULL;

	cli_check_modes(settings);
	work_check(&consume.work);
	format_check(&consume.format, consume.work.delimited);
	json_check();
	stop_check();
	if (settings->mode == MODE_TAP && !from_given)
		consume.from = FROM_NEWEST;
	settings->channel.newest = consume.from == FROM_NEWEST;
	settings->channel.never_create = consume.stop.exit_empty || settings->channel.nonblock;
	if ((settings->mode & (MODES_TAKE | MODE_TAP | MODE_REMOVE_GROUP)) != 0)
		cli_check_owner(settings);
}

int main(int argc, char **argv)
{
	bool others_print;

	cli_begin(settings, &tool);
	work_begin(&consume.work, settings);
	format_init(&consume.format, settings);
	progress_init(&consume.progress, settings, true);
	cli_read_options(settings, argc, argv);
	work_take_command(&consume.work, argc, argv);
	options_check();
	consume.progress.wanted = consume.stop.count;
	consume.work.stop = &consume.stop;
	consume.work.progress = &consume.progress;
	settings->channel.waiting = waiting_note_look;
	/* A command prints to the same terminal, and so does the progress. */
	others_print = consume.work.command != NULL || progress_asked(&consume.progress) ||
		       output_leaves_line();
	waiting_note_begin(settings, others_print ? WAITING_NOTE_KEEP : 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].mode == settings->mode)
			modes[i].run();
	abort(); /* a mode without a row */
}

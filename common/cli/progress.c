#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef WITH_JANSSON
#include "cli/json_number.h"
#endif

#include "base/deadline.h"
#include "cli/figures.h"
#include "cli/line.h"
#include "cli/message.h"
#include "cli/signals.h"

#define DRAW_NS	 (PROGRESS_TICK_MS * NS_PER_MS)
#define SMOOTH_S 2.0 /* what is longer ago than this hardly affects a rate */

enum { PAUSE_MAX = 15, COLUMNS = 80, COLUMNS_MAX = 240, BAR_LEAST = 6, BAR_MOST = 40 };

/* ---- the command line ---- */

void progress_init(struct progress *progress, const struct cli_settings *settings, bool consumes)
{
	*progress = (struct progress){ .settings = settings, .consumes = consumes, .input = -1 };
}

void progress_take_when(const struct cli_settings *settings, const struct cli_option *row,
			const char *argument, void *into)
{
	struct progress *progress = into;

	(void)row;
	if (argument == NULL)
		progress->when = PROGRESS_TERMINAL;
	else if (strcmp(argument, "always") == 0)
		progress->when = PROGRESS_ALWAYS;
	else if (strcmp(argument, "never") == 0)
		progress->when = PROGRESS_NEVER;
	else
		cli_usage_error(settings, "bad --progress \"%s\": always, never, or nothing",
				argument);
}

bool progress_asked(const struct progress *progress)
{
	return progress->when != PROGRESS_NEVER || progress->stats;
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) / (double)NS_PER_SEC : 0;
}

/* ---- rates ---- */

static void rate_learn(struct progress_rate *rate, uint64_t units, double seconds, bool first)
{
	double now = units > rate->then ? (double)(units - rate->then) / seconds : 0;
	double weight = first ? 1 : seconds / (seconds + SMOOTH_S);

	rate->per_second += (now - rate->per_second) * weight;
	rate->then = units;
}

/*
 * Returns how long messages have been moving: a consumer may have waited for hours before the first
 * one. If that is too short to be measured, the time since the beginning counts.
 */
static double seconds_moving(const struct progress *progress, uint64_t now)
{
	double seconds = seconds_between(progress->first_ns, now);

	return progress->first_ns == 0 || seconds < 0.01 ? seconds_between(progress->begun_ns, now)
							 : seconds;
}

static double average(uint64_t units, double seconds)
{
	return seconds > 0 ? (double)units / seconds : 0;
}

/* ---- the line ---- */

/* Updates how much is done, of how much. A file that grows meanwhile has more to do. */
static void done_look(struct progress *progress)
{
	struct stat status;
	off_t at;

	if (progress->input < 0) {
		if (progress->wanted > 0) {
			progress->done = progress->messages;
			progress->all = progress->wanted;
		}
		return;
	}
	at = lseek(progress->input, 0, SEEK_CUR);
	if (at < progress->input_from || fstat(progress->input, &status) != 0)
		return;
	progress->done = (uint64_t)(at - progress->input_from);
	progress->all = status.st_size < at ? progress->done
					    : (uint64_t)(status.st_size - progress->input_from);
}

static void bar_add(char *line, size_t size, size_t width, double part)
{
	size_t used = strlen(line);
	size_t filled = (size_t)((double)width * part);

	if (used + width + 3 > size)
		return;
	line[used++] = '[';
	for (size_t i = 0; i < width; i++)
		line[used++] = i < filled ? '=' : ' ';
	if (filled < width)
		line[used - width + filled] = '>';
	line[used++] = ']';
	line[used] = '\0';
}

/* Adds percent, the time that is left, and a bar if there is room for one. */
static void line_end(const struct progress *progress, char *line, size_t size, size_t columns)
{
	char eta[FIGURE_MAX] = "-:--", end[64];
	uint64_t done = progress->done, all = progress->all;
	size_t used = strlen(line), bar;

	if (all == 0)
		return;
	if (progress->done_rate.per_second > 0)
		figure_clock(eta, (double)(all - done) / progress->done_rate.per_second);
	used += (size_t)snprintf(line + used, size - used, "  %3.0f%%  ",
				 100 * (double)done / (double)all);
	snprintf(end, sizeof(end), "  eta %s", eta);
	bar = columns > used + strlen(end) + 2 ? columns - used - strlen(end) - 2 : 0;
	if (bar > BAR_MOST)
		bar = BAR_MOST;
	if (bar >= BAR_LEAST)
		bar_add(line, size, bar, (double)done / (double)all);
	used = strlen(line);
	snprintf(line + used, size - used, "%s", bar >= BAR_LEAST ? end : end + 2);
}

static size_t columns_now(void)
{
	struct winsize window;
	size_t columns = COLUMNS;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
		columns = window.ws_col;
	/* A character in the last column could make the terminal begin a new line. */
	return (columns > COLUMNS_MAX ? COLUMNS_MAX : columns) - 1;
}

/* False for a background process: it leaves the terminal to those in the foreground. */
static bool in_front(const struct progress *progress)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);

	return progress->when == PROGRESS_ALWAYS || group < 0 || group == getpgrp();
}

static void draw(struct progress *progress, uint64_t now, const struct progress_rate *message_rate,
		 const struct progress_rate *byte_rate)
{
	char messages[FIGURE_MAX], bytes[FIGURE_MAX], a[FIGURE_MAX], b[FIGURE_MAX], t[FIGURE_MAX];
	char line[COLUMNS_MAX + 64];
	size_t columns = columns_now();

	if (!in_front(progress))
		return;
	done_look(progress);
	snprintf(line, sizeof(line), "%s message%s  %s  %s/s  %s/s  %s",
		 figure_count_3(messages, (double)progress->messages), plural(progress->messages),
		 figure_bytes_3(bytes, (double)progress->bytes),
		 figure_count_3(a, message_rate->per_second),
		 figure_bytes_3(b, byte_rate->per_second),
		 figure_clock(t, seconds_between(progress->begun_ns, now)));
	line_end(progress, line, sizeof(line), columns);
	if (columns < sizeof(line))
		line[columns] = '\0';
	/*
	 * Other processes may wait for us: inside a message longer than the ring, or when the ring
	 * is full.
	 */
	if (cli_can_write())
		cli_line_draw(line);
}

static void draw_now(struct progress *progress, uint64_t now)
{
	double seconds = seconds_between(progress->drawn_ns, now);
	bool first = progress->drawn_ns == progress->begun_ns;

	if (seconds <= 0)
		return;
	rate_learn(&progress->message_rate, progress->messages, seconds, first);
	rate_learn(&progress->byte_rate, progress->bytes, seconds, first);
	done_look(progress);
	rate_learn(&progress->done_rate, progress->done, seconds, first);
	progress->drawn_ns = now;
	draw(progress, now, &progress->message_rate, &progress->byte_rate);
}

/* ---- counting ---- */

static bool terminal_draws(const struct progress *progress, bool shared)
{
	const char *term = getenv("TERM");

	if (progress->when != PROGRESS_TERMINAL)
		return progress->when == PROGRESS_ALWAYS;
	return !shared && isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

void progress_begin(struct progress *progress, bool shared)
{
#ifndef WITH_JANSSON
	if (progress->stats && progress->settings->json)
		cli_not_built(progress->settings, "--stats with --json", "jansson");
#endif
	progress->drawing = terminal_draws(progress, shared);
	progress->counting = progress->drawing || progress->stats;
	progress->begun_ns = progress->drawn_ns = clock_now_ns();
}

void progress_input(struct progress *progress, int fd)
{
	struct stat status;

	done_look(progress);
	progress->input = -1;
	if (!progress->drawing || fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	progress->input_from = lseek(fd, 0, SEEK_CUR);
	if (progress->input_from >= 0)
		progress->input = fd;
}

void progress_look(struct progress *progress)
{
	uint64_t now;

	if (progress->first_ns == 0)
		progress->first_ns = clock_now_ns();
	if (!progress->drawing) {
		progress->pause = UINT32_MAX;
		return;
	}
	/* While many messages move within a tick of the clock, only some calls read it. */
	now = clock_coarse_ns();
	if (now != progress->looked_ns)
		progress->pause_next = 0;
	else if (progress->pause_next < PAUSE_MAX / 2)
		progress->pause_next = 2 * progress->pause_next + 1;
	else
		progress->pause_next = PAUSE_MAX;
	progress->pause = progress->pause_next;
	progress->looked_ns = now;
	if (now >= progress->drawn_ns + DRAW_NS)
		draw_now(progress, now);
}

static void draw_if_due(struct progress *progress)
{
	uint64_t now = clock_now_ns();

	if (progress->drawing && now >= progress->drawn_ns + DRAW_NS)
		draw_now(progress, now);
}

void progress_tick(struct progress *progress, uint64_t messages, uint64_t bytes)
{
	if (!progress->counting)
		return;
	progress->messages += messages;
	progress->bytes += bytes;
	if (progress->first_ns == 0 && messages > 0)
		progress->first_ns = clock_now_ns();
	draw_if_due(progress);
}

void progress_wait(struct progress *progress)
{
	if (!progress->counting)
		return;
	progress->stalled++;
	draw_if_due(progress);
}

/* ---- the end ---- */

static void sum_up_text(const struct progress *progress, double seconds, double moving)
{
	char a[FIGURE_MAX], b[FIGURE_MAX], rest[160] = "", line[320];

	if (progress->consumes)
		snprintf(rest, sizeof(rest), ", redelivered %llu, lost %llu",
			 (unsigned long long)progress->redelivered,
			 (unsigned long long)progress->lost);
	snprintf(line, sizeof(line),
		 "%s: %llu message%s, %llu byte%s in %.3f s; %s/s, %s/s; stalled %u s, "
		 "dropped %llu%s",
		 progress->settings->tool->name, (unsigned long long)progress->messages,
		 plural(progress->messages), (unsigned long long)progress->bytes,
		 plural(progress->bytes), seconds,
		 figure_count_3(a, average(progress->messages, moving)),
		 figure_bytes_3(b, average(progress->bytes, moving)), progress->stalled,
		 (unsigned long long)progress->dropped, rest);
	cli_report(line);
}

#ifdef WITH_JANSSON
static void sum_up_json(const struct progress *progress, double seconds, double moving, int status)
{
	json_t *object = json_pack(
		"{s:s, s:s, s:i, s:o, s:o, s:f, s:I, s:I, s:i, s:o}", "tool",
		progress->settings->tool->name, "channel", progress->settings->channel.name,
		"status", status, "messages", json_number(progress->messages), "bytes",
		json_number(progress->bytes), "seconds", seconds, "messages_per_second",
		(json_int_t)average(progress->messages, moving), "bytes_per_second",
		(json_int_t)average(progress->bytes, moving), "stalled_seconds",
		(int)progress->stalled, "dropped", json_number(progress->dropped));
	char *line;

	if (progress->consumes) {
		json_object_set_new(object, "redelivered", json_number(progress->redelivered));
		json_object_set_new(object, "lost", json_number(progress->lost));
	}
	line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (line != NULL)
		cli_report(line);
	else
		cli_error(progress->settings, "out of memory");
	free(line);
	json_decref(object);
}
#else
static void sum_up_json(const struct progress *progress, double seconds, double moving, int status)
{
	(void)progress, (void)seconds, (void)moving, (void)status; /* refused at the start */
}
#endif

void progress_end(struct progress *progress, int status)
{
	uint64_t now = clock_now_ns();
	double seconds = seconds_between(progress->begun_ns, now);
	double moving = seconds_moving(progress, now);
	int number = cli_signal_caught();

	if (progress->drawing) {
		struct progress_rate messages = { .per_second =
							  average(progress->messages, moving) };
		struct progress_rate bytes = { .per_second = average(progress->bytes, moving) };

		draw(progress, now, &messages, &bytes);
		cli_line_keep();
	}
	if (!progress->stats || !progress->counting)
		return;
	if (progress->settings->json)
		sum_up_json(progress, seconds, moving, number != 0 ? 128 + number : status);
	else
		sum_up_text(progress, seconds, moving);
}

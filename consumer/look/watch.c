/*
 * --watch: the list or the status again and again; on a terminal always in the same place, as in
 * top.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/figures.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "consumer/look/json.h"
#include "consumer/look/list.h"
#include "consumer/look/read.h"
#include "consumer/look/show.h"
#include "consumer/look/status.h"
#include "consumer/look/watch.h"

/* Switches to the alternate screen without a cursor, and back. */
#define SCREEN_BEGIN "\033[?1049h\033[?25l\033[H\033[2J"
#define SCREEN_END   "\033[?25h\033[?1049l"

/* A channel as it was at the last look. */
struct sample {
	char name[CHANNEL_NAME_MAX + 1];
	uint64_t inode, made_ns;
	uint64_t sent, messages, received;
};

struct samples {
	struct sample *at;
	size_t count;
	uint64_t taken_ns;
};

static volatile sig_atomic_t screen_taken, stop_asked;

/* ---- the terminal, which is given back on every way out ---- */

/* Async-signal-safe. What cannot be written at once is lost: nothing may wait for a terminal. */
static void screen_write(const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t put = write(STDOUT_FILENO, text, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return;
		text += put;
		size -= (size_t)put;
	}
}

static bool in_background(void)
{
	pid_t foreground = tcgetpgrp(STDOUT_FILENO);

	return foreground >= 0 && foreground != getpgrp();
}

/*
 * Takes the screen. A job in the background stops first until it is in the foreground, as the
 * screen is the shell's.
 */
static void screen_take(void)
{
	while (in_background())
		raise(SIGSTOP);
	screen_taken = 1;
	screen_write(SCREEN_BEGIN);
}

static void screen_give_back(void)
{
	if (screen_taken != 0)
		screen_write(SCREEN_END);
	screen_taken = 0;
}

/*
 * Ctrl-\ and other signals that end the process: gives the screen back, then lets the signal act.
 */
static void on_end(int number)
{
	int saved = errno;

	screen_give_back();
	signal(number, SIG_DFL);
	raise(number);
	errno = saved;
}

/* Ctrl-Z: the main loop stops the process. */
static void on_stop(int number)
{
	(void)number;
	stop_asked = 1;
}

/* The window has another size: that ends the pause, and the picture is drawn again. */
static void on_resize(int number)
{
	(void)number;
}

/* Catches a signal. It does not interrupt a write, but it always interrupts a pause. */
static void signal_catch(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART }, before;

	sigemptyset(&action.sa_mask);
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
		sigaction(number, &action, NULL);
}

static void signals_catch(void)
{
	static const int ends[] = { SIGQUIT, SIGABRT, SIGSEGV, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		signal_catch(ends[i], on_end);
	signal_catch(SIGTSTP, on_stop);
	signal_catch(SIGWINCH, on_resize);
}

/* Stops the process as asked; returns when the shell continues it ("fg"). */
static void stop(void)
{
	stop_asked = 0;
	screen_give_back();
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	signal_catch(SIGTSTP, on_stop);
	screen_take();
}

/* ---- rates ---- */

static const struct sample *sample_find(const struct samples *before,
					const struct snapshot *snapshot)
{
	for (size_t i = 0; i < before->count; i++)
		if (strcmp(before->at[i].name, snapshot->name) == 0 &&
		    before->at[i].inode == snapshot->inode &&
		    before->at[i].made_ns == snapshot->made_ns)
			return &before->at[i];
	return NULL;
}

static double positive(uint64_t after, uint64_t before)
{
	int64_t change = (int64_t)(after - before);

	return change > 0 ? (double)change : 0;
}

static struct look_rates rates_of(const struct samples *before, const struct snapshot *snapshot,
				  double seconds)
{
	const struct sample *then = sample_find(before, snapshot);
	struct look_rates rates = { .known = then != NULL && seconds > 0 &&
					     snapshot->kind == SNAPSHOT_CHANNEL };

	if (!rates.known)
		return rates;
	rates.in = positive(snapshot->sent, then->sent) / seconds;
	/* What has come in and is not there any more. */
	rates.out = positive(snapshot->sent - snapshot->messages, then->sent - then->messages) /
		    seconds;
	rates.bytes_in = positive(snapshot->received, then->received) / seconds;
	return rates;
}

/* Returns the rates since the samples were taken, and replaces the samples. NULL: out of memory. */
static struct look_rates *rates_measure(struct samples *samples, const struct snapshot *channels,
					size_t count)
{
	struct look_rates *rates = calloc(count + 1, sizeof(*rates));
	struct sample *at = calloc(count + 1, sizeof(*at));
	uint64_t now = clock_now_ns();
	double seconds = (double)(now - samples->taken_ns) / (double)NS_PER_SEC;

	if (rates == NULL || at == NULL) {
		free(rates);
		free(at);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		rates[i] = rates_of(samples, &channels[i], seconds);
		memcpy(at[i].name, channels[i].name, sizeof(at[i].name));
		at[i].inode = channels[i].inode;
		at[i].made_ns = channels[i].made_ns;
		at[i].sent = channels[i].sent;
		at[i].messages = channels[i].messages;
		at[i].received = channels[i].received;
	}
	free(samples->at);
	*samples = (struct samples){ .at = at, .count = count, .taken_ns = now };
	return rates;
}

/* ---- one picture ---- */

static void print_clock(const struct look *look, const struct show *show)
{
	char clock[32] = "", interval[FIGURE_MAX];
	time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local) != NULL)
		strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	snprintf(interval, sizeof(interval), "%.3g", (double)look->watch_ns / (double)NS_PER_SEC);
	show_colour(show, SHOW_DIM);
	fprintf(show->file, "%s, every %s s; Ctrl-C ends\n\n", clock, interval);
	show_colour(show, SHOW_PLAIN);
}

static void picture_print(const struct look *look, const struct show *show,
			  const struct snapshot *channels, const struct look_rates *rates,
			  size_t count)
{
	const struct cli_settings *settings = look->settings;
	bool status = look->status;

	if (settings->json) {
		look_json(look, show->file, channels, rates, count, status, true);
		return;
	}
	if (show->terminal)
		print_clock(look, show);
	if (status && count == 0)
		fprintf(show->file, "there is no channel \"%s\"\n", settings->channel.name);
	else if (status)
		status_print(show, &channels[0], &rates[0]);
	else if (count == 0)
		fputs("no channels\n", show->file);
	else
		list_print(look, show, channels, rates, count);
	if (!show->terminal)
		fputc('\n', show->file);
}

/*
 * Draws over the last picture: clears the rest of each line and all lines below, and prints no more
 * lines than fit.
 */
static void picture_put(FILE *file, const struct show *show, const char *text)
{
	const char *end;

	fputs("\033[H", file);
	for (unsigned row = 1; *text != '\0' && row < show->rows; row++, text = end + 1) {
		end = strchr(text, '\n');
		if (end == NULL)
			break;
		fprintf(file, "%.*s\033[K\n", (int)(end - text), text);
	}
	fputs("\033[0m\033[J", file);
}

static int picture_draw(struct look *look, const struct snapshot *channels,
			const struct look_rates *rates, size_t count)
{
	struct show show = show_output();
	char *text = NULL;
	size_t size;

	if (look->settings->json || !show.terminal) {
		show.terminal = show.colour = false;
		picture_print(look, &show, channels, rates, count);
		return look_flush(look, stdout);
	}
	show.file = open_memstream(&text, &size);
	if (show.file == NULL)
		cli_out_of_memory(look->settings);
	picture_print(look, &show, channels, rates, count);
	if (fclose(show.file) != 0 || text == NULL) {
		free(text);
		cli_error(look->settings, "out of memory");
		return CLI_FAILED;
	}
	picture_put(stdout, &show, text);
	free(text);
	return look_flush(look, stdout);
}

static int look_again(struct look *look, struct samples *samples)
{
	struct look_rates *rates = NULL;
	struct snapshot *channels;
	int status = CLI_FAILED;
	size_t count;

	channels = look_read(look, &count);
	if (channels != NULL)
		rates = rates_measure(samples, channels, count);
	if (rates != NULL)
		status = picture_draw(look, channels, rates, count);
	free(rates);
	free(channels);
	return status;
}

/* ---- again and again ---- */

/* Waits until the next look. If nobody reads our output any more, that counts as a failed write. */
static int pause_for(struct look *look, uint64_t ns, bool terminal)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };
	struct timespec pause = { .tv_sec = (time_t)(ns / NS_PER_SEC),
				  .tv_nsec = (long)(ns % NS_PER_SEC) };

	if (cli_signal_caught() != 0 || ppoll(&reader, 1, &pause, NULL) <= 0 ||
	    (reader.revents & (POLLERR | POLLHUP)) == 0)
		return CLI_DONE;
	return look_write_failed(look, terminal ? EIO : EPIPE);
}

int look_watch(struct look *look)
{
	bool terminal = show_output().terminal;
	bool screen = terminal && !look->settings->json;
	struct samples samples = { 0 };
	int status;

	if (screen) {
		cli_before_printing(screen_give_back); /* printed lines must stay readable */
		signals_catch();
		screen_take();
	}
	do {
		status = look_again(look, &samples);
		if (status == CLI_DONE)
			status = pause_for(look, look->watch_ns, terminal);
		if (stop_asked != 0)
			stop();
	} while (status == CLI_DONE && cli_signal_caught() == 0);
	screen_give_back();
	free(samples.at);
	return status;
}

#include "consumer/work/crew_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "consumer/work/crew.h"
#include "consumer/work/dead_letter.h"
#include "consumer/work/worker.h"

enum { IMPATIENT_MS = 1000 };

/*
 * Passes a signal on to the commands; then their workers give back the messages of those that fail.
 */
static void pass_on(struct crew *crew, int number)
{
	crew_lock(crew);
	crew->signal_number = number;
	for (unsigned i = 0; i < crew->count; i++)
		if (crew->workers[i].command != 0)
			child_signal(-crew->workers[i].command, number);
	crew_finish_locked(crew, true);
	crew_interrupt_locked(crew, true);
	crew_unlock(crew);
	dead_letters_interrupt(crew->dead_letters);
}

/*
 * The line is drawn without the mutex, so that a terminal that blocks does not block the workers.
 */
static void show_progress(struct crew *crew)
{
	struct progress *progress = crew->work->progress;
	uint64_t messages, bytes;

	crew_lock(crew);
	messages = crew->done - progress->messages;
	bytes = crew->done_bytes - progress->bytes;
	progress->redelivered = crew->redelivered;
	progress->dropped = crew->missed;
	progress->lost = crew->lost;
	crew_unlock(crew);
	progress_tick(progress, messages, bytes);
}

/* Commands that run go on to their end, and no worker takes another message. */
static void drain(struct crew *crew)
{
	crew_lock(crew);
	crew->draining = true;
	crew_finish_locked(crew, false);
	crew_unlock(crew);
	dead_letters_drain(crew->dead_letters);
}

/* How one of the signals that ask the process to end has come. */
struct request {
	uint64_t first_ns; /* when it came first; 0: never */
	bool typed;	   /* it has come from the terminal */
};

/*
 * A supervisor or timeout(1) signals a process and then its group: that is one request, and so is a
 * signal that a wrapper passes on when Ctrl-C has reached the whole group. It is an impatient
 * request if it comes again after a second, or if Ctrl-C is pressed again. But a SIGHUP may come
 * from the terminal and, any time later, from the shell.
 */
static void request_end(struct crew *crew, struct request *request, int number, bool typed)
{
	uint64_t now = clock_now_ns();

	typed = typed && number == SIGINT;
	if (request->first_ns == 0) {
		request->first_ns = now;
		pass_on(crew, number);
	} else if (number != SIGHUP && ((typed && request->typed) ||
					now - request->first_ns >= IMPATIENT_MS * NS_PER_MS)) {
		pass_on(crew, SIGKILL);
	}
	request->typed |= typed;
}

static bool has_ended(struct crew *crew, unsigned workers)
{
	bool ended;

	crew_lock(crew);
	ended = crew->ended == workers;
	crew_unlock(crew);
	return ended;
}

/* Waits until all workers have ended, and acts on signals meanwhile. */
static void supervise(struct crew *crew, unsigned workers)
{
	const struct progress *progress = crew->work->progress;
	struct request requests[NSIG] = { 0 };

	while (!has_ended(crew, workers)) {
		bool typed;
		int number = cli_signal_next(progress->drawing ? PROGRESS_TICK_MS : -1, &typed);

		if (number == SIGCHLD)
			child_reap_strangers();
		else if (number == CLI_SIGNAL_DRAIN)
			drain(crew);
		else if (number > 0)
			request_end(crew, &requests[number], number, typed);
		show_progress(crew);
	}
}

static int worker_main(void *context)
{
	struct worker *worker = context;
	struct crew *crew = worker->crew;
	int rc = worker_work(worker);

	if (rc == CLI_ANOTHER_THREAD)
		return rc;
	crew_lock(crew);
	crew->ended++;
	crew_unlock(crew);
	kill(getpid(), SIGCHLD); /* wakes the first thread, which alone takes signals */
	return rc;
}

static bool crew_make(struct crew *crew, const struct work *work)
{
	memset(crew, 0, sizeof(*crew));
	crew->work = work;
	crew->count = work->jobs > 0 ? work->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	if (crew->count > JOBS_MAX)
		crew->count = JOBS_MAX;
	crew->workers = calloc(crew->count, sizeof(*crew->workers));
	crew->dead_letters = dead_letters_new(work);
	pthread_mutex_init(&crew->mutex, NULL);
	thread_condition_init(&crew->changed);
	for (unsigned i = 0; crew->workers != NULL && i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];

		*worker = (struct worker){ .crew = crew,
					   .thread = { .work = worker_main, .context = worker },
					   .channel = channel_new(),
					   .first = i == 0 };
		if (worker->channel == NULL)
			return false;
		format_init(&worker->format, work->settings);
		if (work->delimited && work->settings->netstrings)
			format_begin(&worker->format, -1); /* each batch begins it with its file */
	}
	return crew->workers != NULL && crew->dead_letters != NULL;
}

static void crew_free(struct crew *crew)
{
	for (unsigned i = 0; crew->workers != NULL && i < crew->count; i++) {
		channel_free(crew->workers[i].channel);
		format_free(&crew->workers[i].format);
	}
	free(crew->workers);
	dead_letters_free(crew->dead_letters);
	pthread_cond_destroy(&crew->changed);
	pthread_mutex_destroy(&crew->mutex);
}

static void crew_work(struct crew *crew)
{
	unsigned started = 0;

	for (; started < crew->count; started++) {
		int error = thread_start(&crew->workers[started].thread);

		if (error != 0) {
			cli_error(crew->work->settings, "cannot start a thread: %s",
				  strerror(error));
			crew_finish(crew, CLI_FAILED, true);
			break;
		}
	}
	supervise(crew, started);
	for (unsigned i = 0; i < started; i++)
		thread_join(&crew->workers[i].thread);
}

int crew_run(const struct work *work)
{
	struct crew crew;
	int status;

	child_reap_strangers(); /* of the program that was this process before */
	if (crew_make(&crew, work)) {
		crew.status = CLI_DONE;
		crew_work(&crew);
		dead_letters_end(crew.dead_letters);
	} else {
		cli_error(work->settings, "out of memory");
		crew.status = CLI_FAILED;
	}
	show_progress(&crew);
	if (crew.removed != NULL)
		cli_channel_error(work->settings, crew.removed, "receive from", -CHANNEL_EREMOVED);
	cli_note_missed(work->settings, crew.missed);
	if (crew.status == CLI_DONE && work->stop->count > crew.received)
		crew.status = CLI_WOULD_BLOCK;
	status = (int)crew.status;
	crew_free(&crew);
	return status;
}

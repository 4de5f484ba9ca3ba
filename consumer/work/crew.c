#include "consumer/work/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "consumer/work/dead_letter.h"
#include "consumer/work/worker.h"

/* The gravest first: what the process exits with if several things have happened. */
static const enum cli_exit gravity[] = { CLI_FAILED,	     CLI_NOT_FOUND,	 CLI_CANNOT_RUN,
					 CLI_COMMAND_KILLED, CLI_COMMAND_FAILED, CLI_TIMED_OUT,
					 CLI_INCOMPLETE,     CLI_WOULD_BLOCK,	 CLI_DONE };

enum { IMPATIENT_MS = 1000 };

static void lock(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
}

static void unlock(struct crew *crew)
{
	pthread_mutex_unlock(&crew->mutex);
}

/* ---- called with the mutex held ---- */

static void status_add(struct crew *crew, enum cli_exit status)
{
	for (int i = 0; gravity[i] != crew->status; i++)
		if (gravity[i] == status) {
			crew->status = status;
			return;
		}
}

/* Who is inside a long message would lose it: that one is left to finish, unless `all`. */
static void interrupt(struct crew *crew, bool all)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];

		if (worker->reachable && (all || !worker->inside))
			channel_interrupt(worker->channel);
	}
}

static void finish(struct crew *crew, bool give_up)
{
	crew->finishing = true;
	crew->giving_up |= give_up;
	interrupt(crew, false);
	pthread_cond_broadcast(&crew->changed);
}

/* ---- for a worker ---- */

bool crew_attach_wait(struct crew *crew)
{
	bool wanted;

	lock(crew);
	while (!crew->attached && !crew->finishing)
		pthread_cond_wait(&crew->changed, &crew->mutex);
	wanted = !crew->finishing;
	unlock(crew);
	return wanted;
}

void crew_attached(struct crew *crew)
{
	lock(crew);
	crew->attached = true;
	pthread_cond_broadcast(&crew->changed);
	unlock(crew);
}

static uint64_t count_left(const struct crew *crew)
{
	uint64_t used = crew->received + crew->reserved;

	if (crew->work->count == 0)
		return UINT64_MAX;
	return used < crew->work->count ? crew->work->count - used : 0;
}

/*
 * Waits a second at most. The channel is looked after meanwhile: the next receive() says why not.
 */
static void wait_beside(struct worker *worker)
{
	struct crew *crew = worker->crew;

	if (thread_wait(&crew->changed, &crew->mutex, clock_now_ns() + NS_PER_SEC))
		return;
	unlock(crew);
	channel_look_after(worker->channel);
	lock(crew);
}

uint32_t crew_take(struct worker *worker)
{
	struct crew *crew = worker->crew;
	uint64_t most = crew->work->batch;

	lock(crew);
	/* What is reserved may come back: fewer may have been there. */
	while (!crew->finishing && count_left(crew) == 0 && crew->waiting > 0)
		wait_beside(worker);
	if (count_left(crew) < most)
		most = count_left(crew);
	if (most == 0) /* who still waits for a place need not come */
		finish(crew, false);
	if (crew->finishing) {
		most = 0;
	} else {
		crew->reserved += most;
		crew->waiting++;
	}
	unlock(crew);
	return (uint32_t)most;
}

void crew_took(struct crew *crew, uint32_t most, uint32_t taken)
{
	lock(crew);
	crew->reserved -= most;
	crew->received += taken;
	crew->waiting--;
	crew->busy += taken > 0;
	pthread_cond_broadcast(&crew->changed);
	unlock(crew);
}

void crew_done(struct crew *crew, uint64_t messages, uint64_t bytes)
{
	lock(crew);
	crew->done += messages;
	crew->done_bytes += bytes;
	unlock(crew);
}

void crew_redelivered(struct crew *crew, uint64_t messages)
{
	lock(crew);
	crew->redelivered += messages;
	unlock(crew);
}

void crew_rest(struct crew *crew)
{
	lock(crew);
	crew->busy--;
	unlock(crew);
}

bool crew_busy(struct crew *crew)
{
	bool busy;

	lock(crew);
	busy = crew->busy > 0;
	unlock(crew);
	return busy;
}

bool crew_pause(struct crew *crew, uint64_t until_ns)
{
	uint64_t slice = clock_now_ns() + NS_PER_SEC;
	bool go_on;

	if (slice > until_ns)
		slice = until_ns;
	lock(crew);
	while (!crew->giving_up && !crew->draining && clock_now_ns() < slice)
		thread_wait(&crew->changed, &crew->mutex, slice);
	go_on = !crew->giving_up && !crew->draining;
	unlock(crew);
	return go_on;
}

bool crew_gives_up(struct crew *crew)
{
	bool giving_up;

	lock(crew);
	giving_up = crew->giving_up;
	unlock(crew);
	return giving_up;
}

void crew_status(struct crew *crew, enum cli_exit status)
{
	lock(crew);
	status_add(crew, status);
	unlock(crew);
}

bool crew_tells_end(struct crew *crew)
{
	bool tells;

	lock(crew);
	tells = crew->status == CLI_DONE || crew->status == CLI_WOULD_BLOCK ||
		crew->status == CLI_INCOMPLETE;
	unlock(crew);
	return tells && cli_signal_caught() == 0;
}

void crew_missed(struct crew *crew, uint64_t missed)
{
	lock(crew);
	crew->missed += missed;
	unlock(crew);
}

void crew_lost(struct crew *crew, uint64_t lost)
{
	lock(crew);
	crew->lost += lost;
	unlock(crew);
}

void crew_removed(struct worker *worker)
{
	lock(worker->crew);
	worker->crew->removed = worker->channel;
	unlock(worker->crew);
	crew_finish(worker->crew, CLI_FAILED, true);
}

void crew_leaves(struct worker *worker)
{
	lock(worker->crew); /* the last one to leave counts when all others have let go */
	if (worker->crew->removed != NULL) {
		channel_count_left(worker->channel);
		worker->crew->removed = worker->channel;
	}
	unlock(worker->crew);
}

void crew_finish(struct crew *crew, enum cli_exit status, bool give_up)
{
	lock(crew);
	status_add(crew, status);
	finish(crew, give_up);
	unlock(crew);
	if (give_up)
		dead_letters_interrupt(crew->dead_letters);
}

void crew_reach(struct worker *worker, bool reachable)
{
	struct crew *crew = worker->crew;

	lock(crew);
	worker->reachable = reachable;
	if (reachable && crew->finishing)
		channel_interrupt(worker->channel);
	unlock(crew);
}

void crew_inside(struct worker *worker, bool inside)
{
	struct crew *crew = worker->crew;

	lock(crew);
	worker->inside = inside;
	unlock(crew);
}

void crew_command(struct worker *worker, pid_t group)
{
	struct crew *crew = worker->crew;

	lock(crew);
	worker->command = group;
	if (group != 0 && crew->signal_number != 0)
		child_signal(-group, crew->signal_number);
	unlock(crew);
}

/* ---- the first thread ---- */

/* Passes a signal on to the commands; their workers then give back what did not succeed. */
static void pass_on(struct crew *crew, int number)
{
	lock(crew);
	crew->signal_number = number;
	for (unsigned i = 0; i < crew->count; i++)
		if (crew->workers[i].command != 0)
			child_signal(-crew->workers[i].command, number);
	finish(crew, true);
	interrupt(crew, true);
	unlock(crew);
	dead_letters_interrupt(crew->dead_letters);
}

/* The line is drawn without the mutex: a terminal that is held must not hold the workers. */
static void show_progress(struct crew *crew)
{
	struct progress *progress = crew->work->progress;
	uint64_t messages, bytes;

	lock(crew);
	messages = crew->done - progress->messages;
	bytes = crew->done_bytes - progress->bytes;
	progress->redelivered = crew->redelivered;
	progress->dropped = crew->missed;
	progress->lost = crew->lost;
	unlock(crew);
	progress_tick(progress, messages, bytes);
}

/* What runs goes on to its end, and nobody takes another message. */
static void drain(struct crew *crew)
{
	lock(crew);
	crew->draining = true;
	finish(crew, false);
	unlock(crew);
	dead_letters_drain(crew->dead_letters);
}

/* How often one of the signals that ask us to end has come. */
struct request {
	uint64_t first_ns; /* when it came first; 0: it has not */
	bool typed;	   /* it has come from the terminal */
};

/*
 * A supervisor or timeout(1) signals a process and then its group: that is one request, and so is
 * what a wrapper passes on when Ctrl-C has reached all of us. It is an impatient one if it comes
 * again after a second, or if Ctrl-C was pressed again. But a SIGHUP may come from the terminal
 * and, any time later, from the shell.
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

	lock(crew);
	ended = crew->ended == workers;
	unlock(crew);
	return ended;
}

/* Waits until all workers have ended, and does what signals ask for. */
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
	lock(crew);
	crew->ended++;
	unlock(crew);
	kill(getpid(), SIGCHLD); /* only the first thread takes signals: it looks */
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
			format_begin(&worker->format, -1); /* of each batch its file */
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

	child_reap_strangers(); /* of whoever was this process before us */
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
	if (crew.status == CLI_DONE && work->count > crew.received)
		crew.status = CLI_WOULD_BLOCK;
	status = (int)crew.status;
	crew_free(&crew);
	return status;
}

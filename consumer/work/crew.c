#include "consumer/work/crew.h"

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "consumer/work/dead_letter.h"

/* The most serious first: the process exits with the first of these that has happened. */
static const enum cli_exit gravity[] = { CLI_FAILED,	     CLI_NOT_FOUND,	 CLI_CANNOT_RUN,
					 CLI_COMMAND_KILLED, CLI_COMMAND_FAILED, CLI_TIMED_OUT,
					 CLI_INCOMPLETE,     CLI_WOULD_BLOCK,	 CLI_DONE };

/* ---- called with the mutex held ---- */

static void status_add(struct crew *crew, enum cli_exit status)
{
	for (int i = 0; gravity[i] != crew->status; i++)
		if (gravity[i] == status) {
			crew->status = status;
			return;
		}
}

void crew_interrupt_locked(struct crew *crew, bool all)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];

		if (worker->reachable && (all || !worker->inside))
			channel_interrupt(worker->channel);
	}
}

void crew_finish_locked(struct crew *crew, bool give_up)
{
	crew->finishing = true;
	crew->giving_up |= give_up;
	crew_interrupt_locked(crew, false);
	pthread_cond_broadcast(&crew->changed);
}

/* ---- for a worker ---- */

bool crew_attach_wait(struct crew *crew)
{
	bool wanted;

	crew_lock(crew);
	while (!crew->attached && !crew->finishing)
		pthread_cond_wait(&crew->changed, &crew->mutex);
	wanted = !crew->finishing;
	crew_unlock(crew);
	return wanted;
}

void crew_attached(struct crew *crew)
{
	crew_lock(crew);
	crew->attached = true;
	pthread_cond_broadcast(&crew->changed);
	crew_unlock(crew);
}

static uint64_t count_left(const struct crew *crew)
{
	uint64_t used = crew->received + crew->reserved;

	if (crew->work->stop->count == 0)
		return UINT64_MAX;
	return used < crew->work->stop->count ? crew->work->stop->count - used : 0;
}

/*
 * Waits for a change, at most a second. The channel is looked after meanwhile; an error is found
 * again by the next receive.
 */
static void wait_beside(struct worker *worker)
{
	struct crew *crew = worker->crew;

	if (thread_wait(&crew->changed, &crew->mutex, clock_now_ns() + NS_PER_SEC))
		return;
	crew_unlock(crew);
	channel_look_after(worker->channel);
	crew_lock(crew);
}

uint32_t crew_take(struct worker *worker)
{
	struct crew *crew = worker->crew;
	uint64_t most = crew->work->batch;

	crew_lock(crew);
	/* What is reserved may become free again, if a worker finds fewer messages. */
	while (!crew->finishing && count_left(crew) == 0 && crew->waiting > 0)
		wait_beside(worker);
	if (count_left(crew) < most)
		most = count_left(crew);
	if (most == 0) /* workers that wait for messages need not go on */
		crew_finish_locked(crew, false);
	if (crew->finishing) {
		most = 0;
	} else {
		crew->reserved += most;
		crew->waiting++;
	}
	crew_unlock(crew);
	return (uint32_t)most;
}

void crew_took(struct crew *crew, uint32_t most, uint32_t taken)
{
	crew_lock(crew);
	crew->reserved -= most;
	crew->received += taken;
	crew->waiting--;
	crew->busy += taken > 0;
	pthread_cond_broadcast(&crew->changed);
	crew_unlock(crew);
}

void crew_done(struct crew *crew, uint64_t messages, uint64_t bytes)
{
	crew_lock(crew);
	crew->done += messages;
	crew->done_bytes += bytes;
	crew_unlock(crew);
}

void crew_redelivered(struct crew *crew, uint64_t messages)
{
	crew_lock(crew);
	crew->redelivered += messages;
	crew_unlock(crew);
}

void crew_rest(struct crew *crew)
{
	crew_lock(crew);
	crew->busy--;
	crew_unlock(crew);
}

bool crew_busy(struct crew *crew)
{
	bool busy;

	crew_lock(crew);
	busy = crew->busy > 0;
	crew_unlock(crew);
	return busy;
}

bool crew_pause(struct crew *crew, uint64_t until_ns)
{
	uint64_t slice = clock_now_ns() + NS_PER_SEC;
	bool go_on;

	if (slice > until_ns)
		slice = until_ns;
	crew_lock(crew);
	while (!crew->giving_up && !crew->draining && clock_now_ns() < slice)
		thread_wait(&crew->changed, &crew->mutex, slice);
	go_on = !crew->giving_up && !crew->draining;
	crew_unlock(crew);
	return go_on;
}

bool crew_gives_up(struct crew *crew)
{
	bool giving_up;

	crew_lock(crew);
	giving_up = crew->giving_up;
	crew_unlock(crew);
	return giving_up;
}

void crew_status(struct crew *crew, enum cli_exit status)
{
	crew_lock(crew);
	status_add(crew, status);
	crew_unlock(crew);
}

bool crew_tells_end(struct crew *crew)
{
	bool tells;

	crew_lock(crew);
	tells = crew->status == CLI_DONE || crew->status == CLI_WOULD_BLOCK ||
		crew->status == CLI_INCOMPLETE;
	crew_unlock(crew);
	return tells && cli_signal_caught() == 0;
}

void crew_missed(struct crew *crew, uint64_t missed)
{
	crew_lock(crew);
	crew->missed += missed;
	crew_unlock(crew);
}

void crew_lost(struct crew *crew, uint64_t lost)
{
	crew_lock(crew);
	crew->lost += lost;
	crew_unlock(crew);
}

void crew_removed(struct worker *worker)
{
	crew_lock(worker->crew);
	worker->crew->removed = worker->channel;
	crew_unlock(worker->crew);
	crew_finish(worker->crew, CLI_FAILED, true);
}

void crew_leaves(struct worker *worker)
{
	crew_lock(worker->crew); /* the last to leave counts after all others */
	if (worker->crew->removed != NULL) {
		channel_count_left(worker->channel);
		worker->crew->removed = worker->channel;
	}
	crew_unlock(worker->crew);
}

void crew_finish(struct crew *crew, enum cli_exit status, bool give_up)
{
	crew_lock(crew);
	status_add(crew, status);
	crew_finish_locked(crew, give_up);
	crew_unlock(crew);
	if (give_up)
		dead_letters_interrupt(crew->dead_letters);
}

void crew_reach(struct worker *worker, bool reachable)
{
	struct crew *crew = worker->crew;

	crew_lock(crew);
	worker->reachable = reachable;
	if (reachable && crew->finishing)
		channel_interrupt(worker->channel);
	crew_unlock(crew);
}

void crew_inside(struct worker *worker, bool inside)
{
	struct crew *crew = worker->crew;

	crew_lock(crew);
	worker->inside = inside;
	crew_unlock(crew);
}

void crew_command(struct worker *worker, pid_t group)
{
	struct crew *crew = worker->crew;

	crew_lock(crew);
	worker->command = group;
	if (group != 0 && crew->signal_number != 0)
		child_signal(-group, crew->signal_number);
	crew_unlock(crew);
}

#include "consumer/work/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"
#include "consumer/work/command.h"
#include "consumer/work/dead_letter.h"
#include "consumer/work/job.h"

#define DELAY_MAX_NS (3600 * NS_PER_SEC)

static const struct cli_settings *settings_of(const struct worker *worker)
{
	return worker->crew->work->settings;
}

/* Reports an error of the channel: this consumer cannot go on. */
static void channel_failed(struct worker *worker, const char *what, int rc)
{
	if (rc == -CHANNEL_EREMOVED)
		crew_removed(worker);
	else
		crew_finish(worker->crew,
			    cli_channel_error(settings_of(worker), worker->channel, what, rc),
			    true);
}

/* ---- what becomes of a job ---- */

static const char *name_job(const struct job *job, char buffer[80])
{
	unsigned long long first = job->sequence;

	if (job->messages == 1)
		snprintf(buffer, 80, "message %llu", first);
	else
		snprintf(buffer, 80, "messages %llu to %llu", first, first + job->messages - 1);
	return buffer;
}

/* Returns the size of its messages, without what separates them. */
static uint64_t job_bytes(const struct job *job)
{
	uint64_t bytes = 0;
	size_t from, size;

	for (uint32_t i = 0; i < job->messages; i++) {
		job_message(job, i, &from, &size);
		bytes += size;
	}
	return bytes;
}

static void acknowledge(struct worker *worker, const struct job *job)
{
	int rc = channel_acknowledge(worker->channel);

	if (rc < 0)
		channel_failed(worker, "acknowledge to", rc);
	else
		crew_done(worker->crew, job->messages, job_bytes(job));
}

/*
 * Reports a message that cannot be given back, as a part of it is already freed; 0: there is none.
 */
static void tell_part_gone(const struct worker *worker, uint64_t sequence)
{
	if (sequence != 0)
		cli_error(settings_of(worker),
			  "message %llu is lost: it is longer than the ring, so it cannot be given "
			  "back",
			  (unsigned long long)sequence);
}

static void hand_back(struct worker *worker)
{
	int rc = channel_give_back(worker->channel, 0);

	if (rc < 0)
		channel_failed(worker, "give back to", rc);
}

static void give_back(struct worker *worker)
{
	tell_part_gone(worker, channel_part_gone(worker->channel));
	hand_back(worker);
}

/* Notes if the channel was removed or damaged meanwhile. */
static void look_after(void *context)
{
	struct worker *worker = context;

	if (worker->trouble == 0)
		worker->trouble = channel_look_after(worker->channel);
}

/* Sends a job to the dead letters. Each message of a batch becomes one of its own. */
static enum cli_exit send_dead(struct worker *worker, const struct job *job)
{
	const unsigned char *bytes = job->size > 0 ? job_map(job) : (const unsigned char *)"";
	enum cli_exit status = CLI_DONE;

	if (bytes == NULL) {
		cli_error(settings_of(worker), "cannot read the message again: %s",
			  strerror(errno));
		return CLI_FAILED;
	}
	for (uint32_t i = 0; status == CLI_DONE && i < job->messages; i++) {
		struct dead_letter letter = { .key = job->key, .key_size = job->key_size };
		size_t from;

		job_message(job, i, &from, &letter.size);
		letter.bytes = bytes + from;
		status = dead_letters_send(worker->crew->dead_letters, &letter, look_after, worker);
	}
	if (job->size > 0)
		munmap((void *)(uintptr_t)bytes, job->size);
	return status;
}

/* The last attempt has failed, as `cause` says. */
static void failed_for_good(struct worker *worker, const struct job *job, enum cli_exit status,
			    const char *cause)
{
	const struct work *work = worker->crew->work;
	enum cli_exit moved;
	char name[80];

	name_job(job, name);
	switch (work->on_failure) {
	case FAILURE_STOP:
		cli_error(work->settings, "%s failed for good (%s): %s", name,
			  channel_part_gone(worker->channel) != 0
				  ? "lost, as it is longer than the ring"
				  : "given back",
			  cause);
		/* First stop, or another worker would take it at once. */
		crew_finish(worker->crew, status, true);
		hand_back(worker);
		break;
	case FAILURE_SKIP:
		cli_error(work->settings, "%s failed for good (dropped): %s", name, cause);
		crew_status(worker->crew, status);
		acknowledge(worker, job);
		break;
	case FAILURE_DEAD:
		cli_error(work->settings, "%s failed for good (to channel \"%s\"): %s", name,
			  work->dead_letter, cause);
		/* First send it there, then acknowledge it here: a death in between doubles it. */
		moved = send_dead(worker, job);
		if (moved == CLI_DONE) {
			crew_status(worker->crew, status);
			acknowledge(worker, job);
		} else {
			crew_finish(worker->crew, moved, true);
			give_back(worker);
		}
		break;
	}
}

/* ---- running it ---- */

static void on_started(void *context, pid_t pid)
{
	crew_command(context, pid);
}

static void on_stopped(void *context, pid_t pid, int number)
{
	const struct work *work = ((const struct worker *)context)->crew->work;

	cli_note(work->settings, "\"%s\" (process %ld) is stopped %s", work->command[0], (long)pid,
		 child_stop_explain(number));
}

static void on_ended(void *context)
{
	crew_command(context, 0);
}

static struct command_result run_once(struct worker *worker, const struct job *job)
{
	const struct work *work = worker->crew->work;
	struct command_watch watch = { .started = on_started,
				       .stopped = on_stopped,
				       .ended = on_ended,
				       .meanwhile = look_after,
				       .context = worker };
	struct command_origin origin = { .channel = work->settings->channel.name,
					 .epoch = channel_epoch(worker->channel) };
	struct command_result result;
	char name[80], words[COMMAND_WORDS];

	name_job(job, name);
	cli_story(work->settings, "consumer: running \"%s\", %s, attempt %u", work->command[0],
		  name, job->attempts);
	result = command_run(work, job, &origin, &watch);
	cli_story(work->settings, "consumer: %s", command_explain(work, &result, words));
	return result;
}

/* Returns the exit status if this is the last that happens to the message. */
static enum cli_exit status_of(const struct command_result *result)
{
	switch (result->end) {
	case COMMAND_KILLED:
	case COMMAND_TOO_LONG:
		return CLI_COMMAND_KILLED;
	case COMMAND_CANNOT_RUN:
		return CLI_CANNOT_RUN;
	case COMMAND_NOT_FOUND:
		return CLI_NOT_FOUND;
	default:
		return CLI_COMMAND_FAILED;
	}
}

/*
 * Waits before the next attempt and counts it. Returns false if the message is to be given back
 * instead.
 */
static bool try_again(struct worker *worker, struct job *job, uint64_t delay_ns)
{
	uint64_t until = clock_now_ns() + delay_ns;
	int rc;

	while (clock_now_ns() < until) {
		if (!crew_pause(worker->crew, until))
			return false;
		look_after(worker);
		if (worker->trouble != 0)
			return false;
	}
	if (!crew_pause(worker->crew, until))
		return false;
	rc = channel_retry(worker->channel, &job->attempts);
	if (rc < 0)
		channel_failed(worker, "receive from", rc);
	return rc == 0;
}

/* Runs the command until it succeeds or may not be tried again. */
static void run(struct worker *worker, struct job *job)
{
	const struct work *work = worker->crew->work;
	uint64_t delay_ns = work->retry_delay_ns;
	struct command_result result;
	char words[COMMAND_WORDS], name[80];

	for (;;) {
		int rc = channel_try(worker->channel);

		if (rc < 0) {
			channel_failed(worker, "receive from", rc);
			give_back(worker);
			return;
		}
		result = run_once(worker, job);
		command_explain(work, &result, words);
		if (result.end == COMMAND_DONE) {
			channel_tried(worker->channel, false);
			acknowledge(worker, job);
			return;
		}
		if (result.end == COMMAND_CANNOT_RUN || result.end == COMMAND_NOT_FOUND) {
			cli_error(work->settings, "%s", words);
			crew_finish(worker->crew, status_of(&result), true);
		}
		if (crew_gives_up(worker->crew) || worker->trouble != 0) {
			channel_tried(worker->channel, false);
			give_back(worker);
			return;
		}
		/*
		 * Only now: a command that was interrupted or could not be started has not failed.
		 */
		channel_tried(worker->channel, true);
		if (++job->failures > work->retries || result.end == COMMAND_BAD_TEXT)
			break;
		cli_note(work->settings, "%s failed, try %u of %u: %s", name_job(job, name),
			 job->failures, work->retries + 1, words);
		if (!try_again(worker, job, delay_ns)) {
			give_back(worker);
			return;
		}
		delay_ns = delay_ns > DELAY_MAX_NS / 2 ? DELAY_MAX_NS : 2 * delay_ns;
	}
	failed_for_good(worker, job, status_of(&result), words);
}

/* Processes a job. */
static void handle(struct worker *worker, struct job *job)
{
	const struct work *work = worker->crew->work;
	char cause[80];

	/*
	 * With "stop" the user has started the consumer again after the last failure: one more try.
	 */
	if (job->failures > work->retries && work->on_failure != FAILURE_STOP) {
		snprintf(cause, sizeof(cause), "%u %s failed before", job->failures,
			 job->failures == 1 ? "try has" : "tries have");
		failed_for_good(worker, job, CLI_COMMAND_FAILED, cause);
	} else {
		run(worker, job);
	}
	if (worker->trouble != 0)
		channel_failed(worker, "receive from", worker->trouble);
}

/* ---- taking messages ---- */

static void on_inside(void *context, bool inside)
{
	crew_inside(context, inside);
}

static void tell_received(const struct worker *worker, const struct job *job)
{
	char excerpt[CLI_EXCERPT_MAX];
	unsigned char bytes[65];
	size_t from, size;

	for (uint32_t i = 0; settings_of(worker)->verbose && i < job->messages; i++) {
		job_message(job, i, &from, &size);
		if (size > sizeof(bytes))
			size = sizeof(bytes);
		if (job_read(job, from, bytes, size))
			cli_story(settings_of(worker), "consumer: received data: %s",
				  cli_excerpt(bytes, size, excerpt));
	}
}

/* Reports lost messages at once: a consumer with --follow may run for days. */
static void tell_lost(struct worker *worker)
{
	uint64_t lost = channel_lost(worker->channel) - worker->lost;

	if (lost == 0)
		return;
	worker->lost += lost;
	cli_tell_lost(settings_of(worker), lost);
	crew_lost(worker->crew, lost);
	crew_status(worker->crew, CLI_INCOMPLETE);
}

/* Tells what was dropped before the message of this number, or, with 0, before the end. */
static void tell_missed(struct worker *worker, uint64_t sequence)
{
	uint64_t missed = channel_missed(worker->channel) - worker->missed;

	worker->missed += missed;
	cli_tell_missed(settings_of(worker), missed, sequence);
	crew_missed(worker->crew, missed);
}

/* Like crew_finish(). Returns false: the worker has nothing more to do. */
static bool finish(struct worker *worker, enum cli_exit status, bool give_up)
{
	crew_finish(worker->crew, status, give_up);
	return false;
}

/* Receiving has ended without a message. Returns false if this worker has nothing more to do. */
static bool go_on_without(struct worker *worker, const struct job *job, int rc, bool idle)
{
	const struct work *work = worker->crew->work;
	bool locked = channel_report(worker->channel)->lock_taken;

	tell_part_gone(worker, job->lost);
	switch (rc) {
	case CHANNEL_ENDED:
		return finish(worker, stop_end_status(worker->channel, rc), false);
	case -EINTR: /* the cause is reported elsewhere */
		return false;
	case -EAGAIN:
		if (locked)
			break;
		crew_status(worker->crew, work->stop->exit_empty ? CLI_DONE : CLI_WOULD_BLOCK);
		return false;
	case -ETIMEDOUT:
		if (!locked && crew_busy(worker->crew)) /* its command may send messages */
			return true;
		if (locked || !idle)
			break;
		return finish(worker, stop_end_status(worker->channel, rc), false);
	case -CHANNEL_EABORTED: /* nothing of it was seen; what follows is complete */
		cli_note(work->settings, "a message was cut short and is not run");
		crew_status(worker->crew, CLI_INCOMPLETE);
		return true;
	case -EIO:
		if (job->error == 0)
			break;
		cli_error(work->settings, "cannot keep a message in memory: %s",
			  strerror(job->error));
		return finish(worker, CLI_FAILED, true);
	case -CHANNEL_EREMOVED:
		crew_removed(worker);
		return false;
	default:
		break;
	}
	return finish(worker,
		      cli_channel_error(work->settings, worker->channel, "receive from", rc),
		      rc != -ETIMEDOUT);
}

static void take_messages(struct worker *worker)
{
	const struct work *work = worker->crew->work;
	uint64_t idle_ns = stop_idle_ns(work->stop, work->settings);
	struct job_source source = { .channel = worker->channel,
				     .flags = CHANNEL_SHARE |
					      (work->batch > 1 ? CHANNEL_TOGETHER : 0) |
					      stop_flags(work->stop, work->settings),
				     .timeout_ns = idle_ns,
				     .inside = on_inside,
				     .context = worker };
	bool go_on = true;

	while (go_on && (source.most = crew_take(worker)) > 0) {
		struct job job;
		int rc = job_receive(&job, &source,
				     work->delimited ? &work->settings->delimiter : NULL,
				     format_begun(&worker->format) ? &worker->format : NULL);

		crew_took(worker->crew, source.most, rc == CHANNEL_DELIVERED ? job.messages : 0);
		tell_lost(worker);
		tell_missed(worker, job.sequence);
		if (rc >= 0)
			waiting_note_moved();
		if (rc != CHANNEL_DELIVERED) {
			go_on = go_on_without(worker, &job, rc, idle_ns != 0);
			continue;
		}
		if (job.attempts > 1)
			crew_redelivered(worker->crew, job.messages);
		tell_received(worker, &job);
		waiting_note_busy(1);
		handle(worker, &job);
		waiting_note_busy(-1);
		waiting_note_moved();
		job_free(&job);
		crew_rest(worker->crew);
	}
}

/* ---- attaching ---- */

static int attach(struct worker *worker)
{
	struct channel_options options = worker->crew->work->settings->channel;

	if (!worker->first) { /* the first worker has made the channel, and is attached */
		options.fresh = false;
		options.never_create = true;
	}
	options.share = worker->crew->work->batch;
	options.gather_ns = worker->crew->work->gather_ns;
	return channel_attach(worker->channel, CHANNEL_CONSUMER, &options);
}

static void attach_failed(struct worker *worker, int rc)
{
	const struct work *work = worker->crew->work;

	if (rc == -EINTR)
		return;
	if (rc == -ENOENT && !worker->first) /* the others have finished already */
		return;
	if (stop_missing_is_empty(work->settings, rc))
		crew_finish(worker->crew, work->stop->exit_empty ? CLI_DONE : CLI_WOULD_BLOCK,
			    false);
	else
		channel_failed(worker, "attach to", rc);
}

int worker_work(struct worker *worker)
{
	const struct work *work = worker->crew->work;
	int rc;

	if (!worker->first && !crew_attach_wait(worker->crew))
		return 0;
	cli_thread_channel(worker->channel, work->settings->channel.name);
	crew_reach(worker, true);
	rc = attach(worker);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0) {
		attach_failed(worker, rc);
	} else {
		if (worker->first) {
			cli_story(work->settings, "consumer: connected to shared memory!");
			cli_check_size(work->settings, worker->channel);
			cli_check_mode(work->settings, worker->channel);
			crew_attached(worker->crew);
			cli_story(work->settings, "consumer: waiting for data...");
		}
		take_messages(worker);
		tell_lost(worker);
		crew_leaves(worker);
	}
	crew_reach(worker, false);
	channel_detach(worker->channel, crew_tells_end(worker->crew) ? 0 : CHANNEL_UNTOLD);
	cli_thread_channel(NULL, NULL);
	return 0;
}

#include "consumer/work/dead_letter.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"
#include "consumer/work/thread.h"

struct dead_letters {
	struct cli_settings settings; /* for the other channel */
	struct thread thread;
	struct channel *channel;
	atomic_bool draining; /* the ring may stay full for ever: do not wait for room */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	bool started, ending;
	bool attached;
	bool taken; /* a worker is using it for its message */
	struct dead_letter letter;
	bool due;	      /* it has to be sent */
	enum cli_exit status; /* the result, when it is no longer due */
};

/*
 * Of the thread: whose wait it is, and how many seconds it has lasted. A process has one such
 * thread.
 */
static struct dead_letters *sender;
static unsigned waits;
static bool mutual; /* mutual waiting was reported */

/* Called in each second of a wait in that channel; a worker waits for it to end. */
static void on_waiting(const struct channel *channel)
{
	waits++;
	if (!mutual)
		mutual = waiting_note_mutual(&sender->settings, channel, waits);
	if (waits == 2)
		waiting_note_elsewhere(&sender->settings, channel);
	if (atomic_load(&sender->draining))
		channel_interrupt(sender->channel);
}

struct dead_letters *dead_letters_new(const struct work *work)
{
	struct dead_letters *letters = calloc(1, sizeof(*letters));

	if (letters == NULL)
		return NULL;
	letters->channel = channel_new();
	if (letters->channel == NULL) {
		free(letters);
		return NULL;
	}
	letters->settings = *work->settings;
	letters->settings.channel.name = work->dead_letter;
	letters->settings.channel.fresh = false;
	letters->settings.channel.never_create = false;
	letters->settings.channel.nonblock = false;
	letters->settings.channel.waiting = on_waiting;
	pthread_mutex_init(&letters->mutex, NULL);
	thread_condition_init(&letters->changed);
	return letters;
}

void dead_letters_free(struct dead_letters *letters)
{
	if (letters == NULL)
		return;
	channel_free(letters->channel);
	pthread_cond_destroy(&letters->changed);
	pthread_mutex_destroy(&letters->mutex);
	free(letters);
}

/* ---- the thread ---- */

/*
 * If this creates the channel, its ring is large enough for the first message: a longer one would
 * have to wait for a consumer, and channels of dead letters often have none.
 */
static int attach(struct dead_letters *letters)
{
	struct channel_options options = letters->settings.channel;
	uint64_t needed = channel_size_rounded(letters->letter.size + 4096);

	if (options.size < needed && needed <= CHANNEL_SIZE_MAX)
		options.size = needed;
	return channel_attach(letters->channel, CHANNEL_PRODUCER, &options);
}

/* Sends one message. Returns a status, or CLI_ANOTHER_THREAD. Prints an error. */
static int send_one(struct dead_letters *letters)
{
	int rc;

	sender = letters;
	waits = 0;
	mutual = false;
	if (!letters->attached) {
		rc = attach(letters);
		if (rc == -CHANNEL_ETHREAD)
			return CLI_ANOTHER_THREAD;
		if (rc < 0)
			return (int)cli_channel_error(&letters->settings, letters->channel,
						      "attach to", rc);
		letters->attached = true;
		cli_check_mode(&letters->settings, letters->channel);
	}
	rc = channel_key_set(letters->channel, letters->letter.key, letters->letter.key_size);
	if (rc == 0)
		rc = channel_send(letters->channel, letters->letter.bytes, letters->letter.size, 0);
	if (rc < 0)
		return (int)cli_channel_error(&letters->settings, letters->channel, "send to", rc);
	return CLI_DONE;
}

/* Waits for a change, and calls this function about once a second meanwhile, without the mutex. */
static void wait_for_change(struct dead_letters *letters, void (*meanwhile)(void *context),
			    void *context)
{
	if (thread_wait(&letters->changed, &letters->mutex, clock_now_ns() + NS_PER_SEC))
		return;
	pthread_mutex_unlock(&letters->mutex);
	meanwhile(context);
	pthread_mutex_lock(&letters->mutex);
}

/* The other channel needs looking after, too. An error is found again by the next message. */
static void look_after(void *context)
{
	struct dead_letters *letters = context;

	if (letters->attached)
		channel_look_after(letters->channel);
}

static int letters_main(void *context)
{
	struct dead_letters *letters = context;
	bool failed = false;
	int status;

	cli_thread_channel(letters->channel, letters->settings.channel.name);
	pthread_mutex_lock(&letters->mutex);
	for (;;) {
		while (!letters->due && !letters->ending)
			wait_for_change(letters, look_after, letters);
		if (!letters->due)
			break;
		pthread_mutex_unlock(&letters->mutex);
		status = send_one(letters);
		if (status == CLI_ANOTHER_THREAD)
			return status;
		failed |= status != CLI_DONE;
		pthread_mutex_lock(&letters->mutex);
		letters->due = false;
		letters->status = (enum cli_exit)status;
		pthread_cond_broadcast(&letters->changed);
	}
	pthread_mutex_unlock(&letters->mutex);
	channel_detach(letters->channel, failed ? CHANNEL_FAILED : 0);
	return 0;
}

/* ---- for the workers ---- */

/* Starts the thread. Called with the mutex held. */
static bool start(struct dead_letters *letters)
{
	int error = 0;

	if (!letters->started) {
		letters->thread = (struct thread){ .work = letters_main, .context = letters };
		error = thread_start(&letters->thread);
		letters->started = error == 0;
	}
	if (error != 0)
		cli_error(&letters->settings, "cannot start a thread: %s", strerror(error));
	return error == 0;
}

enum cli_exit dead_letters_send(struct dead_letters *letters, const struct dead_letter *letter,
				void (*meanwhile)(void *context), void *context)
{
	enum cli_exit status = CLI_FAILED;

	pthread_mutex_lock(&letters->mutex);
	while (letters->taken)
		wait_for_change(letters, meanwhile, context);
	if (start(letters)) {
		letters->taken = letters->due = true;
		letters->letter = *letter;
		pthread_cond_broadcast(&letters->changed);
		while (letters->due)
			wait_for_change(letters, meanwhile, context);
		status = letters->status;
		letters->taken = false;
		pthread_cond_broadcast(&letters->changed);
	}
	pthread_mutex_unlock(&letters->mutex);
	return status;
}

void dead_letters_interrupt(struct dead_letters *letters)
{
	pthread_mutex_lock(&letters->mutex);
	if (!letters->ending) /* afterwards it may be detaching */
		channel_interrupt(letters->channel);
	pthread_mutex_unlock(&letters->mutex);
}

void dead_letters_drain(struct dead_letters *letters)
{
	atomic_store(&letters->draining, true);
}

void dead_letters_end(struct dead_letters *letters)
{
	pthread_mutex_lock(&letters->mutex);
	letters->ending = true;
	pthread_cond_broadcast(&letters->changed);
	pthread_mutex_unlock(&letters->mutex);
	if (letters->started)
		thread_join(&letters->thread);
}

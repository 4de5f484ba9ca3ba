#include "cli/waiting_note.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/figures.h"
#include "cli/line.h"
#include "cli/message.h"
#include "observe/mutual.h"
#include "observe/snapshot.h"

/* Called once a second: the second call comes after two seconds. */
#define SAY_AFTER_NS (1900 * NS_PER_MS)

enum { LINE = CHANNEL_EXPLAIN_MAX + 160, PIDS_SHOWN = 3 };

static const struct cli_settings *settings;
static const struct channel_options *asked; /* the lines' channel, guarded by mutex */
static bool terminal, speaks, keep;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static bool waiting;					  /* since since_ns */
static uint64_t since_ns;
static unsigned lines_then; /* cli_lines() after printing */
static unsigned rows;	    /* rows of the terminal that the lines take; 0: they stay */
static struct snapshot snapshot;

/*
 * Read without the mutex for each message: has anything moved since the last look, and was anything
 * printed?
 */
static atomic_bool moved = true, said;
static atomic_int busy;

void waiting_note_begin(const struct cli_settings *given, unsigned flags)
{
	const char *kind = getenv("TERM");

	settings = given;
	terminal = isatty(STDERR_FILENO) != 0;
	speaks = !settings->quiet && (terminal || settings->verbose);
	keep = (flags & WAITING_NOTE_KEEP) != 0 || kind == NULL || strcmp(kind, "dumb") == 0;
}

bool waiting_note_speaks(void)
{
	return speaks;
}

void waiting_note_busy(int change)
{
	atomic_fetch_add(&busy, change);
}

/* ---- who is there ---- */

/* True if it belongs to this side and is not dead. An observer (--tap) does not count. */
static bool counts(const struct snapshot_endpoint *endpoint, enum channel_role role)
{
	return endpoint->role == role && endpoint->life != LIFE_DEAD &&
	       (role == CHANNEL_PRODUCER || endpoint->group != SNAPSHOT_NO_GROUP);
}

static bool ours(const struct snapshot_endpoint *endpoint)
{
	return endpoint->life != LIFE_UNKNOWN && endpoint->pid == getpid();
}

/* Writes "2 producers (this one, 4711)". */
static void side_name(enum channel_role role, char text[LINE])
{
	const char *word = role == CHANNEL_PRODUCER ? "producer" : "consumer";
	unsigned count = snapshot.alive[role], shown = 0;
	size_t used;

	if (count == 0) {
		snprintf(text, LINE, "no %s", word);
		return;
	}
	used = (size_t)snprintf(text, LINE, "%u %s%s (", count, word, plural(count));
	for (unsigned i = 0; i < snapshot.endpoint_count && shown < PIDS_SHOWN; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot.endpoints[i];
		const char *comma = shown > 0 ? ", " : "";

		if (!counts(endpoint, role))
			continue;
		if (ours(endpoint))
			used += (size_t)snprintf(text + used, LINE - used, "%sthis one", comma);
		else
			used += (size_t)snprintf(text + used, LINE - used, "%s%ld%s", comma,
						 (long)endpoint->pid,
						 endpoint->life == LIFE_STOPPED ? ", stopped" : "");
		shown++;
	}
	snprintf(text + used, LINE - used, "%s)", shown < count ? ", ..." : "");
}

/* Returns the first endpoint of a side that is not this process and, if `stopped`, is stopped. */
static const struct snapshot_endpoint *other_find(enum channel_role role, bool stopped)
{
	for (unsigned i = 0; i < snapshot.endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot.endpoints[i];

		if (counts(endpoint, role) && !ours(endpoint) &&
		    (!stopped || endpoint->life == LIFE_STOPPED))
			return endpoint;
	}
	return NULL;
}

/* Returns the consumer that has taken the most messages without acknowledging them. */
static const struct snapshot_endpoint *holder_find(void)
{
	const struct snapshot_endpoint *most = NULL;

	for (unsigned i = 0; i < snapshot.endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot.endpoints[i];

		if (counts(endpoint, CHANNEL_CONSUMER) && !ours(endpoint) &&
		    endpoint->in_hand > 0 && (most == NULL || endpoint->in_hand > most->in_hand))
			most = endpoint;
	}
	return most;
}

/* ---- why, and what to do ---- */

/* Explains a process that is in the way, and what it is doing. */
static void explain_process(pid_t pid, const char *what, char text[LINE])
{
	enum life life = life_of_process((uint32_t)pid);
	char words[CHANNEL_WORDS];

	if (pid <= 0)
		snprintf(text, LINE, "another process %s", what);
	else if (life == LIFE_STOPPED)
		snprintf(text, LINE,
			 "process %ld %s, and is stopped; to let it go on: kill -CONT %ld",
			 (long)pid, what, (long)pid);
	else
		snprintf(text, LINE, "process %ld %s; to see more: shm-consume --status %s",
			 (long)pid, what, channel_words(asked, words));
}

static void explain_place(const struct channel *channel, char text[LINE])
{
	char cause[CHANNEL_EXPLAIN_MAX], words[CHANNEL_WORDS];

	snprintf(text, LINE, "%s; to see whose: shm-consume --status %s",
		 channel_explain(channel, -ETIMEDOUT, cause, sizeof(cause)),
		 channel_words(asked, words));
}

/* Explains why consumers do nothing: there are none, they are stopped, or they are at work. */
static void explain_consumers(const struct channel *channel, char text[LINE])
{
	const struct snapshot_endpoint *holder = holder_find();
	const struct snapshot_endpoint *stopped = other_find(CHANNEL_CONSUMER, true);
	char words[CHANNEL_WORDS], cause[CHANNEL_EXPLAIN_MAX];

	if (channel_report(channel)->held_by_group)
		snprintf(text, LINE, "%s",
			 channel_explain(channel, -ETIMEDOUT, cause, sizeof(cause)));
	else if (snapshot.alive[CHANNEL_CONSUMER] == 0)
		snprintf(text, LINE, "nobody takes messages; in another terminal: shm-consume %s",
			 channel_words(asked, words));
	else if (stopped != NULL)
		explain_process(stopped->pid, "takes messages", text);
	else if (holder != NULL)
		snprintf(
			text, LINE,
			"process %ld has %llu message%s in hand; to see more: shm-consume --status "
			"%s",
			(long)holder->pid, (unsigned long long)holder->in_hand,
			plural(holder->in_hand), channel_words(asked, words));
	else
		snprintf(text, LINE, "to see more: shm-consume --status %s",
			 channel_words(asked, words));
}

static void explain_more_consumers(char text[LINE])
{
	char words[CHANNEL_WORDS];

	snprintf(text, LINE, "it begins when enough are there; in another terminal: shm-consume %s",
		 channel_words(asked, words));
}

/* Explains why producers send nothing. */
static void explain_producers(char text[LINE])
{
	const struct snapshot_endpoint *holder = holder_find();
	const struct snapshot_endpoint *stopped = other_find(CHANNEL_PRODUCER, true);
	const struct snapshot_endpoint *producer = other_find(CHANNEL_PRODUCER, false);
	char words[CHANNEL_WORDS];

	if (stopped != NULL)
		explain_process(stopped->pid, "is the producer", text);
	else if (producer != NULL)
		snprintf(text, LINE, "process %ld has sent nothing new%s", (long)producer->pid,
			 snapshot.alive[CHANNEL_PRODUCER] > 1 ? ", nor have the others" : "");
	else if (holder != NULL)
		explain_process(holder->pid, "has the last messages in hand", text);
	else
		snprintf(text, LINE, "nobody sends; in another terminal: shm-produce %s hello",
			 channel_words(asked, words));
}

static const char *wait_words(enum channel_wait wait)
{
	static const char *const words[] = { [CHANNEL_WAITS_NOT] = "something",
					     [CHANNEL_WAITS_ROOM] = "room, the ring is full",
					     [CHANNEL_WAITS_TURN] = "its turn",
					     [CHANNEL_WAITS_ACKNOWLEDGED] = "acknowledgements",
					     [CHANNEL_WAITS_CONSUMERS] = "consumers",
					     [CHANNEL_WAITS_DATA] = "messages",
					     [CHANNEL_WAITS_PIECE] = "the rest of a message",
					     [CHANNEL_WAITS_LOCK] = "a lock",
					     [CHANNEL_WAITS_PLACE] = "a free place",
					     [CHANNEL_WAITS_FENCES] =
						     "others to do without membarrier" };

	return words[wait];
}

static void explain(const struct channel *channel, char text[LINE])
{
	const struct channel_report *report = channel_report(channel);

	switch (report->waits) {
	case CHANNEL_WAITS_LOCK:
		explain_process(report->holder, "has the lock", text);
		break;
	case CHANNEL_WAITS_FENCES:
		explain_process(report->holder,
				"has not yet learned that membarrier is refused here", text);
		break;
	case CHANNEL_WAITS_TURN:
		explain_process(report->holder, "sends first", text);
		break;
	case CHANNEL_WAITS_PLACE:
		explain_place(channel, text);
		break;
	case CHANNEL_WAITS_ROOM:
	case CHANNEL_WAITS_ACKNOWLEDGED:
		explain_consumers(channel, text);
		break;
	case CHANNEL_WAITS_CONSUMERS:
		explain_more_consumers(text);
		break;
	default:
		explain_producers(text);
		break;
	}
}

/* ---- saying it, and taking it back ---- */

/* Returns how many rows a line takes as cli_note() prints it. */
static unsigned rows_of(const char *text)
{
	size_t length = strlen(settings->tool->name) + 2 + strlen(text);
	struct winsize window;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0)
		window.ws_col = 80;
	return (unsigned)((length + window.ws_col - 1) / window.ws_col);
}

/* True if this process is in the foreground: only then it knows where its lines are. */
static bool in_foreground(void)
{
	return tcgetpgrp(STDERR_FILENO) == getpgrp();
}

/* Prints the lines. Returns false if there is nothing to say. */
static bool say_lines(const struct channel *channel)
{
	char what[LINE], there[3 * LINE], hint[LINE], producers[LINE], consumers[LINE];
	const char *lines[] = { what, there, hint };
	int rc = snapshot_read(&snapshot, asked->name, asked->owner);

	if (rc < 0 || snapshot.kind != SNAPSHOT_CHANNEL)
		return false; /* the wait is about to end with an error that says more */
	side_name(CHANNEL_PRODUCER, producers);
	side_name(CHANNEL_CONSUMER, consumers);
	snprintf(what, sizeof(what), "channel \"%s\": waiting for %s", asked->name,
		 wait_words(channel_report(channel)->waits));
	snprintf(there, sizeof(there), "attached: %s, %s", producers, consumers);
	explain(channel, hint);
	rows = 0;
	for (int i = 0; i < 3; i++) {
		cli_note(settings, "%s", lines[i]);
		rows += rows_of(lines[i]);
	}
	return true;
}

static void say(const struct channel *channel)
{
	asked = &settings->channel;
	if (!say_lines(channel))
		return;
	if (!terminal || keep || !in_foreground())
		rows = 0;
	lines_then = cli_lines();
	atomic_store(&said, true);
}

void waiting_note_look(const struct channel *channel)
{
	uint64_t now = clock_coarse_ns();

	if (!speaks)
		return;
	pthread_mutex_lock(&mutex);
	if (atomic_exchange(&moved, false) || !waiting) {
		waiting = true;
		since_ns = now - NS_PER_SEC;
	}
	/* The caller may hold a lock, so it must not wait for a terminal. */
	if (!atomic_load(&said) && atomic_load(&busy) == 0 && now - since_ns >= SAY_AFTER_NS &&
	    cli_can_write())
		say(channel);
	pthread_mutex_unlock(&mutex);
}

void waiting_note_elsewhere(const struct cli_settings *elsewhere, const struct channel *channel)
{
	char cause[256];
	unsigned rows_before;

	if (elsewhere->quiet || !cli_can_write())
		return;
	pthread_mutex_lock(&mutex);
	asked = &elsewhere->channel;
	rows_before = rows; /* of the lines about our own channel; those printed here stay */
	if (!speaks || !say_lines(channel))
		cli_note(settings, "channel \"%s\": waiting: %s", asked->name,
			 channel_explain(channel, -ETIMEDOUT, cause, sizeof(cause)));
	rows = rows_before;
	pthread_mutex_unlock(&mutex);
}

bool waiting_note_mutual(const struct cli_settings *here, const struct channel *channel,
			 unsigned seconds)
{
	enum channel_wait waits = channel_report(channel)->waits;
	bool acknowledged = waits == CHANNEL_WAITS_ACKNOWLEDGED;
	pid_t holder = 0;

	/* Reading what is in a channel may take long: only after 1, 2, 4, ... seconds. */
	if ((seconds & (seconds - 1)) != 0 || !cli_can_write() ||
	    (waits != CHANNEL_WAITS_ROOM && waits != CHANNEL_WAITS_TURN && !acknowledged))
		return false;
	pthread_mutex_lock(&mutex);
	asked = &here->channel;
	if (snapshot_read(&snapshot, asked->name, asked->owner) == 0 &&
	    snapshot.kind == SNAPSHOT_CHANNEL)
		holder = mutual_wait(&snapshot, acknowledged);
	if (holder != 0)
		cli_error(settings,
			  "channel \"%s\"%s process %ld, which has started this, %s until its "
			  "command ends; if that waits for this, nobody goes on (%s, or another "
			  "channel)",
			  asked->name, acknowledged ? ":" : " is full:", (long)holder,
			  acknowledged ? "acknowledges nothing" : "keeps the room",
			  acknowledged ? "-w" : "-w, --when-full, a larger --size");
	pthread_mutex_unlock(&mutex);
	return holder != 0;
}

/* Moves up to where the lines began, and clears all below. */
static void take_back(void)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "\033[%uA\r\033[J", rows);

	if (cli_lines() == lines_then && in_foreground() && cli_can_write() &&
	    write(STDERR_FILENO, text, (size_t)size) < 0)
		return; /* the lines stay */
}

void waiting_note_moved(void)
{
	if (!atomic_load_explicit(&moved, memory_order_relaxed))
		atomic_store(&moved, true);
	if (!atomic_load_explicit(&said, memory_order_relaxed))
		return;
	pthread_mutex_lock(&mutex);
	if (atomic_exchange(&said, false) && rows > 0)
		take_back();
	rows = 0;
	pthread_mutex_unlock(&mutex);
}

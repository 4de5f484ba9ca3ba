#include "producer/send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/figures.h"
#include "cli/line.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"
#include "frame/read_lines.h"
#include "producer/hold.h"

static struct send_request *sending;

bool send_reads_standard_input(const struct send_request *what)
{
	return what->file_count == 0 && what->configured.count == 0 && what->message_count == 0 &&
	       what->command == NULL;
}

/* Tells how many older messages were dropped to make room for this one. */
static void tell_old_dropped(void)
{
	uint64_t dropped = channel_dropped(sending->channel) - sending->dropped;

	sending->dropped += dropped;
	if (dropped > 0)
		cli_story(sending->settings,
			  "producer: channel is full, %llu old message%s dropped",
			  (unsigned long long)dropped, plural(dropped));
}

/* So many whole messages were sent; or, with 0, a piece of one. */
static void tell_sent(uint32_t messages, size_t bytes)
{
	progress_count(sending->progress, messages, bytes);
	if (messages == 0)
		return;
	sending->sent = true;
	sending->waits = sending->mutual_waits = 0;
	sending->mutual = false;
	waiting_note_moved();
	tell_old_dropped();
	cli_story(sending->settings, "producer: data ready, notifying consumer");
}

static void tell_dropped(void)
{
	sending->dropped = channel_dropped(sending->channel);
	waiting_note_moved();
	cli_story(sending->settings, "producer: channel is full, data dropped");
}

/* Notes how many messages were dropped, although the user has allowed that. */
static void tell_all_dropped(void)
{
	uint64_t dropped = channel_dropped(sending->channel);

	if (dropped > 0)
		cli_note(sending->settings, "dropped %llu message%s: channel \"%s\" was full",
			 (unsigned long long)dropped, plural(dropped),
			 sending->settings->channel.name);
}

/* ---- sending ---- */

static enum cli_exit send_failed(int error)
{
	return cli_channel_error(sending->settings, sending->channel, "send to", error);
}

/* Called in each second without input or without room, so that the progress shows it. */
static void show_waiting(void)
{
	progress_wait(sending->progress);
}

/* Sends what is read from fd: separated by `delimiter`; NULL: as --framing or --delimiter says. */
static enum cli_exit send_input(int fd, const char *name, const struct delimiter *delimiter)
{
	struct frame_input input = {
		.fd = fd,
		.delimiter = delimiter != NULL ? delimiter : &sending->settings->delimiter,
		.netstrings = delimiter == NULL && sending->settings->netstrings,
		.sent = tell_sent,
		.dropped = tell_dropped,
		.waiting = show_waiting
	};
	int rc;

	if (sending->file_count <= 1) /* of several files it would show only the current one */
		progress_input(sending->progress, fd);
	rc = frame_send(sending->channel, &input);
	progress_input(sending->progress, -1);
	sending->input_read |= input.read;
	if (rc < 0 && input.malformed != NULL) {
		cli_error(sending->settings,
			  "cannot read %s: bad netstring at byte offset %llu: %s", name,
			  (unsigned long long)input.offset, input.malformed);
		return CLI_FAILED;
	}
	if (rc < 0 && input.error != 0) {
		cli_error(sending->settings, "cannot read %s: %s", name, strerror(input.error));
		return CLI_FAILED;
	}
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

static enum cli_exit send_file(const char *path)
{
	static const struct delimiter none = { .size = 0 };
	char name[300];
	enum cli_exit status;
	int fd;

	if (strcmp(path, "-") == 0)
		return send_input(STDIN_FILENO, "standard input", &none);
	do { /* a FIFO may have to wait for its writer; a signal ends that */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR && !channel_interrupted(sending->channel));
	snprintf(name, sizeof(name), "\"%s\"", path);
	if (fd < 0 && errno == EINTR)
		return CLI_FAILED;
	if (fd < 0) {
		cli_error(sending->settings, "cannot open %s: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	status = send_input(fd, name, &none);
	close(fd);
	return status;
}

static enum cli_exit send_text(const char *text)
{
	int rc = channel_send(sending->channel, text, strlen(text), 0);

	if (rc < 0)
		return send_failed(rc);
	if (rc == CHANNEL_DROPPED)
		tell_dropped();
	else
		tell_sent(1, strlen(text));
	return CLI_DONE;
}

/* Sends a message of --message, with its own key if it has one. */
static enum cli_exit send_configured(const struct named_message *message)
{
	const char *key = message->key != NULL ? message->key : sending->key;
	enum cli_exit status;

	channel_key_set(sending->channel, key, strlen(key));
	status = message->text != NULL ? send_text(message->text) : send_file(message->file);
	channel_key_set(sending->channel, sending->key, strlen(sending->key));
	return status;
}

static enum cli_exit send_messages(void)
{
	enum cli_exit status = CLI_DONE;

	for (int i = 0; status == CLI_DONE && i < sending->file_count; i++)
		status = send_file(sending->files[i]);
	for (int i = 0; status == CLI_DONE && i < sending->configured.count; i++)
		status = send_configured(&sending->configured.messages[i]);
	for (int i = 0; status == CLI_DONE && i < sending->message_count; i++)
		status = send_text(sending->messages[i]);
	if (status == CLI_DONE && send_reads_standard_input(sending))
		status = send_input(STDIN_FILENO, "standard input", NULL);
	return status;
}

/*
 * --wait-ack. All committed messages will be delivered anyway, so giving up does not fail the
 * stream.
 */
static enum cli_exit wait_acknowledged(void)
{
	int rc = channel_wait_acknowledged(sending->channel);

	if (rc == -ETIMEDOUT) {
		cli_error(sending->settings,
			  "cannot wait longer for channel \"%s\": timed out: not all messages are "
			  "acknowledged",
			  sending->settings->channel.name);
		return CLI_TIMED_OUT;
	}
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

/* --wait-consumers: waits for so many consumers. */
static enum cli_exit wait_consumers(void)
{
	int rc = channel_wait_consumers(sending->channel, sending->consumers);

	if ((rc == -ETIMEDOUT || rc == -EAGAIN) && !channel_report(sending->channel)->lock_taken) {
		cli_error(sending->settings,
			  "cannot send to channel \"%s\": %s%u of %u consumer%s there",
			  sending->settings->channel.name, rc == -ETIMEDOUT ? "timed out: " : "",
			  channel_consumers(sending->channel), sending->consumers,
			  sending->consumers == 1 ? " is" : "s are");
		return cli_status(rc);
	}
	if (rc == 0)
		waiting_note_moved();
	return rc < 0 ? send_failed(rc) : CLI_DONE;
}

/* Sends everything. *all_sent: the stream is complete, whatever the exit status is. */
static int send_all(bool *all_sent)
{
	int status = (int)send_messages();

	sending->progress->dropped = channel_dropped(sending->channel);
	tell_all_dropped();
	if (status == CLI_DONE && sending->wait_acknowledged) {
		status = (int)wait_acknowledged();
		if (status == CLI_DONE)
			waiting_note_moved();
		*all_sent = status == CLI_TIMED_OUT;
	}
	return status;
}

/* Returns how the producer leaves, after sending or holding has ended with `status`. */
static unsigned detach_flags(int status, bool all_sent)
{
	/*
	 * The first message was not sent, and can be read again: the caller can simply try again.
	 */
	bool nothing_begun = status == CLI_WOULD_BLOCK && sending->command == NULL &&
			     !sending->input_read && !sending->sent;
	unsigned flags = 0;

	/* Then consumers learn that the stream may be incomplete. */
	if (status != CLI_DONE && !all_sent && !nothing_begun)
		flags |= CHANNEL_FAILED;
	if (channel_interrupted(sending->channel))
		flags |= CHANNEL_FAILED;
	if ((status == CLI_DONE || all_sent) && sending->end)
		flags |= CHANNEL_END;
	return flags;
}

/* Attaches as a producer for as long as it sends, or as the command of --hold runs. */
static int produce(void)
{
	int status = CLI_DONE;
	bool all_sent = false;
	unsigned flags = 0;
	int rc;

	rc = channel_attach(sending->channel, CHANNEL_PRODUCER, &sending->settings->channel);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0)
		return (int)cli_channel_error(sending->settings, sending->channel, "attach to", rc);
	waiting_note_moved();
	cli_check_size(sending->settings, sending->channel);
	cli_check_mode(sending->settings, sending->channel);
	channel_key_set(sending->channel, sending->key, strlen(sending->key));

	if (sending->consumers > 0)
		status = (int)wait_consumers();
	if (status != CLI_DONE)
		flags |= CHANNEL_UNBEGUN | CHANNEL_FAILED;
	else if (sending->command != NULL)
		status = hold_run(sending->settings, sending->channel, sending->command);
	else
		status = send_all(&all_sent);
	channel_detach(sending->channel, flags | detach_flags(status, all_sent));
	return status;
}

/* ---- waiting ---- */

/*
 * After two seconds without room: notes which group is waited for, if there are several. If someone
 * watches (see waiting_note.h), explains any wait.
 */
static void tell_waiting(const struct channel *channel)
{
	char cause[CHANNEL_EXPLAIN_MAX];

	if (waiting_note_speaks())
		waiting_note_look(channel);
	else if (channel_report(channel)->held_by_group && cli_can_write() && ++sending->waits == 2)
		cli_note(sending->settings, "channel \"%s\": waiting: %s",
			 sending->settings->channel.name,
			 channel_explain(channel, -ETIMEDOUT, cause, sizeof(cause)));
}

/* Called in each second of a wait for the other side. */
static void on_waiting(const struct channel *channel)
{
	if (!sending->mutual)
		sending->mutual =
			waiting_note_mutual(sending->settings, channel, ++sending->mutual_waits);
	tell_waiting(channel);
	show_waiting();
}

int send_run(struct send_request *what)
{
	sending = what;
	sending->settings->channel.waiting = on_waiting;
	return cli_run(sending->settings, produce);
}

#include "consumer/stream.h"

#include <errno.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"

static struct stream *stream;

/* Returns the exit status if all went well. */
static enum cli_exit status_at_end(void)
{
	return stop_status(stream->stop, stream->print.received);
}

/* Returns the exit status at the end of the stream, or if --idle has ended a wait. */
static enum cli_exit status_at_stream_end(int result)
{
	enum cli_exit status = stop_end_status(stream->print.channel, result);

	return status == CLI_DONE ? status_at_end() : status;
}

/* Prints a delivery; gives back what could not be printed. */
static enum cli_exit handle(const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = print_delivery(&stream->print, delivery, &done);

	if (rc == 0)
		return CLI_DONE;
	channel_give_back(stream->print.channel, done);
	return print_failed(&stream->print, rc);
}

/* Returns the exit status when receiving has ended without a message. */
static enum cli_exit status_without(int result, bool idle)
{
	switch (result) {
	case CHANNEL_ENDED:
		stream->ended = true;
		return status_at_stream_end(result);
	case -EAGAIN:
		if (channel_report(stream->print.channel)->lock_taken)
			break;
		return stream->stop->exit_empty ? status_at_end() : CLI_WOULD_BLOCK;
	case -EINTR:
		if (cli_drain_asked() && cli_signal_caught() == 0)
			return status_at_end();
		break;
	case -ETIMEDOUT:
		if (!idle || channel_report(stream->print.channel)->lock_taken)
			break;
		return status_at_stream_end(result);
	default:
		break;
	}
	return print_channel_failed(&stream->print, "receive from", result);
}

/* Reports lost messages at once: a consumer with --follow may run for days. */
static void tell_lost(void)
{
	uint64_t lost = channel_lost(stream->print.channel) - stream->lost;

	if (lost == 0)
		return;
	stream->lost += lost;
	cli_tell_lost(stream->settings, lost);
}

/* Tells what was dropped before the message of this number, or, with 0, before the end. */
static void tell_missed(uint64_t sequence)
{
	uint64_t missed = channel_missed(stream->print.channel) - stream->missed;

	stream->missed += missed;
	cli_tell_missed(stream->settings, missed, sequence);
}

/* Receives the next messages. Returns what channel_receive() does. */
static int receive_next(uint64_t idle_ns, struct channel_delivery *delivery)
{
	unsigned flags = CHANNEL_SHARE | stop_flags(stream->stop, stream->settings) |
			 print_flags(&stream->print);
	int rc;

	if (cli_drain_asked() && !stream->print.inside) /* then nothing is received */
		channel_interrupt(stream->print.channel);
	rc = channel_receive(stream->print.channel, stop_left(stream->stop, stream->print.received),
			     flags, idle_ns, delivery);
	if (rc >= 0)
		waiting_note_moved();
	tell_lost();
	tell_missed(rc == CHANNEL_DELIVERED ? delivery->sequence : 0);
	return rc;
}

/* Receiving has ended without a message. */
static enum cli_exit receive_ended(int result, bool idle)
{
	/*
	 * The error may have come before the last delivery was acknowledged. A message longer than
	 * the ring is given back as a whole, if no part of it was freed yet.
	 */
	if (stream->print.inside)
		channel_give_back(stream->print.channel, 0);
	else
		channel_acknowledge(stream->print.channel);
	return status_without(result, idle);
}

/* As many messages as --count asks for were printed. */
static enum cli_exit receive_enough(void)
{
	int rc = channel_acknowledge(stream->print.channel);

	if (rc < 0)
		return cli_channel_error(stream->settings, stream->print.channel, "acknowledge to",
					 rc);
	return CLI_DONE;
}

static enum cli_exit receive_messages(void)
{
	uint64_t idle_ns = stop_idle_ns(stream->stop, stream->settings);
	enum cli_exit status = CLI_DONE;

	cli_story(stream->settings, "consumer: waiting for data...");
	while (status == CLI_DONE) {
		struct channel_delivery delivery;
		bool idle = idle_ns != 0 && !stream->print.inside;
		int rc = receive_next(idle ? idle_ns : 0, &delivery);

		if (rc == CHANNEL_PASSED) {
			status = print_line_end(&stream->print);
			continue;
		}
		if (rc != CHANNEL_DELIVERED)
			return receive_ended(rc, idle);
		status = handle(&delivery);
		if (status == CLI_DONE && stop_enough(stream->stop, stream->print.received))
			return receive_enough();
	}
	return status;
}

static enum cli_exit attach_failed(int error)
{
	if (stop_missing_is_empty(stream->settings, error))
		return stream->stop->exit_empty ? status_at_end() : CLI_WOULD_BLOCK;
	if (error == -EINTR && cli_drain_asked() && cli_signal_caught() == 0)
		return status_at_end();
	return print_channel_failed(&stream->print, "attach to", error);
}

/* True if the exit status says how the stream ended: not if the process is ended by a signal. */
static bool tells_end(enum cli_exit status)
{
	if (cli_signal_caught() != 0)
		return false;
	if (channel_incomplete(stream->print.channel))
		return status == CLI_INCOMPLETE;
	return status == CLI_DONE || status == CLI_WOULD_BLOCK || status == CLI_INCOMPLETE;
}

static int consume(void)
{
	enum cli_exit status;
	int rc;

	rc = channel_attach(stream->print.channel, CHANNEL_CONSUMER, &stream->settings->channel);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0)
		return (int)attach_failed(rc);
	waiting_note_moved();
	cli_story(stream->settings, "consumer: connected to shared memory!");
	cli_check_size(stream->settings, stream->print.channel);
	cli_check_mode(stream->settings, stream->print.channel);

	status = receive_messages();
	status = print_end(&stream->print, status, stream->ended);
	tell_lost();
	stream->print.progress->lost = stream->lost;
	stream->print.progress->dropped = stream->missed;
	cli_note_missed(stream->settings, stream->missed);
	if (stream->lost > 0 && (status == CLI_DONE || status == CLI_WOULD_BLOCK))
		status = CLI_INCOMPLETE;
	channel_detach(stream->print.channel, tells_end(status) ? 0 : CHANNEL_UNTOLD);
	return (int)status;
}

int stream_print(struct stream *asked)
{
	stream = asked;
	return cli_run(stream->settings, consume);
}

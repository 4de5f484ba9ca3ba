#include "consumer/stream.h"

#include <errno.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"

static struct stream *stream;

/* Were there as many as --count asked for? */
static enum cli_exit status_at_end(void)
{
	return stop_status(stream->stop, stream->print.received);
}

/* Writes what is in hand; what could not be written is given back. */
static enum cli_exit handle(const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = print_delivery(&stream->print, delivery, &done);

	if (rc == 0)
		return CLI_DONE;
	channel_give_back(stream->print.channel, done);
	return print_failed(&stream->print, rc);
}

/* How the last look for a message ended, if not with one. */
static enum cli_exit status_without(int result, bool idle)
{
	switch (result) {
	case CHANNEL_ENDED:
		stream->ended = true;
		return channel_incomplete(stream->print.channel) ? CLI_INCOMPLETE : status_at_end();
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
		return channel_end_passed(stream->print.channel) &&
				       channel_incomplete(stream->print.channel)
			       ? CLI_INCOMPLETE
			       : status_at_end();
	default:
		break;
	}
	return print_channel_failed(&stream->print, "receive from", result);
}

/* Says at once that a message is lost: a follower may not end for days. */
static void tell_lost(void)
{
	uint64_t lost = channel_lost(stream->print.channel) - stream->lost;

	if (lost == 0)
		return;
	stream->lost += lost;
	cli_tell_lost(stream->settings, lost);
}

/* What was dropped before the message of this number, or, 0, before the end. */
static void tell_missed(uint64_t sequence)
{
	uint64_t missed = channel_missed(stream->print.channel) - stream->missed;

	stream->missed += missed;
	cli_tell_missed(stream->settings, missed, sequence);
}

static enum cli_exit receive_messages(void)
{
	unsigned flags = CHANNEL_SHARE | stop_flags(stream->stop, stream->settings);
	uint64_t idle_ns = stop_idle_ns(stream->stop, stream->settings);
	bool told_waiting = false;

	for (;;) {
		struct channel_delivery delivery;
		bool idle = idle_ns != 0 && !stream->print.inside;
		enum cli_exit status;
		int rc;

		if (!told_waiting)
			cli_story(stream->settings, "consumer: waiting for data...");
		told_waiting = true;
		if (cli_drain_asked() && !stream->print.inside) /* then nothing is taken */
			channel_interrupt(stream->print.channel);
		rc = channel_receive(
			stream->print.channel, stop_left(stream->stop, stream->print.received),
			flags | print_flags(&stream->print), idle ? idle_ns : 0, &delivery);
		if (rc >= 0)
			why_moved();
		tell_lost();
		tell_missed(rc == CHANNEL_DELIVERED ? delivery.sequence : 0);
		if (rc == CHANNEL_PASSED) {
			status = print_line_end(&stream->print);
			if (status != CLI_DONE)
				return status;
			continue;
		}
		if (rc != CHANNEL_DELIVERED) {
			/*
			 * An error may have come before the last delivery was acknowledged. Of a
			 * message longer than the ring all comes again, if nothing was freed yet.
			 */
			if (stream->print.inside)
				channel_give_back(stream->print.channel, 0);
			else
				channel_acknowledge(stream->print.channel);
			return status_without(rc, idle);
		}
		status = handle(&delivery);
		if (status != CLI_DONE)
			return status;
		if (stop_enough(stream->stop, stream->print.received)) {
			rc = channel_acknowledge(stream->print.channel);
			return rc < 0 ? cli_channel_error(stream->settings, stream->print.channel,
							  "acknowledge to", rc)
				      : CLI_DONE;
		}
	}
}

static enum cli_exit attach_failed(int error)
{
	if (stop_missing_is_empty(stream->settings, error))
		return stream->stop->exit_empty ? status_at_end() : CLI_WOULD_BLOCK;
	if (error == -EINTR && cli_drain_asked() && cli_signal_caught() == 0)
		return status_at_end();
	return print_channel_failed(&stream->print, "attach to", error);
}

static int consume(void)
{
	enum cli_exit status;
	bool untold;
	int rc;

	rc = channel_attach(stream->print.channel, CHANNEL_CONSUMER, &stream->settings->channel);
	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc < 0)
		return (int)attach_failed(rc);
	why_moved();
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
	/*
	 * Does the exit status say how the stream ended? It is not seen of one ended by a signal.
	 */
	untold = cli_signal_caught() != 0 ||
		 (status != CLI_DONE && status != CLI_WOULD_BLOCK && status != CLI_INCOMPLETE) ||
		 (channel_incomplete(stream->print.channel) && status != CLI_INCOMPLETE);
	channel_detach(stream->print.channel, untold ? CHANNEL_UNTOLD : 0);
	return (int)status;
}

int stream_print(struct stream *asked)
{
	stream = asked;
	return cli_run(stream->settings, consume);
}

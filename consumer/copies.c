#include "consumer/copies.h"

#include <errno.h>
#include <unistd.h>

#include "cli/figures.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"
#include "observe/peek.h"
#include "observe/tap.h"

static struct copies *copies;
static struct tap *tap;
static uint64_t told_missed; /* as reported with --verbose */

static enum cli_exit status_at_end(void)
{
	return stop_status(copies->stop, copies->print.received);
}

static uint32_t most_wanted(void)
{
	return stop_left(copies->stop, copies->print.received);
}

/* Prints a copy. Returns CLI_DONE if it was printed. */
static enum cli_exit print_copy(const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = print_delivery(&copies->print, delivery, &done);

	return rc < 0 ? print_failed(&copies->print, rc) : CLI_DONE;
}

static bool enough(void)
{
	return stop_enough(copies->stop, copies->print.received);
}

/* ---- --tap ---- */

static void tell_missed(void)
{
	uint64_t missed = tap_missed(tap) - told_missed;

	if (missed > 0)
		cli_story(copies->settings, "consumer: missed %llu message%s: %s too fast",
			  (unsigned long long)missed, plural(missed),
			  missed == 1 ? "it came" : "they came");
	told_missed += missed;
}

static enum cli_exit status_without(int result, bool idle)
{
	const struct channel *channel = copies->print.channel;

	if (result == CHANNEL_ENDED)
		return channel_incomplete(channel) ? CLI_INCOMPLETE : status_at_end();
	if (result == -EAGAIN)
		return CLI_WOULD_BLOCK;
	if (result == -ETIMEDOUT && idle) /* perhaps of a stream whose end has already passed */
		return channel_incomplete(channel) ? CLI_INCOMPLETE : status_at_end();
	if (result == -EINTR && cli_drain_asked() && cli_signal_caught() == 0)
		return copies->print.inside ? CLI_INCOMPLETE : status_at_end();
	return print_channel_failed(&copies->print, "receive from", result);
}

static enum cli_exit tap_messages(void)
{
	unsigned flags = stop_flags(copies->stop, copies->settings);
	uint64_t idle_ns = stop_idle_ns(copies->stop, copies->settings);
	enum cli_exit status = CLI_DONE;

	cli_story(copies->settings, "consumer: waiting for data...");
	while (status == CLI_DONE && !enough()) {
		struct channel_delivery delivery;
		bool idle = idle_ns != 0 && !copies->print.inside;
		int rc;

		if (cli_drain_asked() && !copies->print.inside)
			return status_at_end();
		rc = tap_receive(tap, most_wanted(), flags | print_flags(&copies->print),
				 idle ? idle_ns : 0, &delivery);
		if (rc >= 0)
			waiting_note_moved();
		tell_missed();
		if (rc == CHANNEL_PASSED)
			status = print_line_end(&copies->print);
		else if (rc == CHANNEL_DELIVERED)
			status = print_copy(&delivery);
		else
			return print_end(&copies->print, status_without(rc, idle),
					 rc == CHANNEL_ENDED);
	}
	return print_end(&copies->print, status, false);
}

static int tap_attached(void)
{
	const struct channel_options *options = &copies->settings->channel;
	struct channel *channel = copies->print.channel;
	enum cli_exit status;
	int rc = tap_attach(tap, options);

	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (stop_missing_is_empty(copies->settings, rc))
		return CLI_WOULD_BLOCK;
	if (rc < 0)
		return (int)print_channel_failed(&copies->print, "attach to", rc);
	waiting_note_moved();
	cli_story(copies->settings, "consumer: connected to shared memory!");
	cli_check_size(copies->settings, channel);
	status = tap_messages();
	channel_detach(channel, 0);
	return (int)status;
}

int copies_tap(struct copies *asked)
{
	int status;

	copies = asked;
	tap = tap_new(copies->print.channel);
	if (tap == NULL)
		cli_out_of_memory(copies->settings);
	status = cli_run(copies->settings, tap_attached);
	copies->print.progress->dropped = tap_missed(tap);
	if (tap_missed(tap) > 0)
		cli_error(copies->settings, "missed %llu message%s of channel \"%s\": %s too fast",
			  (unsigned long long)tap_missed(tap), plural(tap_missed(tap)),
			  copies->settings->channel.name,
			  tap_missed(tap) == 1 ? "it came" : "they came");
	tap_free(tap);
	return status;
}

/* ---- --peek ---- */

static enum cli_exit peek_messages(struct peek *peek)
{
	enum cli_exit status = CLI_DONE;

	while (status == CLI_DONE && !enough()) {
		struct channel_delivery delivery;
		int rc = peek_next(peek, most_wanted(), &delivery);

		if (rc == CHANNEL_ENDED)
			return status_at_end();
		if (rc < 0)
			return cli_channel_error(copies->settings, copies->print.channel,
						 "peek into", rc);
		status = print_copy(&delivery);
	}
	return status;
}

static enum cli_exit peek_opened(struct peek *peek)
{
	const struct cli_settings *settings = copies->settings;
	enum cli_exit status;
	int rc = peek_open(peek, &settings->channel);

	if (rc == -ENOENT && settings->channel.owner == geteuid())
		return status_at_end();
	if (rc < 0)
		return cli_channel_error(settings, copies->print.channel, "peek into", rc);
	status = peek_messages(peek);
	peek_close(peek);
	if (peek_partial(peek) > 0)
		cli_note(settings, "left out %llu message%s of which only a part is there",
			 (unsigned long long)peek_partial(peek), plural(peek_partial(peek)));
	return status;
}

int copies_peek(struct copies *asked)
{
	struct peek *peek = peek_new(asked->print.channel);
	enum cli_exit status;

	copies = asked;
	if (peek == NULL)
		cli_out_of_memory(copies->settings);
	status = peek_opened(peek);
	peek_free(peek);
	return (int)status;
}

#include "consumer/copies.h"

#include <errno.h>
#include <unistd.h>

#include "cli/figures.h"
#include "cli/message.h"
#include "cli/signals.h"
#include "cli/waiting_note.h"
#include "observe/peek.h"
#include "observe/tap.h"

static struct watch *watch;
static struct tap *tap;
static uint64_t told_missed; /* as reported with --verbose */

static enum cli_exit status_at_end(void)
{
	return watch->stop->count > watch->print.received ? CLI_WOULD_BLOCK : CLI_DONE;
}

static uint32_t most_wanted(void)
{
	uint64_t left = watch->stop->count - watch->print.received;

	return watch->stop->count == 0 || left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

/* Prints a copy. Returns CLI_DONE if it was printed. */
static enum cli_exit print_copy(const struct channel_delivery *delivery)
{
	uint32_t done;
	int rc = print_delivery(&watch->print, delivery, &done);

	return rc < 0 ? print_failed(&watch->print, rc) : CLI_DONE;
}

static bool enough(void)
{
	return watch->stop->count > 0 && watch->print.received >= watch->stop->count;
}

/* ---- --tap ---- */

static void tell_missed(void)
{
	uint64_t missed = tap_missed(tap) - told_missed;

	if (missed > 0)
		cli_story(watch->settings, "consumer: missed %llu message%s: %s too fast",
			  (unsigned long long)missed, plural(missed),
			  missed == 1 ? "it came" : "they came");
	told_missed += missed;
}

static enum cli_exit status_without(int result, bool idle)
{
	const struct channel *channel = watch->print.channel;

	if (result == CHANNEL_ENDED)
		return channel_incomplete(channel) ? CLI_INCOMPLETE : status_at_end();
	if (result == -EAGAIN)
		return CLI_WOULD_BLOCK;
	if (result == -ETIMEDOUT && idle) /* perhaps of a stream whose end has already passed */
		return channel_incomplete(channel) ? CLI_INCOMPLETE : status_at_end();
	if (result == -EINTR && cli_drain_asked() && cli_signal_caught() == 0)
		return watch->print.inside ? CLI_INCOMPLETE : status_at_end();
	return print_channel_failed(&watch->print, "receive from", result);
}

static enum cli_exit tap_messages(void)
{
	const struct channel_options *options = &watch->settings->channel;
	unsigned flags = (watch->stop->follow ? CHANNEL_FOLLOW : 0) |
			 (options->nonblock ? CHANNEL_DONTWAIT : 0);
	enum cli_exit status = CLI_DONE;

	cli_story(watch->settings, "consumer: waiting for data...");
	while (status == CLI_DONE && !enough()) {
		struct channel_delivery delivery;
		bool idle =
			watch->stop->idle_ns != 0 && !watch->print.inside &&
			(options->timeout_ns == 0 || watch->stop->idle_ns < options->timeout_ns);
		int rc;

		if (cli_drain_asked() && !watch->print.inside)
			return status_at_end();
		rc = tap_receive(tap, most_wanted(), flags | print_flags(&watch->print),
				 idle ? watch->stop->idle_ns : 0, &delivery);

		if (rc >= 0)
			why_moved();
		tell_missed();
		if (rc == CHANNEL_PASSED)
			status = print_line_end(&watch->print);
		else if (rc == CHANNEL_DELIVERED)
			status = print_copy(&delivery);
		else
			return print_end(&watch->print, status_without(rc, idle),
					 rc == CHANNEL_ENDED);
	}
	return print_end(&watch->print, status, false);
}

static int tap_attached(void)
{
	const struct channel_options *options = &watch->settings->channel;
	struct channel *channel = watch->print.channel;
	enum cli_exit status;
	int rc = tap_attach(tap, options);

	if (rc == -CHANNEL_ETHREAD)
		return CLI_ANOTHER_THREAD;
	if (rc == -ENOENT && options->never_create && options->owner == geteuid())
		return CLI_WOULD_BLOCK;
	if (rc < 0)
		return (int)print_channel_failed(&watch->print, "attach to", rc);
	why_moved();
	cli_story(watch->settings, "consumer: connected to shared memory!");
	cli_check_size(watch->settings, channel);
	status = tap_messages();
	channel_detach(channel, 0);
	return (int)status;
}

int watch_tap(struct watch *asked)
{
	int status;

	watch = asked;
	tap = tap_new(watch->print.channel);
	if (tap == NULL)
		cli_out_of_memory(watch->settings);
	status = cli_run(watch->settings, tap_attached);
	watch->print.progress->dropped = tap_missed(tap);
	if (tap_missed(tap) > 0)
		cli_error(watch->settings, "missed %llu message%s of channel \"%s\": %s too fast",
			  (unsigned long long)tap_missed(tap), plural(tap_missed(tap)),
			  watch->settings->channel.name,
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
			return cli_channel_error(watch->settings, watch->print.channel, "peek into",
						 rc);
		status = print_copy(&delivery);
	}
	return status;
}

static enum cli_exit peek_opened(struct peek *peek)
{
	const struct cli_settings *settings = watch->settings;
	enum cli_exit status;
	int rc = peek_open(peek, &settings->channel);

	if (rc == -ENOENT && settings->channel.owner == geteuid())
		return status_at_end();
	if (rc < 0)
		return cli_channel_error(settings, watch->print.channel, "peek into", rc);
	status = peek_messages(peek);
	peek_close(peek);
	if (peek_partial(peek) > 0)
		cli_note(settings, "left out %llu message%s of which only a part is there",
			 (unsigned long long)peek_partial(peek), plural(peek_partial(peek)));
	return status;
}

int watch_peek(struct watch *asked)
{
	struct peek *peek = peek_new(asked->print.channel);
	enum cli_exit status;

	watch = asked;
	if (peek == NULL)
		cli_out_of_memory(watch->settings);
	status = peek_opened(peek);
	peek_free(peek);
	return (int)status;
}

#include "consumer/print/print.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "cli/signals.h"
#include "frame/write.h"

void print_begin(struct print *print, const struct cli_settings *settings, struct channel *channel,
		 struct format *format, struct progress *progress)
{
	*print = (struct print){ .settings = settings,
				 .channel = channel,
				 .format = format_begun(format) ? format : NULL,
				 .progress = progress,
				 .appends = (fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND) != 0,
				 .output = { .fd = STDOUT_FILENO,
					     .delimiter = &settings->delimiter } };
}

static void tell_message(const struct print *print, const struct channel_delivery *delivery,
			 const unsigned char *message, size_t size)
{
	char excerpt[CLI_EXCERPT_MAX], key[CLI_EXCERPT_MAX];

	cli_excerpt(message, size, excerpt);
	if (delivery->key_size > 0)
		cli_story(print->settings, "consumer: received data (key \"%s\"): %s",
			  cli_excerpt(delivery->key, delivery->key_size, key), excerpt);
	else
		cli_story(print->settings, "consumer: received data: %s", excerpt);
}

/* Tells, with --verbose, of each message that was written. */
static void tell_received(const struct print *print, const struct channel_delivery *delivery)
{
	size_t at = 0;

	if (!print->settings->verbose)
		return;
	if (delivery->delimiter_size == 0) {
		if (delivery->first)
			tell_message(print, delivery, delivery->bytes, delivery->size);
		return;
	}
	for (uint32_t i = 0; i < delivery->messages; i++) {
		size_t size = delimiter_skip(delivery->bytes + at, delivery->size - at,
					     delivery->delimiter, delivery->delimiter_size, 1);

		if (size == 0)
			return;
		tell_message(print, delivery, delivery->bytes + at,
			     size - delivery->delimiter_size);
		at += size;
	}
}

int print_delivery(struct print *print, const struct channel_delivery *delivery, uint32_t *done)
{
	uint32_t whole = 0;
	int rc;

	if (delivery->unterminated)
		print->output.shared = print->appends || !channel_at_last(print->channel);
	rc = print->format != NULL ? format_write(print->format, print->channel, delivery, done)
				   : frame_write(print->channel, &print->output, delivery, done);
	if (rc < 0)
		return rc;
	tell_received(print, delivery);
	print->inside = !delivery->last;
	if (delivery->last)
		whole = delivery->delimiter_size > 0 ? delivery->messages : 1;
	print->received += whole;
	if (delivery->attempts > 1)
		print->progress->redelivered += whole;
	progress_count(print->progress, whole, delivery->size - whole * delivery->delimiter_size);
	return 0;
}

enum cli_exit print_failed(struct print *print, int error)
{
	print->failed = true;
	print->pipe_closed = error == -EPIPE;
	if (error == -FORMAT_ELONG) {
		cli_error(print->settings,
			  "cannot print a message of more than %llu bytes: %s needs it whole",
			  (unsigned long long)FORMAT_WHOLE_MAX, print->format->option);
		return CLI_FAILED;
	}
	if (error == -EBADMSG)
		return cli_channel_error(print->settings, print->channel, "receive from",
					 -CHANNEL_EDAMAGED);
	if (error != -EINTR && !(print->pipe_closed && !cli_pipe_ignored()))
		cli_error(print->settings, "cannot write standard output: %s", strerror(-error));
	return CLI_FAILED;
}

unsigned print_flags(const struct print *print)
{
	return print->output.delimiter_due ? CHANNEL_PASSING : 0;
}

enum cli_exit print_line_end(struct print *print)
{
	int rc = print->failed || print->inside ? 0
						: frame_write_due(print->channel, &print->output);

	return rc < 0 ? print_failed(print, rc) : CLI_DONE;
}

void print_line_look(struct print *print)
{
	if (print->output.delimiter_due && !channel_alone(print->channel) &&
	    print_line_end(print) != CLI_DONE)
		channel_interrupt(print->channel);
}

enum cli_exit print_end(struct print *print, enum cli_exit status, bool ended)
{
	enum cli_exit last = CLI_DONE;

	if (!ended || !channel_alone(print->channel))
		last = print_line_end(print);
	return last != CLI_DONE ? last : status;
}

void print_look(struct print *print)
{
	struct pollfd output = { .fd = print->output.fd };

	if (poll(&output, 1, 0) != 1 || (output.revents & (POLLERR | POLLHUP)) == 0)
		return;
	print->reader_gone = true;
	channel_interrupt(print->channel);
}

enum cli_exit print_channel_failed(struct print *print, const char *what, int error)
{
	struct stat status;

	if (error != -EINTR || !print->reader_gone)
		return cli_channel_error(print->settings, print->channel, what, error);
	/* A terminal that has hung up is not a pipe. */
	return print_failed(print, fstat(print->output.fd, &status) == 0 && S_ISCHR(status.st_mode)
					   ? -EIO
					   : -EPIPE);
}

#include "cli/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "channel/owner.h"
#include "cli/figures.h"
#include "cli/line.h"

/* ---- messages ---- */

static void (*before_printing)(void);

void cli_before_printing(void (*prepare)(void))
{
	before_printing = prepare;
}

static atomic_uint lines_printed;

unsigned cli_lines(void)
{
	return atomic_load(&lines_printed);
}

/* The text may quote what a user typed or another process wrote, so all of it is escaped. */
static void print_line(const char *name, const char *format, va_list arguments)
{
	char text[1024], line[2048];
	size_t used = 0;

	vsnprintf(text, sizeof(text), format, arguments);
	if (name != NULL)
		used = (size_t)snprintf(line, sizeof(line), "%.60s: ", name);
	escape_text(line + used, sizeof(line) - used, text, strlen(text), 0);
	atomic_fetch_add(&lines_printed, 1);
	if (before_printing != NULL)
		before_printing();
	flockfile(stderr);
	cli_line_erase();
	fprintf(stderr, "%s\n", line); /* stderr may be shared: a line is one write */
	funlockfile(stderr);
}

void cli_error(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(settings->tool->name, format, arguments);
	va_end(arguments);
}

void cli_note(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	if (settings->quiet)
		return;
	va_start(arguments, format);
	print_line(settings->tool->name, format, arguments);
	va_end(arguments);
}

void cli_story(const struct cli_settings *settings, const char *format, ...)
{
	va_list arguments;

	if (!settings->verbose)
		return;
	va_start(arguments, format);
	print_line(NULL, format, arguments);
	va_end(arguments);
}

void cli_report(const char *line)
{
	flockfile(stderr);
	cli_line_erase();
	fprintf(stderr, "%s\n", line);
	funlockfile(stderr);
}

static const char *were(uint64_t messages)
{
	return messages == 1 ? " was" : "s were";
}

void cli_tell_missed(const struct cli_settings *settings, uint64_t missed, uint64_t sequence)
{
	if (missed > 0 && sequence > 0)
		cli_story(settings, "consumer: %llu message%s dropped before message %llu",
			  (unsigned long long)missed, were(missed), (unsigned long long)sequence);
	else if (missed > 0)
		cli_story(settings, "consumer: %llu message%s dropped before the end",
			  (unsigned long long)missed, were(missed));
}

void cli_note_missed(const struct cli_settings *settings, uint64_t missed)
{
	if (missed > 0)
		cli_note(settings, "channel \"%s\": %llu message%s dropped (ring full)",
			 settings->channel.name, (unsigned long long)missed, were(missed));
}

void cli_tell_lost(const struct cli_settings *settings, uint64_t lost)
{
	cli_error(settings,
		  "channel \"%s\" lost %llu message%s longer than its ring: a consumer had died or "
		  "left with a part",
		  settings->channel.name, (unsigned long long)lost, plural(lost));
}

void cli_usage_error(const struct cli_settings *settings, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (settings->file != NULL)
		cli_config_error(settings, settings->file, settings->line, "%s", message);
	cli_error(settings, "%s (try '%s --help')", message, settings->tool->name);
	exit(CLI_USAGE);
}

void cli_out_of_memory(const struct cli_settings *settings)
{
	cli_error(settings, "out of memory");
	exit(CLI_FAILED);
}

void cli_not_built(const struct cli_settings *settings, const char *option, const char *library)
{
	cli_error(settings, "%s is not in this build: it was made without %s", option, library);
	exit(CLI_FAILED);
}

const char *cli_excerpt(const unsigned char *bytes, size_t size, char buffer[CLI_EXCERPT_MAX])
{
	size_t shown = size < CLI_EXCERPT_BYTES ? size : CLI_EXCERPT_BYTES, used;

	/* Not only the first bytes of a character. */
	for (int i = 0; i < 3 && shown > 0 && shown < size && (bytes[shown] & 0xc0) == 0x80; i++)
		shown--;
	used = escape_text(buffer, CLI_EXCERPT_MAX - 3, (const char *)bytes, shown,
			   ESCAPE_BACKSLASH);
	strcpy(buffer + used, size > shown ? "..." : "");
	return buffer;
}

enum cli_exit cli_status(int error)
{
	switch (error) {
	case 0:
		return CLI_DONE;
	case -EAGAIN:
		return CLI_WOULD_BLOCK;
	case -ETIMEDOUT:
		return CLI_TIMED_OUT;
	case -CHANNEL_EABORTED:
	case -CHANNEL_EBEHIND:
		return CLI_INCOMPLETE;
	default:
		return CLI_FAILED;
	}
}

enum cli_exit cli_channel_error(const struct cli_settings *settings, const struct channel *channel,
				const char *what, int error)
{
	char cause[CHANNEL_EXPLAIN_MAX];

	if (error != -EINTR)
		cli_error(settings, "cannot %s channel \"%s\": %s%s", what, settings->channel.name,
			  error == -ETIMEDOUT ? "timed out: " : "",
			  channel_explain(channel, error, cause, sizeof(cause)));
	return cli_status(error);
}

void cli_check_owner(const struct cli_settings *settings)
{
	uid_t owner = settings->channel.owner;

	/*
	 * If this namespace does not know the user, only a channel of this very user can be
	 * attached to.
	 */
	if (geteuid() == 0 && owner != 0 && !settings->trust_owner && !owner_is_elsewhere(owner))
		cli_usage_error(settings,
				"user %lu, whose channel this is, could take over this process of "
				"root's; to trust that user: --trust-owner; to look only: --peek "
				"or --status",
				(unsigned long)owner);
}

void cli_check_mode(const struct cli_settings *settings, const struct channel *channel)
{
	unsigned mode = channel_mode(channel);

	if (!settings->channel.mode_given && settings->channel.owner == geteuid() &&
	    (mode & 077) != 0)
		cli_note(settings,
			 "channel \"%s\" exists with mode %04o: others have access (to allow "
			 "that: -m %04o)",
			 settings->channel.name, mode, mode);
}

void cli_check_size(const struct cli_settings *settings, const struct channel *channel)
{
	uint64_t wanted = channel_size_rounded(settings->channel.size);

	if (settings->size_given && channel_capacity(channel) != wanted)
		cli_note(settings,
			 "channel \"%s\" exists with a ring of %llu bytes, not %llu: --size is "
			 "ignored",
			 settings->channel.name, (unsigned long long)channel_capacity(channel),
			 (unsigned long long)wanted);
}

void cli_config_error(const struct cli_settings *settings, const char *file, unsigned line,
		      const char *format, ...)
{
	char message[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	cli_error(settings, "%.400s:%u: %s (see shm-channel(5))", file, line, message);
	exit(CLI_USAGE);
}

/* --help and the like go to a pipe or a full disk like anything else. */
void cli_exit_flushed(const struct cli_settings *settings)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error(settings, "cannot write standard output: %s", strerror(errno));
		exit(CLI_FAILED);
	}
	exit(CLI_DONE);
}

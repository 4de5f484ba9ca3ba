#include "consumer/print/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config_files.h"
#include "cli/message.h"
#include "cli/values.h"
#include "consumer/print/json_line.h"

void format_init(struct format *format, const struct cli_settings *settings)
{
	*format = (struct format){ .settings = settings };
}

void format_free(struct format *format)
{
	free(format->text);
	free(format->parts);
	free(format->gathered);
	free(format->sink);
}

/* ---- taking a format apart ---- */

static const char part_letters[] = {
	[PART_MESSAGE] = 's', [PART_SIZE] = 'S',    [PART_SEQUENCE] = 'o', [PART_KEY] = 'k',
	[PART_ATTEMPT] = 'a', [PART_CHANNEL] = 'c', [PART_EPOCH] = 'e'
};

/* Returns the part that this letter stands for; PART_TEXT: there is none. */
static enum part_kind part_of(char letter)
{
	for (size_t i = PART_TEXT + 1; i < sizeof(part_letters); i++)
		if (part_letters[i] == letter)
			return (enum part_kind)i;
	return PART_TEXT;
}

static void text_add(struct format *format, size_t *size, int byte)
{
	struct part *part = format->count > 0 ? &format->parts[format->count - 1] : NULL;

	if (part == NULL || part->kind != PART_TEXT) {
		part = &format->parts[format->count++];
		*part = (struct part){ .kind = PART_TEXT, .from = *size };
	}
	format->text[(*size)++] = (unsigned char)byte;
	part->size++;
}

/* Learns whether a message must be complete before the first of it can be written. */
static void order_learn(struct format *format)
{
	bool size_before = false;
	size_t messages = 0;

	format->message_at = format->count;
	for (size_t i = format->count; i-- > 0;) {
		if (format->parts[i].kind == PART_MESSAGE) {
			format->message_at = i;
			messages++;
		}
	}
	for (size_t i = 0; i < format->message_at; i++)
		size_before |= format->parts[i].kind == PART_SIZE;
	format->whole = messages > 1 || (messages == 1 && size_before);
}

/* Refuses what begins at `from`: it is neither a part nor an escape. */
__attribute__((noreturn)) static void format_refuse(const struct format *format, const char *text,
						    const char *from)
{
	size_t left = strlen(from);
	int shown = left > 1 ? 2 : (int)left;

	cli_usage_error(format->settings,
			"bad format at character %zu: \"%.*s\"; there are %%s %%S %%o %%k %%a %%c "
			"%%e %%%% and the escapes \\n \\t \\r \\0 \\xNN \\\\",
			(size_t)(from - text) + 1, shown, from);
}

static void format_parse(struct format *format, const char *text)
{
	size_t room = strlen(text) + 1, size = 0;

	free(format->text);
	free(format->parts);
	format->text = malloc(room);
	format->parts = calloc(room, sizeof(*format->parts));
	format->count = 0;
	if (format->text == NULL || format->parts == NULL)
		cli_out_of_memory(format->settings);
	for (const char *at = text; *at != '\0';) {
		const char *from = at;
		int byte = (unsigned char)*at++;

		if (byte == '%' && *at != '%') {
			enum part_kind kind = part_of(*at++);

			if (kind == PART_TEXT)
				format_refuse(format, text, from);
			format->parts[format->count++] = (struct part){ .kind = kind };
			continue;
		}
		if (byte == '%')
			at++;
		else if (byte == '\\')
			byte = cli_parse_escape(&at);
		if (byte < 0)
			format_refuse(format, text, from);
		text_add(format, &size, byte);
	}
	order_learn(format);
}

/* Only one of the two options may say how to print. */
static void check_only_one(const struct format *format, const char *option)
{
	if (format->option != NULL && strcmp(format->option, option) != 0)
		cli_usage_error(format->settings,
				"--format and --json-lines both say how to print");
}

void format_take_format(const struct cli_settings *settings, const struct cli_option *row,
			const char *argument, void *into)
{
	struct format *format = into;

	(void)settings;
	(void)row;
	check_only_one(format, "--format");
	format->option = "--format";
	format_parse(format, argument);
}

void format_take_json_lines(const struct cli_settings *settings, const struct cli_option *row,
			    const char *argument, void *into)
{
	struct format *format = into;

	(void)settings;
	(void)row;
	(void)argument;
#ifndef WITH_JANSSON
	cli_not_built(settings, "--json-lines", "jansson");
#endif
	check_only_one(format, "--json-lines");
	format->option = "--json-lines";
	format->json = format->whole = true;
}

void format_check(const struct format *format, bool batch)
{
	const struct cli_settings *settings = format->settings;

	if (format->option != NULL && (settings->delimiter_given || settings->framing_given))
		cli_usage_error(settings,
				"%s says all that is printed: --delimiter, --null and --framing do "
				"not go with it",
				format->option);
	/*
	 * Only on the command line: a file's framing is for messages that are printed, or for
	 * batches.
	 */
	if (settings->netstrings && settings->mode == MODE_COMMAND && !batch &&
	    cli_given(settings, "framing"))
		cli_usage_error(settings, "a command gets one message, just as it is: --framing "
					  "netstring goes with --batch");
}

void format_begin(struct format *format, int fd)
{
	if (format->settings->netstrings) {
		format->option = "--framing netstring";
		format_parse(format, "%S:%s,");
	}
	if (format->option == NULL)
		return;
	format->sink = malloc(sizeof(*format->sink));
	if (format->sink == NULL)
		cli_out_of_memory(format->settings);
	format->sink->fd = fd;
}

/* ---- writing ---- */

static void number_put(struct sink *sink, uint64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	sink_put(sink, digits + at, sizeof(digits) - at);
}

/* Puts the parts from..to; `bytes` are the message's. */
static void parts_put(struct format *format, size_t from, size_t to, const struct message *message,
		      const unsigned char *bytes)
{
	const struct cli_settings *settings = format->settings;
	struct sink *sink = format->sink;

	for (; from < to; from++) {
		const struct part *part = &format->parts[from];

		switch (part->kind) {
		case PART_TEXT:
			sink_put(sink, format->text + part->from, part->size);
			break;
		case PART_MESSAGE:
			sink_put(sink, bytes, (size_t)message->size);
			break;
		case PART_SIZE:
			number_put(sink, message->size);
			break;
		case PART_SEQUENCE:
			number_put(sink, message->sequence);
			break;
		case PART_KEY:
			sink_put(sink, message->key, message->key_size);
			break;
		case PART_ATTEMPT:
			number_put(sink, message->attempts);
			break;
		case PART_CHANNEL:
			sink_put(sink, settings->channel.name, strlen(settings->channel.name));
			break;
		case PART_EPOCH:
			number_put(sink, channel_epoch(sink->channel));
			break;
		}
	}
}

static int gathered_reserve(struct format *format, size_t size)
{
	size_t allocate = format->allocated == 0 ? 65536 : format->allocated;
	unsigned char *bytes;

	if (size > FORMAT_WHOLE_MAX)
		return -FORMAT_ELONG;
	if (format->gathered != NULL && size <= format->allocated)
		return 0;
	while (allocate < size)
		allocate *= 2;
	bytes = realloc(format->gathered, allocate);
	if (bytes == NULL)
		return -ENOMEM;
	format->gathered = bytes;
	format->allocated = allocate;
	return 0;
}

/* Puts a whole message. Returns 0, or an error that is not the sink's. */
static int message_put(struct format *format, const struct message *message,
		       const unsigned char *bytes)
{
	int rc;

	if (!format->json) {
		parts_put(format, 0, format->count, message, bytes);
		return 0;
	}
	if (bytes != format->gathered) {
		/* A copy: the producer could change the bytes after they were found to be text. */
		rc = gathered_reserve(format, (size_t)message->size);
		if (rc < 0)
			return rc;
		if (message->size > 0)
			memcpy(format->gathered, bytes, (size_t)message->size);
	}
	return json_line_put(format->sink, format->settings->channel.name, message,
			     format->gathered);
}

static void message_begin(struct message *message, const struct channel_delivery *delivery)
{
	message->size = 0;
	message->sequence = delivery->sequence;
	message->attempts = delivery->attempts;
	message->key_size = delivery->key_size;
	if (delivery->key_size > 0)
		memcpy(message->key, delivery->key, delivery->key_size);
}

static int block_write(struct format *format, const struct channel_delivery *delivery)
{
	struct message message;
	size_t at = 0;
	int rc = 0;

	message_begin(&message, delivery);
	while (rc == 0 && format->sink->error == 0 && at < delivery->size) {
		size_t size = delimiter_skip(delivery->bytes + at, delivery->size - at,
					     delivery->delimiter, delivery->delimiter_size, 1);

		if (size == 0) /* the block was changed while we read it */
			return -EBADMSG;
		message.size = size - delivery->delimiter_size;
		rc = message_put(format, &message, delivery->bytes + at);
		if (rc == 0)
			sink_message_end(format->sink);
		message.sequence++;
		at += size;
	}
	return rc;
}

/*
 * Gathers a message that must be complete before it is written; its pieces are acknowledged as they
 * come.
 */
static int piece_gather(struct format *format, const struct channel_delivery *delivery)
{
	struct message *message = &format->message;
	int rc = gathered_reserve(format, (size_t)message->size + delivery->size);

	if (rc < 0)
		return rc;
	memcpy(format->gathered + message->size, delivery->bytes, delivery->size);
	message->size += delivery->size;
	return delivery->last ? message_put(format, message, format->gathered) : 0;
}

/* The parts before the message are put with its first piece, those after it with its last. */
static void piece_stream(struct format *format, const struct channel_delivery *delivery)
{
	struct message *message = &format->message;
	bool shown = format->message_at < format->count;

	if (delivery->first && shown)
		parts_put(format, 0, format->message_at, message, NULL);
	if (shown)
		sink_put(format->sink, delivery->bytes, delivery->size);
	message->size += delivery->size;
	if (delivery->last)
		parts_put(format, shown ? format->message_at + 1 : 0, format->count, message, NULL);
}

static int one_write(struct format *format, const struct channel_delivery *delivery)
{
	int rc = 0;

	if (delivery->first)
		message_begin(&format->message, delivery);
	if (delivery->first && delivery->last) {
		format->message.size = delivery->size;
		rc = message_put(format, &format->message, delivery->bytes);
	} else if (format->whole) {
		rc = piece_gather(format, delivery);
	} else {
		piece_stream(format, delivery);
	}
	if (rc == 0)
		sink_message_end(format->sink);
	return rc;
}

int format_write(struct format *format, struct channel *channel,
		 const struct channel_delivery *delivery, uint32_t *done)
{
	struct sink *sink = format->sink;
	int rc, flushed;

	sink->channel = channel;
	sink_begin(sink);
	rc = delivery->delimiter_size > 0 ? block_write(format, delivery)
					  : one_write(format, delivery);
	flushed = sink_flush(sink); /* also writes the messages that are complete before an error */
	*done = sink->done;
	return flushed < 0 ? flushed : rc;
}

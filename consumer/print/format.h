/*
 * Printing messages in a form other than each followed by a delimiter: --format, --json-lines, and
 * netstrings.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/take.h"
#include "consumer/print/sink.h"

/* The longest message that can be printed if it must be complete before it is written. */
#define FORMAT_WHOLE_MAX (UINT64_C(1) << 30)

/* The error (negative) for a longer one; distinct from those of errno.h and enum channel_error. */
enum { FORMAT_ELONG = 6000 };

enum part_kind {
	PART_TEXT, /* text of the format itself */
	PART_MESSAGE,
	PART_SIZE,
	PART_SEQUENCE,
	PART_KEY,
	PART_ATTEMPT,
	PART_CHANNEL,
	PART_EPOCH
};

struct part {
	enum part_kind kind;
	size_t from, size; /* of a text, in format->text */
};

/* What is known of a message, besides its bytes. */
struct message {
	uint64_t size; /* as far as it has been received */
	uint64_t sequence;
	uint32_t attempts;
	size_t key_size;
	unsigned char key[CHANNEL_KEY_MAX];
};

struct format {
	const struct cli_settings *settings;
	const char *option; /* the one that asked for it, for messages; NULL: none did */
	bool json;	    /* a JSON object instead of the parts */

	unsigned char *text;
	struct part *parts;
	size_t count;
	size_t message_at; /* the first PART_MESSAGE; count: there is none */
	bool whole;	   /* a part needs the message, or its size, before its end */

	struct sink *sink;	 /* NULL: no such form is wanted, or not begun */
	struct message message;	 /* the current one, if it comes in pieces */
	unsigned char *gathered; /* its bytes so far, or a copy for JSON */
	size_t allocated;
};

/* Rows of the tool's option table: `at` is where its settings have a struct format. */
/* clang-format off */
#define FORMAT_OPTIONS(at)                                                  \
	{ 0, "format", "FMT",                                               \
	  "print each message as FMT says: %s message, %S its\n"            \
	  "size, %o its number, %k key, %a attempt, %c channel,\n"          \
	  "%e the channel's epoch, %%; escapes as with -D",                 \
	  .modes = MODES_OUTPUT,                                            \
	  .matters = MATTER_FORM, .overrules = MATTER_FORM,                 \
	  .take = format_take_format, .into = (at) },                       \
	{ 0, "json-lines", NULL,                                            \
	  "print each message as a line with a JSON object",                \
	  .modes = MODES_OUTPUT,                                            \
	  .matters = MATTER_FORM, .overrules = MATTER_FORM,                 \
	  .take = format_take_json_lines, .into = (at) }
/* clang-format on */

void format_init(struct format *format, const struct cli_settings *settings);

/* Into a struct format, which format_init() has seen. */
cli_take format_take_format;
cli_take format_take_json_lines;

/*
 * To be called after all options: refuses what does not go together. `batch`: a command gets
 * several messages.
 */
void format_check(const struct format *format, bool batch);

/*
 * Prepares for writing to fd in the form that was asked for, including --framing netstring, if any
 * was.
 */
void format_begin(struct format *format, int fd);

/* True if messages are written by format_write(); else they are by frame_write(). */
static inline bool format_begun(const struct format *format)
{
	return format->sink != NULL;
}

/*
 * Writes a delivery in this form, and keeps none of it back: but of a message in pieces nothing is
 * written before the last piece if the message must be complete. *done: as frame_write(). Errors:
 * those of frame_write(), ENOMEM, and FORMAT_ELONG: longer than FORMAT_WHOLE_MAX.
 */
int format_write(struct format *format, struct channel *channel,
		 const struct channel_delivery *delivery, uint32_t *done);

void format_free(struct format *format);

#endif

/*
 * Messages on standard output.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "consumer/print/format.h"
#include "frame/write.h"

struct print {
	const struct cli_settings *settings;
	struct channel *channel;
	struct frame_output output;
	struct format *format; /* another form than that; NULL: none */
	struct progress *progress;
	uint64_t received; /* whole messages */
	bool inside;	   /* of a message longer than the ring */
	bool appends;	   /* it writes behind what is in a file, as others may after it */
	bool failed;	   /* nothing can be written any more */
	bool reader_gone;  /* as print_look() has found, ... */
	bool pipe_closed;  /* ... or a write */
};

void print_begin(struct print *print, const struct cli_settings *settings, struct channel *channel,
		 struct format *format, struct progress *progress);

/*
 * Writes a delivery, and with --verbose tells of it. *done and errors: those of
 * frame_write() or format_write().
 */
int print_delivery(struct print *print, const struct channel_delivery *delivery, uint32_t *done);

/*
 * A line that came without its delimiter is left open if it is the last there is, by a consumer
 * that is alone in its group and does not append to a file. This is what to receive with
 * meanwhile: CHANNEL_PASSING or 0.
 */
unsigned print_flags(const struct print *print);

/*
 * More may come behind it: ends a line that was left open. CLI_DONE, or it failed, which is said.
 */
enum cli_exit print_line_end(struct print *print);

/* For waits: what print_line_end() does if we are no longer alone. */
void print_line_look(struct print *print);

/*
 * Nothing more is printed. A line may stay open only if that is because the stream has `ended`.
 * Returns the exit status, which `status` was so far. The channel is still attached.
 */
enum cli_exit print_end(struct print *print, enum cli_exit status, bool ended);

/*
 * For waits, in which nothing is written that would tell: has whoever reads our output, a pipe, a
 * socket or a terminal, gone? Then interrupts the channel. Does not wait; from the thread that
 * prints.
 */
void print_look(struct print *print);

/* Says why it could not be written; the exit status that this means. */
enum cli_exit print_failed(struct print *print, int error);

/*
 * Says that `what` failed on the channel, as cli_channel_error() does; or, if print_look() has
 * interrupted it, what a write would have said.
 */
enum cli_exit print_channel_failed(struct print *print, const char *what, int error);

#endif

/*
 * Printing messages on standard output.
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
	struct format *format; /* NULL: each message and the delimiter */
	struct progress *progress;
	uint64_t received; /* whole messages */
	bool inside;	   /* inside a message longer than the ring */
	bool appends;	   /* it appends to a file, as others may after it */
	bool failed;	   /* nothing can be written any more */
	bool reader_gone;  /* print_look() has found that nobody reads the output, ... */
	bool pipe_closed;  /* ... or a write has */
};

void print_begin(struct print *print, const struct cli_settings *settings, struct channel *channel,
		 struct format *format, struct progress *progress);

/*
 * Writes a delivery, and tells of it with --verbose. *done and errors: as frame_write() or
 * format_write().
 */
int print_delivery(struct print *print, const struct channel_delivery *delivery, uint32_t *done);

/*
 * Returns CHANNEL_PASSING or 0, a flag for channel_receive(). A line that came without its
 * delimiter stays open if it is the last one there is, in a consumer that is alone in its group and
 * does not append to a file. With the flag, a consumer that follows is told of an end of the
 * stream, after which it has to end the line.
 */
unsigned print_flags(const struct print *print);

/*
 * Ends a line that was left open, because more may follow it. Returns CLI_DONE, or prints an error
 * and returns its status.
 */
enum cli_exit print_line_end(struct print *print);

/* For waits: like print_line_end(), if this consumer is no longer alone. */
void print_line_look(struct print *print);

/*
 * Ends printing. A line may stay open only if the stream has `ended`. Returns the exit status,
 * which was `status` so far. The channel is still attached.
 */
enum cli_exit print_end(struct print *print, enum cli_exit status, bool ended);

/*
 * For waits, in which no write would notice it: interrupts the channel if whoever reads our output
 * (a pipe, a socket or a terminal) has gone. Does not wait. To be called by the thread that prints.
 */
void print_look(struct print *print);

/* Says why the output could not be written. Returns the exit status. */
enum cli_exit print_failed(struct print *print, int error);

/*
 * Says that `what` failed on the channel, as cli_channel_error() does; or, if print_look() has
 * interrupted the channel, what a write would have said.
 */
enum cli_exit print_channel_failed(struct print *print, const char *what, int error);

#endif

/*
 * Progress: --progress draws a line while messages move, --stats sums up at the end. There is no
 * thread and no timer: the code that moves messages counts them here, and each such call draws the
 * line if it is due, at most five times a second.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"
#include "cli/take.h"

enum progress_when { PROGRESS_NEVER, PROGRESS_TERMINAL, PROGRESS_ALWAYS };

/* A recent rate, in units per second. */
struct progress_rate {
	double per_second;
	uint64_t then; /* units when it was last looked at */
};

struct progress {
	const struct cli_settings *settings;
	enum progress_when when;
	bool stats;
	bool consumes; /* this is a consumer */

	bool counting; /* --progress or --stats is given, and the work has begun */
	bool drawing;
	unsigned pause;	     /* so many calls need not read the clock, ... */
	unsigned pause_next; /* ... and how many after that */
	uint64_t looked_ns, drawn_ns;
	uint64_t begun_ns, first_ns; /* first_ns: when the first message moved; 0: none has */

	uint64_t messages, bytes; /* whole messages; their bytes, also of a message's pieces */
	uint64_t redelivered;	  /* messages that another consumer had taken before */
	uint64_t dropped, lost;	  /* for --stats */
	unsigned stalled;	  /* seconds in which nothing moved */

	uint64_t wanted; /* messages there will be; 0: not known */
	int input;	 /* a regular file that is being read; -1: none */
	off_t input_from;
	uint64_t done, all; /* so much of so much to do: messages or bytes; 0: unknown */
	struct progress_rate message_rate, byte_rate, done_rate;
};

/* Rows of both tools' option tables: `at` is where the tool's settings have a struct progress. */
/* clang-format off */
#define PROGRESS_OPTIONS(at)                                                \
	{ 0, "progress", "[=WHEN]",                                         \
	  "show on standard error how far it is; WHEN: always,\n"           \
	  "never, or, without it, only on a terminal",                      \
	  .modes = MODE_SEND | MODES_MOVE, .neutral = "never",              \
	  .take = progress_take_when, .into = (at) },                       \
	{ 0, "stats", NULL,                                                 \
	  "in the end, sum up on standard error what was done\n"            \
	  "(with --json as JSON)", .modes = MODE_SEND | MODES_MOVE,         \
	  .take = cli_take_flag,                                            \
	  .into = (at) + offsetof(struct progress, stats) }
/* clang-format on */

void progress_init(struct progress *progress, const struct cli_settings *settings, bool consumes);

cli_take progress_take_when; /* into a struct progress */

/* True if --progress or --stats asks for something. */
bool progress_asked(const struct progress *progress);

/*
 * The work begins. `shared`: messages are typed or printed on a terminal; the line would be in
 * their way, so it is drawn only with --progress=always.
 */
void progress_begin(struct progress *progress, bool shared);

/*
 * From now on this descriptor is read; if it is a regular file, its size is what there is to do.
 * -1: it is not read any more, and may be closed.
 */
void progress_input(struct progress *progress, int fd);

/* Reads the clock, and draws the line if it is time. progress_count() calls it now and then. */
void progress_look(struct progress *progress);

/* Counts messages that were moved; or, with 0 messages, the bytes of a piece of one. */
static inline void progress_count(struct progress *progress, uint64_t messages, uint64_t bytes)
{
	if (!progress->counting)
		return;
	progress->messages += messages;
	progress->bytes += bytes;
	if (progress->pause > 0)
		progress->pause--;
	else
		progress_look(progress);
}

/*
 * Like progress_count(), for a caller that adds up counts of its own and comes every
 * PROGRESS_TICK_MS, whether anything has moved or not.
 */
enum { PROGRESS_TICK_MS = 200 };
void progress_tick(struct progress *progress, uint64_t messages, uint64_t bytes);

/* A second of waiting has passed. */
void progress_wait(struct progress *progress);

/* The work has ended: leaves the last line, and sums up. */
void progress_end(struct progress *progress, int status);

#endif

/*
 * Why is nothing happening? A tool that has waited for two seconds explains it once, if standard
 * error is a terminal or --verbose is given: who is attached, what the tool waits for, what to type
 * next. On a terminal the lines are taken back when the wait is over.
 */
#ifndef WAITING_NOTE_H
#define WAITING_NOTE_H

#include <stdbool.h>

#include "cli/cli.h"

enum waiting_note_flags {
	WAITING_NOTE_KEEP = 1 /* the lines stay: other programs write to the same terminal */
};

/* Begins; `given` must stay valid until the process ends. */
void waiting_note_begin(const struct cli_settings *given, unsigned flags);

/* True if waiting_note_look() would print anything. If not, the tool may print its usual notes. */
bool waiting_note_speaks(void);

/* For channel_options.waiting. May be called by several threads. */
void waiting_note_look(const struct channel *channel);

/*
 * Like waiting_note_look(), but for another channel than the tool's own, which `elsewhere` describes:
 * prints at once, and at least one line even where waiting_note_look() would print nothing, because the
 * tool cannot go on before this wait ends.
 */
void waiting_note_elsewhere(const struct cli_settings *elsewhere, const struct channel *channel);

/*
 * For a producer that has waited for a second, to be called once a second: prints an error if the
 * producer and a consumer of the channel, which has started this process, seem to wait for each
 * other (see mutual.h). Returns true if it has. `seconds` is how long the producer has waited; it
 * does not check in each of them.
 */
bool waiting_note_mutual(const struct cli_settings *here, const struct channel *channel,
			 unsigned seconds);

/*
 * Something was sent or taken, or the wait has ended otherwise. To be called before anything else
 * is printed; cheap.
 */
void waiting_note_moved(void);

/*
 * A thread begins (1) or ends (-1) work other than waiting. As long as one works, nothing is
 * printed.
 */
void waiting_note_busy(int change);

#endif

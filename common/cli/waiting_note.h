/*
 * Why is nothing happening? A tool that has waited for two seconds says so once, if standard error
 * is a terminal or --verbose is given: who is attached, what it waits for, what to type next. On a
 * terminal the lines are taken back when things go on.
 */
#ifndef WHY_H
#define WHY_H

#include <stdbool.h>

#include "cli/cli.h"

enum why_flags {
	WHY_KEEP = 1 /* the lines stay: others write to the same terminal */
};

/* From here on; the settings must outlive it. */
void why_begin(const struct cli_settings *given, unsigned flags);

/* Would it say anything? Else the tool may say what it always says. */
bool why_speaks(void);

/* For channel_options.waiting. May be called by several threads. */
void why_waiting(const struct channel *channel);

/*
 * The same for another channel than the tool's own, to which `elsewhere` leads: says it at once,
 * and, if nobody looks on, in one line, as the tool cannot go on before that.
 */
void why_waiting_elsewhere(const struct cli_settings *elsewhere, const struct channel *channel);

/*
 * For a producer that has waited for a second, once a second: says so, as an error, if it and a
 * consumer of the channel that `here` leads to, which has started it, seem to wait for each other
 * (see mutual.h). True: it has. `seconds` is how long it has waited; not in each of them it looks.
 */
bool why_mutual(const struct cli_settings *here, const struct channel *channel, unsigned seconds);

/* Something was sent or taken, or is over. Call it before anything else is printed; cheap. */
void why_moved(void);

/* A thread begins (1) or ends (-1) work of its own: meanwhile nobody waits in vain. */
void why_busy(int change);

#endif

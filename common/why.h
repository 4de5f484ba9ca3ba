/*
 * Why is nothing happening? A tool that has waited for two seconds says so once, if standard error
 * is a terminal or --verbose is given: who is attached, what it waits for, what to type next. On a
 * terminal the lines are taken back when things go on.
 */
#ifndef WHY_H
#define WHY_H

#include <stdbool.h>

#include "cli.h"

enum why_flags {
	WHY_KEEP = 1 /* the lines stay: others write to the same terminal */
};

/* From here on; the settings must outlive it. */
void why_begin(const struct cli_settings *given, unsigned flags);

/* Would it say anything? Else the tool may say what it always says. */
bool why_speaks(void);

/* For channel_options.waiting. May be called by several threads. */
void why_waiting(const struct channel *channel);

/* Something was sent or taken, or is over. Call it before anything else is printed; cheap. */
void why_moved(void);

/* A thread begins (1) or ends (-1) work of its own: meanwhile nobody waits in vain. */
void why_busy(int change);

#endif

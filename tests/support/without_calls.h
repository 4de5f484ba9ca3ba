/* The tools on machines that lack something: see without.c. */
#ifndef SUPPORT_WITHOUT_H
#define SUPPORT_WITHOUT_H

#include "tests/support/support.h"

/* Skips the test where no system call can be taken away. */
void filters_needed(void);

/*
 * Like tool_start_fds(), but the tool runs without what `what` names; at most 12 arguments after
 * its name, up to NULL.
 */
struct tool tool_start_without(const char *what, int input, const char *name, ...)
	__attribute__((sentinel));

#endif

/* The table that the crash walk prints. */
#ifndef CRASH_REPORT_H
#define CRASH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/crash/account.h"

void report_head(void);

/*
 * Prints the line of one operation: the sum of its workers' tallies, and the first thing that was
 * wrong. died: workers that did not end well, which count as wrong. True if nothing was wrong.
 */
bool report_line(const char *name, const struct tally *tallies, int workers, int died,
		 uint64_t elapsed_ms);

#endif

/*
 * Running the crew: starts its workers, and does what signals ask for until all of them have ended.
 */
#ifndef CREW_RUN_H
#define CREW_RUN_H

#include "consumer/work/options.h"

/*
 * Runs all workers to their end. Returns the exit status. The signals must be queued
 * (cli_signals_queue()).
 */
int crew_run(const struct work *work);

#endif

/* A worker: takes messages out of the channel, runs the command, and decides what they become. */
#ifndef WORKER_H
#define WORKER_H

#include "consumer/work/crew.h"

/* Works until there is nothing more to do. 0, or CLI_ANOTHER_THREAD. */
int worker_work(struct worker *worker);

#endif

/* A worker: receives messages, runs the command, and decides what becomes of them. */
#ifndef WORKER_H
#define WORKER_H

#include "consumer/work/crew.h"

/* Works until there is nothing more to do. Returns 0, or CLI_ANOTHER_THREAD. */
int worker_work(struct worker *worker);

#endif

/* The victim of one run: the process that is stepped through its operation, and killed. */
#ifndef CRASH_VICTIM_H
#define CRASH_VICTIM_H

#include <limits.h>
#include <sys/types.h>

#include "tests/crash/children.h"
#include "tests/crash/operations.h"
#include "tests/crash/stepper.h"

/*
 * To be called once in each process that starts victims: it lets that process notice that a victim
 * sleeps.
 */
void ticks_start(void);

/* Starts a victim; returns its pid when it has stopped right before its operation, -1 if it died. */
pid_t victim_start(const struct operation *operation);

enum arrival { ARRIVED, ENDED_BEFORE, WENT_ANOTHER_WAY };

/*
 * Lets the victim do `steps` instructions and kills it. With a path it runs most of the way. With
 * NOTED_ALL steps it notes its path until its operation has ended.
 */
enum { NOTED_ALL = INT_MAX };
enum arrival victim_step_and_kill(struct run *run, pid_t pid, int steps, struct path *path);

#endif

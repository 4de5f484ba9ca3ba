/* The processes around the victim in one run of the crash walk: starting them, and their end. */
#ifndef CRASH_CHILDREN_H
#define CRASH_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/crash/operations.h"
#include "tests/crash/scene.h"

struct child {
	pid_t pid;
	void (*role)(int self);
};

struct run {
	const struct operation *operation;
	struct child children[CHILDREN_MAX];
	int child_count;
	bool hung;
	uint64_t slowest_ms;
};

/*
 * Takes from the calling process the system calls that the operation must do without: where it is
 * `named`, no unnamed file ever gets a name, as without /proc or in a file system that cannot do
 * that.
 */
void child_limit(const struct operation *operation);

/* Starts a child in this role; returns its number. It dies with its parent. */
int child_start(struct run *run, void (*role)(int self));

/* Waits until a child is where the operation needs it. If that takes too long, the run has hung. */
void child_settle(struct run *run, int index);

/*
 * Waits for the end of all children. One that has not ended by itself PROGRESS_MS after `since` has
 * hung, and is killed.
 */
void children_end(struct run *run, uint64_t since);

#endif

/* The accounting after one run of the crash walk: whether anything was lost, doubled or left. */
#ifndef CRASH_ACCOUNT_H
#define CRASH_ACCOUNT_H

#include <stdint.h>
#include <sys/types.h>

struct tally {
	int points, hung, lost, doubled, wrong, left;
	int last; /* the step at which the operation had ended */
	uint64_t slowest_ms;
	char example[320];
};

/*
 * Accounts for every message. What only the victim saw counts as delivered if it had begun to
 * acknowledge it; what it had not must have come again.
 */
void account(struct tally *tally);

/* Checks that the object is gone, and so is one that the victim may have left unfinished. */
void remains(struct tally *tally, pid_t victim_pid);

#endif

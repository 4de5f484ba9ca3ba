/* A ring without room, for the tests of what a producer does then. */
#ifndef SUPPORT_FULL_RING_H
#define SUPPORT_FULL_RING_H

#include "tests/support/agents.h"

/* An agent that has filled a new ring of 4 KiB to its last byte with one message. */
struct agent filler_start(char name[NAME_SIZE]);

/* The consumer receives that message and acknowledges it. */
void filler_take(struct agent *consumer);

/* The consumer sees a clean end and leaves; then the channel must be gone. */
void all_end(const char *name, struct agent *consumer);

#endif

/* A ring without a channel. */
#ifndef SUPPORT_RING_PAGES_H
#define SUPPORT_RING_PAGES_H

#include "channel/ring.h"

/* A ring mapped twice, back to back, as a segment has it. ring_free() unmaps it. */
struct ring ring_new(uint64_t capacity);
void ring_free(struct ring *ring);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif

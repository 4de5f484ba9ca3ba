/*
 * Leaving, and when a channel goes with its last endpoint.
 */
#ifndef DETACH_H
#define DETACH_H

#include <stdbool.h>

struct channel;

/* Nothing is left in it and nobody is there: only then the object may go. Under flock. */
bool deserted(struct channel *channel);

#endif

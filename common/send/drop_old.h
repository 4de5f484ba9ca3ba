/*
 * Making room out of the oldest messages.
 */
#ifndef DROP_OLD_H
#define DROP_OLD_H

#include <stdint.h>

#include "base/deadline.h"

struct channel;

/*
 * drop_old.c: moves head to this position or beyond, if what lies before it is claimed by nobody.
 * 1: it has done so; 0: it cannot, and nothing is dropped. Errors: those of side_lock(),
 * CHANNEL_EDAMAGED.
 */
int drop_old(struct channel *channel, uint64_t position, const struct deadline *deadline);

#endif

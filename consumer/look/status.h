/*
 * --status: one channel, its groups and its endpoints.
 */
#ifndef STATUS_H
#define STATUS_H

#include "consumer/look/rates.h"
#include "consumer/look/show.h"
#include "observe/snapshot.h"

/* Prints one channel. */
void status_print(const struct show *show, const struct snapshot *snapshot,
		  const struct look_rates *rates);

#endif

/*
 * Words for what endpoints and channels are doing.
 */
#ifndef WORDS_H
#define WORDS_H

#include "consumer/look/rates.h"
#include "consumer/look/show.h"
#include "observe/snapshot.h"

/* Return a word, or what an endpoint waits for in `buffer`. */
const char *look_life(enum life life);
const char *look_wait(const struct snapshot *snapshot, const struct snapshot_endpoint *endpoint,
		      char buffer[TABLE_CELL]);
const char *look_state(const struct snapshot *snapshot, const struct look_rates *rates);
enum show_colour look_state_colour(const char *state);

#endif

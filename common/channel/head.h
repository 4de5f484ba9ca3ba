/*
 * head has moved, or may: producers that wait for room or for acknowledgements.
 */
#ifndef HEAD_H
#define HEAD_H

#include "base/deadline.h"

struct channel;

/*
 * receive.c: for a producer that is about to sleep until head moves. A consumer moves it when
 * its claim ends, unless it sees that somebody waits: this takes what it has acknowledged
 * before that. Errors: those of side_lock().
 */
int head_catch_up(struct channel *channel, const struct deadline *deadline);

/* send.c: head has moved: wakes the producers whose room or acknowledgement this is. */
void producers_wake_for_head(struct channel *channel);

#endif

/*
 * Making room in the ring by dropping the oldest messages. full_make_room() calls this for a
 * producer whose options say CHANNEL_FULL_DROP_OLD. The caller holds no mutex.
 */
#ifndef DROP_OLD_H
#define DROP_OLD_H

#include <stdint.h>

#include "base/deadline.h"

struct channel;

/*
 * Drops, in every group, the messages before the first record at or after `position`, so that head
 * moves there, and counts them in this endpoint's counter of dropped messages. Takes the consumers'
 * mutex, and waits for it until `deadline`. Returns 1 if there is room now. Returns 0, and drops
 * nothing, if a group that needs what lies there has a claim that begins before `position`: head
 * cannot pass a claim. Errors: those of side_lock(), and -CHANNEL_EDAMAGED.
 */
int drop_old(struct channel *channel, uint64_t position, const struct deadline *deadline);

#endif

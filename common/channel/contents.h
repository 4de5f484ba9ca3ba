/*
 * What a channel or a group still contains, or has still to report to a consumer. Decides whether
 * an object may be removed when the last endpoint leaves.
 *
 * Called by the thread of an endpoint of either side. For an exact answer all endpoints must be
 * kept out: the flock is held and nobody is attached, or the consumers' mutex is held as far as
 * groups are concerned.
 */
#ifndef CONTENTS_H
#define CONTENTS_H

#include <stdbool.h>

#include "shared_buffer.h"

struct channel;

/*
 * True if a message is in the ring that not all groups have acknowledged, or any group has a claim.
 */
bool channel_holds_messages(struct channel *channel);

/* True if the channel holds messages for this group, claimed or not. */
bool group_holds_messages(struct channel *channel, const struct group *group);

/*
 * True if an end of stream, or a producer's death, has not been reported to any consumer of this
 * group.
 */
bool group_end_unreported(struct channel *channel, const struct group *group);

/*
 * True if a group still waits for consumers: one that is durable, until it is removed, or one with
 * something to report (group_end_unreported()).
 */
bool groups_wait(struct channel *channel);

#endif

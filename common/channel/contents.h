/*
 * What a channel or a group still contains, and what it has still to report to a consumer. By this
 * an endpoint that leaves decides whether the object may be removed.
 *
 * Called by endpoints that attach or leave and hold the flock, so that no endpoint attaches
 * meanwhile. What is asked about a group also needs the consumers' mutex, unless nobody is
 * attached. Producers may go on sending: then the answer may be out of date.
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

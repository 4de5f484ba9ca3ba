/*
 * What a channel or a group still holds, or has still to say to somebody.
 */
#ifndef CONTENTS_H
#define CONTENTS_H

#include <stdbool.h>

#include "shared_buffer.h"

struct channel;

bool channel_holds_messages(struct channel *channel);

/* The same for the consumers of one group. */
bool group_holds_messages(struct channel *channel, const struct group *group);

/* Has an end of stream, or a death, not been reported to any consumer of this group? */
bool group_untold(struct channel *channel, const struct group *group);

/* Does a group wait for its consumers? Durable ones do until they are removed. */
bool groups_wait(struct channel *channel);

#endif

/*
 * Attaching, and opening without it.
 */
#ifndef ATTACH_H
#define ATTACH_H

#include "channel/channel.h"

/* attach.c: opens it without attaching; segment_close() closes it. Errors: the segment's. */
int channel_open_to_read(struct channel *channel, const struct channel_options *options);

/* Takes over the options, with the defaults filled in. */
void channel_begin(struct channel *channel, enum channel_role role,
		   const struct channel_options *options);

#endif

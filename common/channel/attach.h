/*
 * Attaching: channel_attach() is implemented here, and opening a channel without attaching.
 *
 * The thread that is to be the endpoint calls these functions; it holds no lock.
 */
#ifndef ATTACH_H
#define ATTACH_H

#include "channel/channel.h"

/*
 * Opens the channel for reading without attaching; segment_close() closes it. The options are kept
 * as by channel_attach(). Returns 0, or the errors of segment_open_to_read().
 */
int channel_open_to_read(struct channel *channel, const struct channel_options *options);

/* Clears the report, and copies role and options into the channel, with the defaults filled in. */
void channel_begin(struct channel *channel, enum channel_role role,
		   const struct channel_options *options);

#endif

/*
 * Sending the messages of an input that is a sequence of netstrings.
 */
#ifndef READ_NETSTRINGS_H
#define READ_NETSTRINGS_H

#include "frame/read_lines.h"

/* Like frame_send(), for an input of netstrings. */
int frame_send_netstrings(struct channel *channel, struct frame_input *asked);

#endif

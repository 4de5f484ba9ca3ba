/*
 * Before anybody attaches, leaves for good or removes something: what the dead have left is cleaned up,
 * and what is there is checked.
 */
#ifndef RECOVER_H
#define RECOVER_H

#include "channel/channel.h"

/* Cleans up after the dead of one side, and checks that what they left makes sense. */
int side_recover(struct channel *channel, enum channel_role role);

int sides_recover(struct channel *channel);

#endif

/*
 * Removing a channel on demand, with what is in it. Whoever is still attached finds that the object
 * has lost its name (-CHANNEL_EREMOVED); whoever comes later makes a new one.
 */
#ifndef REMOVAL_H
#define REMOVAL_H

#include <stdbool.h>

#include "census.h"
#include "channel.h"
#include "deadline.h"

/*
 * Takes the flock, looks, removes. *census says what it has found, and what went if it returns 0.
 * Without `force` it refuses: -CHANNEL_EINUSE while an endpoint is attached that is not known to
 * be dead, and what the census calls foreign, damaged or of another build by that one's error; also
 * an object that is not options->owner's (-CHANNEL_EOWNER) and what is no file (-CHANNEL_EFOREIGN).
 * With it whatever has the channel's name goes, if this user may remove it: else -CHANNEL_EOWNER.
 * -ENOTEMPTY: a folder with something in it. Other errors: -ENOENT; the deadline's, if another
 * process keeps the flock: *holder is its id, if it is known.
 */
int channel_remove(const struct channel_options *options, bool force,
		   const struct deadline *deadline, struct census *census, pid_t *holder);

#endif

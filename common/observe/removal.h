/*
 * Removing a channel on demand, with what is in it. Whoever is still attached finds that the object
 * has lost its name (-CHANNEL_EREMOVED); whoever comes later makes a new one.
 */
#ifndef REMOVAL_H
#define REMOVAL_H

#include "base/deadline.h"
#include "channel/channel.h"
#include "observe/census.h"

enum removal_how {
	REMOVAL_UNUSED,	 /* only a channel that nobody uses */
	REMOVAL_FORCED,	 /* whatever it is, under its flock */
	REMOVAL_UNLOCKED /* without: whoever may only read the object can hold it for ever */
};

/*
 * Takes the flock, looks, removes. *census says what it has found, and what went if it returns 0.
 * REMOVAL_UNUSED refuses: -CHANNEL_EINUSE while an endpoint is attached that is not known to be
 * dead, and what the census calls foreign, linked, damaged or of another build by that one's error;
 * also an object that is not options->owner's (-CHANNEL_EOWNER) and what is no file
 * (-CHANNEL_EFOREIGN). The others remove whatever has the channel's name, if this user may: else
 * -CHANNEL_EOWNER. -ENOTEMPTY: a folder with something in it. Other errors: -ENOENT; the
 * deadline's, if another process keeps the flock: *holder is its id, if it is known.
 */
int channel_remove(const struct channel_options *options, enum removal_how how,
		   const struct deadline *deadline, struct census *census, pid_t *holder);

#endif

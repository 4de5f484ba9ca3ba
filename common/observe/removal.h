/*
 * Removes a channel on demand, with the messages in it (shm-consume --remove). An endpoint that is
 * still attached finds within about a second that the object has lost its name
 * (-CHANNEL_EREMOVED). A process that attaches later makes a new channel. No mutex is needed; the
 * object's flock is taken unless REMOVAL_UNLOCKED says otherwise.
 */
#ifndef REMOVAL_H
#define REMOVAL_H

#include "base/deadline.h"
#include "channel/channel.h"
#include "observe/snapshot.h"

/* What may be removed, and whether the flock is taken first. */
enum removal_how {
	REMOVAL_UNUSED, /* only a channel that no living endpoint uses, with the flock */
	REMOVAL_FORCED, /* whatever it is, with the flock */
	/* whatever it is, without the flock, which any process that may read the object can keep */
	REMOVAL_UNLOCKED
};

/*
 * Takes the flock, reads a snapshot of the object into *snapshot, and removes the object. Returns 0 if
 * it is removed; then *snapshot says what was in it.
 *
 * REMOVAL_UNUSED refuses with -CHANNEL_EINUSE while an endpoint is attached that is not known to be
 * dead; with snapshot->error if the object is foreign, linked, damaged or of another build; with
 * -CHANNEL_EOWNER if it is not options->owner's; with -CHANNEL_EFOREIGN if it is not a file.
 * REMOVAL_FORCED and REMOVAL_UNLOCKED remove whatever has the channel's name, if this user may;
 * otherwise -CHANNEL_EOWNER. -ENOTEMPTY: it is a directory that is not empty.
 *
 * Other errors: -ENOENT; -EINTR; the deadline's, if another process keeps the flock until then:
 * *holder is that process's id, 0 if it is not known.
 */
int channel_remove(const struct channel_options *options, enum removal_how how,
		   const struct deadline *deadline, struct snapshot *snapshot, pid_t *holder);

#endif

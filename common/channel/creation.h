/*
 * Creating a channel's object. It is always a new inode, made in private, with all its memory
 * reserved, and given its name when it is complete. So no other process ever sees a half-made
 * object, and no other user can have opened it before it had its permission bits. The umask is not
 * changed: it belongs to the whole process.
 *
 * While it is being created, an object has no name at all (O_TMPFILE), and disappears with its
 * creator if that dies. Where the file system has no such files, or nothing can give them a name
 * (that takes /proc), it has a private name instead; the next creator that needs a private name
 * removes the objects that dead creators have left.
 *
 * Called by the thread that attaches; the object's mutexes do not exist yet. segment.c takes the
 * flock of the new object, so that a process that finds it by its name waits until its creator has
 * attached.
 */
#ifndef CREATION_H
#define CREATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/deadline.h"
#include "channel/channel.h"

/*
 * The removal flag: permission bits that an object gets before its name is removed. They say that
 * it is of no use any more, even under another name that somebody has linked to it. A process with
 * only write access cannot undo them, no channel in use has these bits, and the owner can still
 * open the object and lock it.
 */
#define CREATION_REMOVED_MODE (S_ISVTX | S_IRUSR)

struct creation {
	int fd;		       /* open for reading and writing; -1: none */
	char private_path[96]; /* "": the object has no name */
};

/*
 * Creates an empty object that only this process has open, with permission bits 0600 at most;
 * `unnamed` says which of the two kinds. Returns 0 or a negative errno; -EOPNOTSUPP: there are no
 * unnamed files here. After success the caller must either publish the object, and keep its
 * descriptor, or abandon it.
 */
int creation_begin(struct creation *creation, bool unnamed);

/*
 * Gives the object `bytes` bytes of memory, all of it now. So a shortage is an error here, and not
 * a SIGBUS or the out-of-memory killer later: -ENOSPC, with both sizes in *report; -EFBIG; or
 * -EINTR if the deadline is interrupted.
 */
int creation_reserve(const struct creation *creation, uint64_t bytes,
		     const struct deadline *deadline, struct channel_report *report);

/*
 * Gives the object these permission bits and this name, a path in OBJECT_FOLDER, in one step.
 * -EEXIST: something has that name; -EOPNOTSUPP: unnamed files cannot be given a name here; or
 * another negative errno. The descriptor stays the caller's.
 */
int creation_publish(struct creation *creation, const char *path, mode_t mode);

/* Removes an object that was not published, and closes its descriptor. */
void creation_abandon(struct creation *creation);

/*
 * Several processes that create the same channel at the same time each reserve its memory, which
 * may be available only once. So a process that has found too little memory tries again a few
 * times: one of the others may have created the channel by then, or those that failed may have
 * freed their memory.
 */
struct creation_shortage {
	uint64_t free_bytes; /* free memory at the last attempt */
	/* attempts in a row with the same free memory, and attempts in all */
	unsigned unchanged, attempts;
};

/* After -ENOSPC: true if the caller should try again; it has slept for some milliseconds then. */
bool creation_again(struct creation_shortage *shortage, const struct channel_report *report,
		    const struct deadline *deadline);

#endif

/*
 * The making of a channel's object: always a new inode, made in private, with its memory reserved,
 * and named when it is complete. So nobody ever sees a half-made object, and nobody can have opened
 * it before it had its mode. No umask is involved: it belongs to the whole process.
 *
 * A creator's object has no name at all (O_TMPFILE), and goes with it if it dies. Where the file
 * system has no such files, or nothing can name them (that takes /proc), it has a private name, and
 * the next creator that needs one removes what those that died have left.
 */
#ifndef CREATION_H
#define CREATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/deadline.h"
#include "channel/channel.h"

/* Where the objects are. */
#define CREATION_FOLDER "/dev/shm"

/*
 * An object gets this mode before it loses a name, so that it is of no use under another name that
 * somebody has given it. Whoever may only write it cannot undo that, no channel in use has this
 * mode, and its owner can still open and lock it.
 */
#define CREATION_REMOVED_MODE (S_ISVTX | S_IRUSR)

struct creation {
	int fd;		       /* for reading and writing; -1: none */
	char private_path[96]; /* "": it has no name */
};

/*
 * Begins with an empty object that only this process has open, of mode 0600 at most. `unnamed`
 * says which kind. 0, or a negative errno: -EOPNOTSUPP: there are no unnamed files here.
 */
int creation_begin(struct creation *creation, bool unnamed);

/*
 * Gives the object `bytes` bytes of memory, all of it now: -ENOSPC, with both sizes in *report,
 * -EFBIG, or -EINTR if the deadline is interrupted, instead of a SIGBUS or the out-of-memory killer
 * later.
 */
int creation_reserve(const struct creation *creation, uint64_t bytes,
		     const struct deadline *deadline, struct channel_report *report);

/*
 * Gives it these permission bits and this name, a path in CREATION_FOLDER, in one step. -EEXIST:
 * something has that name; -EOPNOTSUPP: unnamed files cannot be named here. The descriptor stays
 * the caller's.
 */
int creation_publish(struct creation *creation, const char *path, mode_t mode);

/* Drops what was not published, and closes its descriptor. */
void creation_abandon(struct creation *creation);

/*
 * Several that create one channel at the same time each reserve its memory, which may be there only
 * once. So whoever has found too little looks again a few times, for the channel of the one that
 * was faster, and for the memory of those that failed.
 */
struct creation_shortage {
	uint64_t free_bytes; /* at the last look */
	unsigned same, looks;
};

/* After -ENOSPC: shall it be tried again? Sleeps for some milliseconds if so. */
bool creation_again(struct creation_shortage *shortage, const struct channel_report *report,
		    const struct deadline *deadline);

#endif

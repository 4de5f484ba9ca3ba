/*
 * The shared-memory object of a channel: its name, opening, checking, mapping and removing it;
 * creation.c makes new ones. Creating, attaching and removing are serialised by an flock (an
 * advisory lock on the file), which the kernel releases if its holder dies.
 *
 * Called by the thread that attaches, detaches or inspects. Nothing here touches a mutex that
 * others use.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/ring.h"
#include "shared_buffer.h"

struct segment {
	int fd;
	char name[SEGMENT_NAME_MAX];  /* "/shm-channel.UID.NAME" */
	struct shared_buffer *shared; /* header, sides and claims: mapped once */
	struct ring ring;	      /* the ring: mapped twice */
	size_t ring_offset;	      /* bytes of the object before the ring */
	bool asymmetric;	      /* our light fences only order the compiler: see barrier.h */
	/* our heavy fences run on all processors, as others may publish without fences */
	bool membarrier;
	bool read_only; /* opened by segment_open_to_read() */
};

/*
 * Opens the channel that `options` names and maps it; creates it if it is missing and
 * options->never_create is not set. `deadline` limits the wait for the flock and the creation.
 * Returns 0, with the flock held: the caller releases it with segment_unlock() and closes with
 * segment_close(). Or returns a negative errno or channel_error, with details in *report; nothing
 * is left open then. `options` is not kept.
 */
int segment_open(struct segment *segment, const struct channel_options *options,
		 const struct deadline *deadline, struct channel_report *report);

/*
 * Like segment_open(), but for reading only: takes no flock, writes nothing into the object and
 * creates nothing. -ENOENT if there is no complete channel. Only segment_check(),
 * segment_contains(), segment_mode(), segment_holder() and segment_close() may follow.
 */
int segment_open_to_read(struct segment *segment, const struct channel_options *options,
			 struct channel_report *report);

/*
 * Returns what it means that an object is not found: -ENOENT, or -ENODEV if there is no /dev/shm at
 * all.
 */
int segment_missing(void);

/*
 * Judges an object that is open for reading by its header. 0: it is a channel, whose ring begins at
 * byte *ring_offset and has *capacity bytes. -CHANNEL_EREMOVED: a channel with the removal flag
 * that still has its name. Else another error, with details in *report.
 */
int segment_state(int fd, uint64_t *ring_offset, uint64_t *capacity, struct channel_report *report);

/*
 * Takes the flock: tries again and again without blocking, with at most 20 ms between two tries.
 * Returns 0, the deadline's error, or a negative errno.
 */
int segment_lock(struct segment *segment, const struct deadline *deadline);

/* Releases the flock. */
void segment_unlock(struct segment *segment);

/*
 * Returns the process that holds the flock, as the kernel tells it, or else the channel's header.
 * 0: not known.
 */
pid_t segment_holder(const struct segment *segment);

/*
 * Checks that the object is still what it was. -CHANNEL_EREMOVED: it has lost its name (by hand, or
 * by systemd's RemoveIPC), or is about to. -CHANNEL_EDAMAGED: its length has changed. Or another
 * negative errno.
 */
int segment_check(const struct segment *segment);

/* True if this address lies in the mapping. Async-signal-safe. */
bool segment_contains(const struct segment *segment, const void *address);

/*
 * Removes the object's name, if that name still means this object (else -ESTALE or -ENOENT). First
 * it sets the object's removal flag (CREATION_REMOVED_MODE), which makes it useless under any other
 * name that it may have. The caller holds the flock, or acts on the owner's explicit demand. -EPERM
 * and -EACCES (a sticky directory, another user's object) leave the object in place.
 */
int segment_remove(struct segment *segment);

/* Returns the permission bits of the object, or a negative errno. */
int segment_mode(const struct segment *segment);

/*
 * Closes the descriptor, which releases the flock, but leaves the mapping until the process ends.
 */
void segment_abandon(struct segment *segment);

/* Unmaps the object and closes its descriptor. The caller must hold no mutex in it. */
void segment_close(struct segment *segment);

#endif

/*
 * The shared-memory object: named, created and reserved, validated, mapped, removed.
 * Creating, attaching and removing are serialised by flock on its descriptor, which the
 * kernel drops when the holder dies. Nothing here touches a mutex that others use.
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
	struct shared_buffer *shared; /* header, sides, claims: mapped once */
	struct ring ring;	      /* mapped twice */
	size_t ring_offset;	      /* bytes before the ring in the object */
	bool asymmetric; /* our light fences are for the compiler only: see barrier.h */
	bool membarrier; /* our heavy ones run on all processors: some may do without */
	bool read_only;	 /* opened by segment_open_to_read() */
};

/*
 * Opens the channel that `options` names, creating it if it is missing and
 * options->never_create is not set, and maps it. On success the flock is held. Errors: a
 * negative errno or channel_error, details in *report; nothing is left open.
 */
int segment_open(struct segment *segment, const struct channel_options *options,
		 const struct deadline *deadline, struct channel_report *report);

/*
 * The same for reading only, and only if it is made: takes no flock, and writes nothing into it.
 * -ENOENT if it is not. segment_check(), segment_contains() and segment_close() may follow.
 */
int segment_open_to_read(struct segment *segment, const struct channel_options *options,
			 struct channel_report *report);

/* What an object that is not found means: -ENOENT, or -ENODEV if there is no /dev/shm at all. */
int segment_missing(void);

/*
 * What is in an object that is open for reading, by its header: 0 (a channel: *ring_offset and
 * *capacity say where its ring lies), or an error; -CHANNEL_EREMOVED: a channel that is removed,
 * but for its name.
 */
int segment_state(int fd, uint64_t *ring_offset, uint64_t *capacity, struct channel_report *report);

/* flock; tried without blocking, at most 20 ms between two tries. 0 or deadline's error. */
int segment_lock(struct segment *segment, const struct deadline *deadline);
void segment_unlock(struct segment *segment);

/* The process that holds the flock, as the kernel tells it, or the channel itself. 0: unknown. */
pid_t segment_holder(const struct segment *segment);

/*
 * Is the object what it was? -CHANNEL_EREMOVED: it has lost its name (by hand, or by systemd's
 * RemoveIPC), or is about to. -CHANNEL_EDAMAGED: somebody has changed its length.
 */
int segment_check(const struct segment *segment);

/* Does this address lie in the mapping? Async-signal-safe. */
bool segment_contains(const struct segment *segment, const void *address);

/*
 * Removes the object from its name if that still means this one (else -ESTALE, -ENOENT), and makes
 * it useless to all others that it may have: it is marked first, by its mode. Caller holds the
 * flock, or it is the owner's express wish. -EPERM and -EACCES (a sticky directory, another's
 * object) leave it in place.
 */
int segment_remove(struct segment *segment);

/* Permission bits of the object, or a negative errno. */
int segment_mode(const struct segment *segment);

/* Closes the descriptor, which drops the flock, but leaves the mapping until the process ends. */
void segment_abandon(struct segment *segment);

/* Unmaps and closes. No mutex in it may be held. */
void segment_close(struct segment *segment);

#endif

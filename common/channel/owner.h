/*
 * Who owns an object, and the name that follows from that: /shm-channel.UID.NAME, in /dev/shm. A
 * uid has a meaning only in its user namespace. In a rootless container, say, or a sandbox, a user
 * has one uid inside; outside, where the same /dev/shm may be mounted, the same user has another.
 *
 * So all decisions, options and messages use uids as they are seen here, in the namespace of this
 * process; only names contain the uid as it is seen outside, as they must be the same on both
 * sides. A name proves nothing, as any user may give an object any name: whether an object is
 * trusted is decided by its owner.
 *
 * Any thread may call these functions, without a lock; they read /proc.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "channel/channel.h"

/* The folder in which all objects are. */
#define OBJECT_FOLDER "/dev/shm"

/*
 * Writes the name of the object of a user's channel, in the form that shm_open() takes:
 * "/shm-channel.UID.NAME". With "" for `channel` it is the beginning of the names of all the user's
 * objects.
 */
void owner_object_name(char object[SEGMENT_NAME_MAX], uid_t owner, const char *channel);

/*
 * Returns the uid that names contain for this one: that of the parent of our user namespace, as
 * nothing tells what lies beyond. If root in the parent is not the machine's root, the parent's
 * uids mean nothing elsewhere, and our own uid is the better guess: a namespace within a namespace
 * is mostly made to get back the uid that the user has outside.
 */
uid_t owner_outside(uid_t owner);

/*
 * For a uid that a user has typed: one that our namespace does not have is taken for an outside
 * uid. Returns what it is here, or the uid itself if it exists here, or is known nowhere.
 */
uid_t owner_here(uid_t uid);

/* True if our namespace has no such uid. The machine's own namespace has every uid. */
bool owner_is_elsewhere(uid_t owner);

/*
 * True if the open object belongs to this user. All users that our namespace does not know are
 * shown as one uid, mostly 65534, which may also be that of a known user: then the object counts as
 * that user's only if that user is the caller and the kernel confirms it. An object of the caller's
 * own also belongs to an `owner` that our namespace does not have: outside, the caller may be that
 * user. `status` is the object's fstat().
 */
bool owner_is(int fd, const struct stat *status, uid_t owner);

/* Like owner_is(), for an object that cannot be opened: false if it is not certain. */
bool owner_seems(const struct stat *status, uid_t owner);

/*
 * Writes what a command to paste needs to be about this user's channel: " --owner UID", or "" for
 * our own. Returns words.
 */
enum { OWNER_WORDS = 32 };
const char *owner_words(uid_t owner, char words[OWNER_WORDS]);

/* True if this is the uid that our namespace shows for users that it does not know. */
bool owner_unknown(uid_t uid);

#endif

/*
 * Whose an object is, and what it is called after: /shm-channel.UID.NAME, in /dev/shm. A uid
 * means nothing outside its user namespace. Inside (in a rootless container, say, or a sandbox) a
 * user has one uid, and the same user has another one outside, where the same /dev/shm may be.
 *
 * So all that decides, and all options and messages, go by uids as they are seen here; names alone
 * have the uid as it is seen outside, as they must be the same on both sides. A name proves
 * nothing: anybody may give an object any name. What an object is worth is decided by its owner.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "channel/channel.h"

/*
 * Writes the name of the object of a user's channel, as shm_open() wants it:
 * "/shm-channel.UID.NAME". With the empty string for `channel` it is what the names of all of the
 * user's begin with.
 */
void owner_object_name(char object[SEGMENT_NAME_MAX], uid_t owner, const char *channel);

/*
 * The uid that names have for this one. That is the parent's user namespace's; nothing tells what
 * lies beyond that. Where the parent is one in which root is not the machine's root, its uids
 * mean nothing elsewhere, and our own one is the better guess: whoever makes a namespace in a
 * namespace does so, mostly, to have the uid again that he has outside.
 */
uid_t owner_outside(uid_t owner);

/*
 * For uids that users type: one that there is not in our namespace is meant as outside. Returns
 * what it is here; itself if it is here, or nowhere.
 */
uid_t owner_here(uid_t uid);

/* Is there no such user in our namespace? Of the machine's there is every uid. */
bool owner_is_elsewhere(uid_t owner);

/*
 * Does the open object belong to this user? What is in a namespace unknown is shown as one uid,
 * mostly 65534, which may be a known user's as well: then it is his only if he is the caller, and
 * the kernel says so. An object of the caller's own also belongs to an `owner` that our namespace
 * does not have: outside he may be the one.
 */
bool owner_is(int fd, const struct stat *status, uid_t owner);

/* Like owner_is(), for an object that cannot be opened: false if it is not certain. */
bool owner_seems(const struct stat *status, uid_t owner);

/*
 * What a command to paste needs to be about this user's channel: " --owner UID", or "" for our own.
 * Returns words.
 */
enum { OWNER_WORDS = 32 };
const char *owner_words(uid_t owner, char words[OWNER_WORDS]);

/* Is this what our namespace shows for users whom it does not know? */
bool owner_unknown(uid_t uid);

#endif

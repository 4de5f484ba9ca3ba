#include "observe/removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/life.h"
#include "channel/channel.h"
#include "channel/owner.h"
#include "channel/segment.h"
#include "observe/snapshot.h"

/*
 * True if this process may remove the name of this object. In a directory with the sticky bit only
 * the object's owner, the directory's owner and root may. False only if that is certain; otherwise
 * the kernel decides when it is tried.
 */
static bool name_is_ours(const struct stat *object)
{
	struct stat folder;
	uid_t user = geteuid();

	return user == 0 || object->st_uid == user || stat(OBJECT_FOLDER, &folder) != 0 ||
	       (folder.st_mode & S_ISVTX) == 0 || folder.st_uid == user;
}

/*
 * Opens the object for reading, if it is a regular file of options->owner's, with any contents,
 * whose name we may remove. Returns 0 or an error; segment->fd is open only after 0.
 */
static int object_open(struct segment *segment, const struct channel_options *options)
{
	struct stat status;
	int rc = 0;

	memset(segment, 0, sizeof(*segment));
	segment->read_only = true;
	owner_object_name(segment->name, options->owner, options->name);
	segment->fd = shm_open(segment->name, O_RDONLY | O_NONBLOCK, 0);
	if (segment->fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return -CHANNEL_EFOREIGN;
	if (segment->fd < 0)
		return errno == ENOENT ? segment_missing() : -errno;
	if (fstat(segment->fd, &status) != 0)
		rc = -errno;
	else if (!owner_is(segment->fd, &status, options->owner) || !name_is_ours(&status))
		rc = -CHANNEL_EOWNER;
	else if (!S_ISREG(status.st_mode))
		rc = -CHANNEL_EFOREIGN;
	if (rc < 0)
		close(segment->fd);
	return rc;
}

/* Returns the error with which REMOVAL_UNUSED refuses this object; 0: it may be removed. */
static int refusal(const struct snapshot *snapshot)
{
	if (snapshot->kind != SNAPSHOT_CHANNEL && snapshot->kind != SNAPSHOT_REMOVED)
		return snapshot->error;
	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		if (snapshot->endpoints[i].life != LIFE_DEAD)
			return -CHANNEL_EINUSE;
	return 0;
}

/*
 * Removes by force what is not a file of the owner's: a link, a FIFO, an empty directory, or
 * anything that another user has put there. It is never opened, so nothing can make us wait. No
 * endpoint of the channel uses it, so no flock is needed; and the kernel decides whether this user
 * may remove it. Returns 0; -EAGAIN if it has become a file that may be a channel: start again; or
 * an error.
 */
static int stranger_remove(const struct channel_options *options, struct snapshot *snapshot)
{
	char object[SEGMENT_NAME_MAX], path[sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX];
	struct stat named;
	int rc = snapshot_read(snapshot, options->name, options->owner);

	if (rc < 0)
		return rc;
	owner_object_name(object, options->owner, options->name);
	snprintf(path, sizeof(path), "%s%s", OBJECT_FOLDER, object);
	if (lstat(path, &named) != 0)
		return -errno;
	if (S_ISREG(named.st_mode) && owner_seems(&named, options->owner) && name_is_ours(&named) &&
	    snapshot->kind != SNAPSHOT_UNREADABLE)
		return -EAGAIN; /* by now a channel has been made here */
	rc = S_ISDIR(named.st_mode) ? rmdir(path) : unlink(path);
	if (rc == 0)
		return 0;
	return errno == EPERM || errno == EACCES ? -CHANNEL_EOWNER : -errno;
}

/* True if the open object has no name any more. */
static bool removed(const struct segment *segment)
{
	struct stat status;

	return fstat(segment->fd, &status) == 0 && status.st_nlink == 0;
}

/*
 * Removes the open object. Returns 0; -EAGAIN if the name means another object by now, because
 * somebody has removed ours by hand: start again; or another error.
 *
 * With the flock the right object is removed: no process makes a new object while the name exists,
 * and a process that removes a channel has its flock. So if the name means our object now, it does
 * until we remove it. Without the flock, two processes that remove it by force at the same time
 * could remove the new object of a third.
 */
static int object_remove(struct segment *segment)
{
	int rc = segment_remove(segment);

	return rc == -ESTALE || rc == -ENOENT ? -EAGAIN : rc;
}

/* -EAGAIN: the name is another object's by now. */
static int remove_opened(struct segment *segment, const struct channel_options *options,
			 enum removal_how how, struct snapshot *snapshot)
{
	int rc;

	if (removed(segment))
		return -EAGAIN;
	rc = snapshot_read_fd(snapshot, segment->fd, options->name, options->owner);
	if (rc < 0)
		return rc;
	rc = how == REMOVAL_UNUSED ? refusal(snapshot) : 0;
	return rc < 0 ? rc : object_remove(segment);
}

int channel_remove(const struct channel_options *options, enum removal_how how,
		   const struct deadline *deadline, struct snapshot *snapshot, pid_t *holder)
{
	struct segment segment = { .fd = -1 };
	int rc;

	*holder = 0;
	do {
		rc = deadline_passed(deadline);
		if (rc == 0)
			rc = object_open(&segment, options);
		if (how != REMOVAL_UNUSED &&
		    (rc == -CHANNEL_EFOREIGN || rc == -CHANNEL_EOWNER || rc == -EACCES)) {
			rc = stranger_remove(options, snapshot);
			continue;
		}
		/* Opening may have failed because it is another user's: the snapshot says so. */
		if ((rc == -CHANNEL_EOWNER || rc == -CHANNEL_EFOREIGN) &&
		    snapshot_read(snapshot, options->name, options->owner) == 0 &&
		    snapshot->kind == SNAPSHOT_OTHER_OWNER)
			rc = -CHANNEL_EOWNER;
		if (rc < 0)
			return rc;
		if (how != REMOVAL_UNLOCKED)
			rc = segment_lock(&segment, deadline);
		if (rc < 0) {
			*holder = segment_holder(&segment);
			close(segment.fd);
			return rc;
		}
		rc = remove_opened(&segment, options, how, snapshot);
		close(segment.fd); /* which drops the flock */
	} while (rc == -EAGAIN);
	return rc;
}

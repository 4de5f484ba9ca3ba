#include "channel/creation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/deadline.h"
#include "base/holder.h"
#include "channel/channel.h"
#include "channel/owner.h"

#define PRIVATE_PREFIX "/.shm-channel-new."
/* reserved in one step: takes the kernel less than a millisecond */
#define STEP_BYTES (UINT64_C(2) << 20)
/* how much is reserved between two looks at the free memory */
#define LOOK_BYTES   (UINT64_C(8) << 20)
#define CGROUP_BYTES (UINT64_C(2) << 20) /* for less than this the limits are not read */

enum {
	RENAME_NO_REPLACE = 1, /* from linux/fs.h, which a plain musl tool chain does not have */
	PRIVATE_TRIES = 100,
	SHORTAGE_UNCHANGED = 40,
	SHORTAGE_ATTEMPTS = 500,
	SHORTAGE_MS = 8
};

/* ---- beginning ---- */

/* Creates an object without a name. */
static int unnamed_begin(struct creation *creation)
{
	creation->fd = open(OBJECT_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (creation->fd >= 0)
		return 0;
	/* EISDIR: from a kernel that does not know O_TMPFILE. */
	return errno == EISDIR || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

/*
 * Removes an object that its creator has not finished, unless that one is alive: a living creator
 * holds the object's flock.
 */
static void leftover_remove(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	/*
	 * If the creator's umask leaves no permission to the owner, the object cannot be opened in
	 * its first instant: EACCES.
	 */
	if (fd >= 0 ? flock(fd, LOCK_EX | LOCK_NB) == 0 : errno == EACCES) {
		if (fd >= 0)
			fchmod(fd, CREATION_REMOVED_MODE);
		unlink(path);
	}
	if (fd >= 0)
		close(fd);
}

/* Removes what dead creators of this user with private names have left. */
static void leftovers_remove(void)
{
	char prefix[64], path[sizeof(OBJECT_FOLDER) + sizeof(((struct dirent *)0)->d_name)];
	const struct dirent *entry;
	DIR *folder = opendir(OBJECT_FOLDER);
	size_t size = (size_t)snprintf(prefix, sizeof(prefix), PRIVATE_PREFIX "%lu.",
				       (unsigned long)geteuid());

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof(path), OBJECT_FOLDER "/%s", entry->d_name);
		if (strncmp(path + strlen(OBJECT_FOLDER), prefix, size) == 0)
			leftover_remove(path);
	}
	if (folder != NULL)
		closedir(folder);
}

/*
 * True if the new object is still ours. Another creator may have taken it for a dead one's, before
 * we had its flock, and has removed its name then.
 */
static bool private_is_ours(int fd)
{
	struct stat status;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink == 1;
}

/* Creates an object with a private name, and takes its flock. */
static int private_begin(struct creation *creation)
{
	char *path = creation->private_path;
	int rc = -EEXIST;

	leftovers_remove();
	for (int tries = 0; tries < PRIVATE_TRIES; tries++) {
		snprintf(path, sizeof(creation->private_path),
			 OBJECT_FOLDER PRIVATE_PREFIX "%lu.%ld.%llx", (unsigned long)geteuid(),
			 (long)getpid(), (unsigned long long)clock_now_ns());
		creation->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (creation->fd >= 0 && private_is_ours(creation->fd))
			return 0;
		if (creation->fd < 0 && errno != EEXIST) {
			rc = -errno;
			break;
		}
		if (creation->fd >= 0)
			close(creation->fd);
	}
	path[0] = '\0';
	return rc;
}

int creation_begin(struct creation *creation, bool unnamed)
{
	creation->fd = -1;
	creation->private_path[0] = '\0';
	return unnamed ? unnamed_begin(creation) : private_begin(creation);
}

/* ---- memory ---- */

/*
 * Is there as much memory as is still missing? Reserving is not even attempted if it cannot
 * succeed: it could use up all memory before it fails, and the limit of a control group does not
 * fail but kills. `done` is how many bytes are reserved already.
 */
static int space_check(const struct creation *creation, uint64_t done,
		       struct channel_report *report)
{
	uint64_t missing = report->needed_bytes - done, room;
	struct statvfs space;

	report->memory_limited = false;
	/* Skips a file system that has no limit, or does not tell it. */
	if (fstatvfs(creation->fd, &space) == 0 && space.f_blocks != 0) {
		report->free_bytes = done + (uint64_t)space.f_bavail * space.f_frsize;
		if (report->needed_bytes > report->free_bytes)
			return -ENOSPC;
	}
	if (report->needed_bytes < CGROUP_BYTES)
		return 0;
	room = cgroup_room();
	/* Memory of the kernel for these pages is charged, too. */
	if (missing + missing / 128 + (UINT64_C(1) << 20) <= room)
		return 0;
	report->free_bytes = done + room;
	report->memory_limited = true;
	return -ENOSPC;
}

/*
 * Reserves one step. A signal that is not meant to end it, a timer's for example, only repeats the
 * step.
 */
static int step_reserve(const struct creation *creation, uint64_t from, uint64_t bytes,
			const struct deadline *deadline)
{
	struct deadline patient = *deadline;
	int rc;

	patient.at_ns = DEADLINE_NEVER;
	do {
		rc = posix_fallocate(creation->fd, (off_t)from, (off_t)bytes);
	} while (rc == EINTR && deadline_passed(&patient) == 0);
	return -rc;
}

int creation_reserve(const struct creation *creation, uint64_t bytes,
		     const struct deadline *deadline, struct channel_report *report)
{
	int rc = 0;

	if ((uint64_t)(off_t)bytes != bytes)
		return -EFBIG;
	report->needed_bytes = bytes;
	/* In steps: a signal undoes no more than one of them. */
	for (uint64_t done = 0; rc == 0 && done < bytes; done += STEP_BYTES) {
		uint64_t step = bytes - done < STEP_BYTES ? bytes - done : STEP_BYTES;

		if (done % LOOK_BYTES == 0)
			rc = space_check(creation, done, report);
		if (rc == 0)
			rc = step_reserve(creation, done, step, deadline);
		if (rc == -ENOSPC)
			/* others have taken it meanwhile: report how much is left */
			space_check(creation, done, report);
	}
	return rc;
}

/*
 * True if some process creates an object, or attaches to a channel: both hold a flock in the
 * folder.
 */
static bool somebody_creates(void)
{
	struct stat status;

	return stat(OBJECT_FOLDER, &status) == 0 && holder_on(status.st_dev);
}

bool creation_again(struct creation_shortage *shortage, const struct channel_report *report,
		    const struct deadline *deadline)
{
	/* A random part, so that not all try again at the same time. */
	uint64_t pause_ns = (SHORTAGE_MS + clock_now_ns() % SHORTAGE_MS) * NS_PER_MS;

	if (shortage->attempts == 0)
		leftovers_remove();
	shortage->unchanged =
		shortage->free_bytes == report->free_bytes ? shortage->unchanged + 1 : 0;
	shortage->free_bytes = report->free_bytes;
	if ((shortage->unchanged >= SHORTAGE_UNCHANGED && !somebody_creates()) ||
	    ++shortage->attempts >= SHORTAGE_ATTEMPTS ||
	    deadline_slice_ns(deadline, pause_ns) < pause_ns)
		return false;
	deadline_sleep(deadline, pause_ns);
	return true;
}

/* ---- a name ---- */

/*
 * Gives a name to a file without one. No call can do that without /proc or, in most cases, a
 * capability.
 */
static int unnamed_publish(const struct creation *creation, const char *path)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", creation->fd);
	if (linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ||
	    (errno != EEXIST && linkat(creation->fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0))
		return 0;
	return errno == EEXIST ? -EEXIST : -EOPNOTSUPP;
}

/*
 * Renames the object: it has one name before and one after, and never two. It gets its permission
 * bits only after that: under its private name no other process may ever be able to open it, as
 * that name could be linked. Processes of its owner check the permission bits once they have the
 * flock, which the creator still holds.
 */
static int private_publish(struct creation *creation, const char *path, mode_t mode)
{
	if (syscall(SYS_renameat2, AT_FDCWD, creation->private_path, AT_FDCWD, path,
		    RENAME_NO_REPLACE) != 0)
		return -errno;
	creation->private_path[0] = '\0';
	return fchmod(creation->fd, mode) != 0 ? -errno : 0;
}

int creation_publish(struct creation *creation, const char *path, mode_t mode)
{
	if (creation->private_path[0] != '\0')
		return private_publish(creation, path, mode);
	/* The exact bits, whatever the umask is, before any other process can see the object. */
	return fchmod(creation->fd, mode) != 0 ? -errno : unnamed_publish(creation, path);
}

void creation_abandon(struct creation *creation)
{
	if (creation->private_path[0] != '\0') {
		fchmod(creation->fd, CREATION_REMOVED_MODE);
		unlink(creation->private_path);
	}
	if (creation->fd >= 0)
		close(creation->fd);
	creation->fd = -1;
}

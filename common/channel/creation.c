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

#define PRIVATE_PREFIX "/.shm-channel-new."
#define STEP_BYTES     (UINT64_C(2) << 20) /* less than a millisecond of work for the kernel */
#define LOOK_BYTES     (UINT64_C(8) << 20) /* how much may be taken between two looks */
#define CGROUP_BYTES   (UINT64_C(2) << 20) /* less is not worth reading what the limits are */

enum {
	RENAME_NO_REPLACE = 1, /* from linux/fs.h, which a plain musl tool chain does not have */
	PRIVATE_TRIES = 100,
	SHORTAGE_SAME = 40,
	SHORTAGE_LOOKS = 500,
	SHORTAGE_MS = 8
};

/* ---- beginning ---- */

static int unnamed_begin(struct creation *creation)
{
	creation->fd = open(CREATION_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (creation->fd >= 0)
		return 0;
	/* EISDIR: a kernel that does not know of it. */
	return errno == EISDIR || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

/* An object without its mode, which nobody finishes: its creator holds its flock while it lives. */
static void leftover_remove(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	/*
	 * With a umask that leaves nothing to its owner it cannot be opened in its first instant.
	 */
	if (fd >= 0 ? flock(fd, LOCK_EX | LOCK_NB) == 0 : errno == EACCES) {
		if (fd >= 0)
			fchmod(fd, CREATION_REMOVED_MODE);
		unlink(path);
	}
	if (fd >= 0)
		close(fd);
}

/* What creators of this user with private names have left that died. */
static void leftovers_remove(void)
{
	char prefix[64], path[sizeof(CREATION_FOLDER) + sizeof(((struct dirent *)0)->d_name)];
	const struct dirent *entry;
	DIR *folder = opendir(CREATION_FOLDER);
	size_t size = (size_t)snprintf(prefix, sizeof(prefix), PRIVATE_PREFIX "%lu.",
				       (unsigned long)geteuid());

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof(path), CREATION_FOLDER "/%s", entry->d_name);
		if (strncmp(path + strlen(CREATION_FOLDER), prefix, size) == 0)
			leftover_remove(path);
	}
	if (folder != NULL)
		closedir(folder);
}

/* Whoever took it for a dead one's before we had the flock has removed it. */
static bool private_is_ours(int fd)
{
	struct stat status;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &status) == 0 && status.st_nlink == 1;
}

static int private_begin(struct creation *creation)
{
	char *path = creation->private_path;
	int rc = -EEXIST;

	leftovers_remove();
	for (int tries = 0; tries < PRIVATE_TRIES; tries++) {
		snprintf(path, sizeof(creation->private_path),
			 CREATION_FOLDER PRIVATE_PREFIX "%lu.%ld.%llx", (unsigned long)geteuid(),
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
 * Is there as much as is still missing? Does not even try what cannot succeed: it could take all
 * there is before it fails, and a control group's limit does not fail but kills.
 */
static int space_check(const struct creation *creation, uint64_t done,
		       struct channel_report *report)
{
	uint64_t missing = report->needed_bytes - done, room;
	struct statvfs space;

	report->memory_limited = false;
	/* Not a file system without a limit, or without one that it tells. */
	if (fstatvfs(creation->fd, &space) == 0 && space.f_blocks != 0) {
		report->free_bytes = done + (uint64_t)space.f_bavail * space.f_frsize;
		if (report->needed_bytes > report->free_bytes)
			return -ENOSPC;
	}
	if (report->needed_bytes < CGROUP_BYTES)
		return 0;
	room = cgroup_room();
	/* The kernel's own memory for it counts, too. */
	if (missing + missing / 128 + (UINT64_C(1) << 20) <= room)
		return 0;
	report->free_bytes = done + room;
	report->memory_limited = true;
	return -ENOSPC;
}

/* A signal that is not meant to end it, a timer's for example, is no reason to begin again. */
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
			space_check(creation, done, report); /* others took it meanwhile */
	}
	return rc;
}

/* A creator holds the flock of what it makes; so does a process that attaches to a channel. */
static bool somebody_creates(void)
{
	struct stat status;

	return stat(CREATION_FOLDER, &status) == 0 && holder_on(status.st_dev);
}

bool creation_again(struct creation_shortage *shortage, const struct channel_report *report,
		    const struct deadline *deadline)
{
	/* Not all at the same time again. */
	uint64_t pause_ns = (SHORTAGE_MS + clock_now_ns() % SHORTAGE_MS) * NS_PER_MS;

	if (shortage->looks == 0)
		leftovers_remove();
	shortage->same = shortage->free_bytes == report->free_bytes ? shortage->same + 1 : 0;
	shortage->free_bytes = report->free_bytes;
	if ((shortage->same >= SHORTAGE_SAME && !somebody_creates()) ||
	    ++shortage->looks >= SHORTAGE_LOOKS || deadline_slice_ns(deadline, pause_ns) < pause_ns)
		return false;
	deadline_sleep(deadline, pause_ns);
	return true;
}

/* ---- a name ---- */

/* Names a file that has none: there is no such call without /proc or, mostly, a capability. */
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
 * It has one name before and one after it, and no moment has two. Under its private name nobody
 * else may ever open it, as that one may be linked: so it gets its mode afterwards. Processes of
 * its owner look at the mode when they have the flock, which the creator still holds.
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
	/* Exact, whatever the umask, before anybody else can see it. */
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

#include "channel/segment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "base/holder.h"
#include "channel/channel.h"
#include "channel/creation.h"
#include "channel/owner.h"
#include "channel/ring.h"
#include "shared_buffer.h"

#define SEGMENT_PATH_SIZE (sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX)

#define FLOCK_BACKOFF_FIRST_NS (50 * UINT64_C(1000))
#define FLOCK_BACKOFF_MOST_NS  (20 * NS_PER_MS)

#ifdef __GLIBC__
#define LIBC_NAME "glibc"
#else
#define LIBC_NAME "musl"
#endif

/* Describes what must be the same in two processes that share mutexes. */
static void abi_describe(char abi[CHANNEL_ABI_MAX])
{
	snprintf(abi, CHANNEL_ABI_MAX, "%s, %u-bit, mutex of %u bytes", LIBC_NAME,
		 (unsigned)sizeof(void *) * 8, (unsigned)sizeof(pthread_mutex_t));
}

/*
 * Chooses the fences of this process by the `fences` of the channel's header. Unless that says
 * FENCES_PLAIN, the channel's endpoints can use membarrier; a process that cannot must ask for
 * another way before it takes a slot (fences_agree()).
 */
static void fences_begin(struct segment *segment, uint32_t fences)
{
	segment->membarrier = fences != FENCES_PLAIN && barrier_register();
	segment->asymmetric = segment->membarrier && fences == FENCES_ASYMMETRIC;
}

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

uint64_t channel_size_rounded(uint64_t size)
{
	uint64_t capacity = RING_CAPACITY_MIN;

	while (capacity < size || capacity < page_size())
		capacity *= 2;
	return capacity;
}

/* ---- opening ---- */

/* Moves a descriptor above 2, as a lower one could be taken for a standard stream. */
static int fd_above_standard(int fd)
{
	int moved;

	if (fd > STDERR_FILENO)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		moved = -errno;
	close(fd);
	return moved;
}

static void segment_path(const struct segment *segment, char path[SEGMENT_PATH_SIZE])
{
	snprintf(path, SEGMENT_PATH_SIZE, OBJECT_FOLDER "%s", segment->name);
}

/* True if the object has the removal flag, CREATION_REMOVED_MODE. */
static bool removal_flagged(const struct stat *status)
{
	return S_ISREG(status->st_mode) && (status->st_mode & S_ISVTX) != 0;
}

/*
 * The object cannot be opened, for this reason. That does not tell whose it is, so lstat() is asked
 * first: another user's object is -CHANNEL_EOWNER.
 */
static int refuse_open(const struct segment *segment, const struct channel_options *options,
		       struct channel_report *report, int reason)
{
	char path[SEGMENT_PATH_SIZE];
	struct stat status;

	segment_path(segment, path);
	if (lstat(path, &status) == 0 && !owner_seems(&status, options->owner)) {
		report->owner = status.st_uid;
		return -CHANNEL_EOWNER;
	}
	return reason;
}

int segment_missing(void)
{
	return access(OBJECT_FOLDER, F_OK) != 0 && errno == ENOENT ? -ENODEV : -ENOENT;
}

/*
 * Opens an object with the removal flag, which its owner may still read. False: it has not that
 * flag, or cannot be opened.
 */
static bool object_open_removed(struct segment *segment, const char *path)
{
	struct stat status;

	segment->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (segment->fd < 0)
		return false;
	if (fstat(segment->fd, &status) == 0 && removal_flagged(&status))
		return true;
	close(segment->fd);
	return false;
}

/* What open() has failed with: the error to return, or 0 if a removed object is open now. */
static int open_failed(struct segment *segment, const struct channel_options *options,
		       const char *path, struct channel_report *report, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		if (object_open_removed(segment, path))
			return 0;
		return refuse_open(segment, options, report, -EACCES);
	case ELOOP:  /* a symbolic link */
	case EISDIR: /* a directory */
	case ENXIO:  /* a socket */
	case EINVAL:
		return refuse_open(segment, options, report, -CHANNEL_EFOREIGN);
	case ENOENT:
		return segment_missing();
	default:
		return -error;
	}
}

/* Opens the object of that name, and creates nothing. */
static int object_open(struct segment *segment, const struct channel_options *options,
		       struct channel_report *report)
{
	const int access = segment->read_only ? O_RDONLY : O_RDWR;
	char path[SEGMENT_PATH_SIZE];

	segment_path(segment, path);
	segment->fd = open(path, access | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (segment->fd < 0) {
		int rc = open_failed(segment, options, path, report, errno);

		if (rc < 0)
			return rc;
	}
	segment->fd = fd_above_standard(segment->fd);
	return segment->fd < 0 ? segment->fd : 0;
}

int segment_lock(struct segment *segment, const struct deadline *deadline)
{
	uint64_t backoff_ns = FLOCK_BACKOFF_FIRST_NS;

	while (flock(segment->fd, LOCK_EX | LOCK_NB) != 0) {
		int rc;

		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		rc = deadline_passed(deadline);
		if (rc < 0)
			return rc;
		deadline_sleep(deadline, backoff_ns);
		backoff_ns *= 2;
		if (backoff_ns > FLOCK_BACKOFF_MOST_NS)
			backoff_ns = FLOCK_BACKOFF_MOST_NS;
	}
	if (segment->shared != NULL)
		atomic_store(&segment->shared->header.keeper, (uint32_t)getpid());
	return 0;
}

void segment_unlock(struct segment *segment)
{
	if (segment->shared != NULL)
		atomic_store(&segment->shared->header.keeper, 0);
	while (flock(segment->fd, LOCK_UN) != 0 && errno == EINTR)
		;
}

/* ---- what state an object is in ---- */

static bool capacity_valid(uint64_t capacity)
{
	return capacity >= RING_CAPACITY_MIN && capacity <= RING_CAPACITY_MAX &&
	       (capacity & (capacity - 1)) == 0 && capacity % page_size() == 0;
}

/* The beginning of struct header, in plain types: the object may be anything. */
struct header_copy {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t fences;
	char abi[CHANNEL_ABI_MAX];
	uint64_t capacity;
};

_Static_assert(offsetof(struct header, fences) == offsetof(struct header_copy, fences) &&
		       offsetof(struct header, capacity) ==
			       offsetof(struct header_copy, capacity) &&
		       CHANNEL_ABI_MAX == 48,
	       "the copy has the layout of struct header");

/* Reads the header without mapping the object. -CHANNEL_EFOREIGN: it is not a channel's. */
static int header_read(int fd, struct header_copy *header)
{
	ssize_t got = pread(fd, header, sizeof(*header), 0);

	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(header->magic) || header->magic != MAGIC_READY)
		return -CHANNEL_EFOREIGN;
	return (size_t)got < sizeof(*header) ? -CHANNEL_EDAMAGED : 0;
}

static int version_check(const struct header_copy *header, struct channel_report *report)
{
	if (header->layout_version == LAYOUT_VERSION)
		return 0;
	snprintf(report->theirs, sizeof(report->theirs), "layout %u", header->layout_version);
	snprintf(report->ours, sizeof(report->ours), "layout %u", LAYOUT_VERSION);
	return -CHANNEL_EVERSION;
}

/* A text that differs may hold anything: the report gets what can be printed of it. */
static int abi_check(const struct header_copy *header, struct channel_report *report)
{
	size_t length = strnlen(header->abi, CHANNEL_ABI_MAX - 1);

	abi_describe(report->ours);
	if (strlen(report->ours) == length && memcmp(header->abi, report->ours, length) == 0)
		return 0;
	memset(report->theirs, 0, sizeof(report->theirs));
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)header->abi[i];

		report->theirs[i] = isascii(c) && isprint(c) ? (char)c : '?';
	}
	return -CHANNEL_EABI;
}

/* Is it a channel that this build can use? `bytes`: the object's length. */
static int object_state(struct segment *segment, off_t bytes, struct channel_report *report)
{
	struct header_copy header = { 0 };
	int rc = header_read(segment->fd, &header);

	if (rc == 0)
		rc = version_check(&header, report);
	if (rc == 0)
		rc = abi_check(&header, report);
	if (rc < 0)
		return rc;
	if (!capacity_valid(header.capacity) || header.fences < FENCES_ASYMMETRIC ||
	    header.fences > FENCES_PLAIN ||
	    (uint64_t)bytes != segment->ring_offset + header.capacity)
		return -CHANNEL_EDAMAGED;
	segment->ring.capacity = header.capacity;
	if (!segment->read_only) /* a reader does not sleep, and publishes nothing */
		fences_begin(segment, header.fences);
	return 0;
}

/*
 * Like object_state(), but also refuses an object with a second name: a user that may write one
 * channel could link it to the name of another that does not exist yet, and so get what is sent to
 * that one.
 */
static int object_accept(struct segment *segment, const struct stat *status,
			 struct channel_report *report)
{
	int rc;

	if (removal_flagged(status))
		return -CHANNEL_EREMOVED;
	rc = object_state(segment, status->st_size, report);
	report->removable = status->st_uid == geteuid();
	return rc == 0 && status->st_nlink > 1 ? -CHANNEL_ELINKED : rc;
}

/* ---- mapping ---- */

/*
 * Maps the object: the part before the ring once, and the ring twice, one after the other, so that
 * no record is cut in two by the ring's end.
 */
static int segment_map(struct segment *segment)
{
	int protection = segment->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	size_t capacity = (size_t)segment->ring.capacity;
	unsigned char *ring;
	void *shared;
	int rc;

	shared = mmap(NULL, segment->ring_offset, protection, MAP_SHARED, segment->fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	if (segment->ring.capacity > SIZE_MAX / 2) {
		rc = -ENOMEM;
		goto fail_shared;
	}
	ring = mmap(NULL, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		    0);
	if (ring == MAP_FAILED) {
		rc = -errno;
		goto fail_shared;
	}
	for (int half = 0; half < 2; half++) {
		void *at = mmap(ring + (size_t)half * capacity, capacity, protection,
				MAP_SHARED | MAP_FIXED, segment->fd, (off_t)segment->ring_offset);
		if (at == MAP_FAILED) {
			rc = -errno;
			goto fail_ring;
		}
	}
	/* A forked child must not unlock our mutexes, or die holding them. */
	madvise(shared, segment->ring_offset, MADV_DONTFORK);
	madvise(ring, 2 * capacity, MADV_DONTFORK);
	segment->shared = shared;
	segment->ring.bytes = ring;
	return 0;

fail_ring:
	munmap(ring, 2 * capacity);
fail_shared:
	munmap(shared, segment->ring_offset);
	return rc;
}

static void segment_unmap(struct segment *segment)
{
	if (segment->ring.bytes != NULL)
		munmap(segment->ring.bytes, 2 * (size_t)segment->ring.capacity);
	if (segment->shared != NULL)
		munmap(segment->shared, segment->ring_offset);
	segment->ring.bytes = NULL;
	segment->shared = NULL;
}

/* ---- making ---- */

static int locks_init(struct locks *locks, const pthread_mutexattr_t *attr)
{
	int rc = pthread_mutex_init(&locks->side.mutex, attr);

	for (unsigned i = 0; rc == 0 && i < SLOT_COUNT; i++)
		rc = pthread_mutex_init(&locks->alive[i].mutex, attr);
	return rc;
}

/* Fills in a new object, which is all zero: writes only what is not 0. */
static int shared_init(struct segment *segment, uint64_t first_position)
{
	struct shared_buffer *shared = segment->shared;
	struct timespec now;
	pthread_mutexattr_t attr;
	int rc;

	rc = pthread_mutexattr_init(&attr);
	if (rc != 0)
		return -rc;
	rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = locks_init(&shared->producers.locks, &attr);
	if (rc == 0)
		rc = locks_init(&shared->consumers.locks, &attr);
	pthread_mutexattr_destroy(&attr);
	if (rc != 0)
		return -rc;

	shared->producers.marks[0] = (struct mark){ .position = first_position, .sequence = 1 };
	shared->producers.marks[1] = (struct mark){ .position = first_position - 8, .sequence = 1 };
	atomic_store(&shared->producers.tail, first_position);
	atomic_store(&shared->producers.frontier, first_position);
	atomic_store(&shared->consumers.head, first_position);
	/* A group that waits for no consumers: the first group that comes takes its place. */
	shared->consumers.groups[0].next[0] = cursor_at(first_position);
	shared->consumers.groups[0].expected = 1;
	atomic_store(&shared->consumers.groups[0].state, GROUP_LEFT);
	atomic_store(&shared->consumers.groups_used, 1);

	clock_gettime(CLOCK_REALTIME, &now);
	shared->header.layout_version = LAYOUT_VERSION;
	fences_begin(segment, FENCES_ASYMMETRIC);
	atomic_store(&shared->header.fences,
		     segment->asymmetric ? FENCES_ASYMMETRIC : FENCES_PLAIN);
	abi_describe(shared->header.abi);
	shared->header.capacity = segment->ring.capacity;
	shared->header.epoch = (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
	/*
	 * Everything else is visible before the magic is. Pairs with the flock, and with the fence
	 * in segment_open_to_read().
	 */
	atomic_store_explicit(&shared->header.magic, MAGIC_READY, memory_order_release);
	return 0;
}

/*
 * Creates a new channel as an unnamed object, or as one with a private name, and publishes it.
 * -EOPNOTSUPP: this kind does not exist here.
 */
static int segment_create(struct segment *segment, const struct channel_options *options,
			  bool unnamed, const struct deadline *deadline,
			  struct channel_report *report)
{
	struct creation creation;
	char path[SEGMENT_PATH_SIZE];
	int rc;

	segment_path(segment, path);
	segment->ring.capacity = channel_size_rounded(options->size);
	rc = creation_begin(&creation, unnamed);
	if (rc < 0)
		return rc;
	segment->fd = creation.fd = fd_above_standard(creation.fd);
	/* A process that opens it by its name waits for the flock until we have attached. */
	rc = segment->fd < 0 ? segment->fd : segment_lock(segment, deadline);
	if (rc == 0)
		rc = creation_reserve(&creation, segment->ring_offset + segment->ring.capacity,
				      deadline, report);
	if (rc == 0)
		rc = segment_map(segment);
	if (rc == 0)
		rc = shared_init(segment, options->first_position);
	if (rc == 0)
		rc = creation_publish(&creation, path, options->mode);
	if (rc < 0) {
		segment_unmap(segment);
		creation_abandon(&creation);
	}
	return rc;
}

/* Creates a new channel and gives it its name. -EEXIST: something has that name by now. */
static int segment_make(struct segment *segment, const struct channel_options *options,
			const struct deadline *deadline, struct channel_report *report)
{
	int rc = segment_create(segment, options, true, deadline, report);

	if (rc == -EOPNOTSUPP)
		rc = segment_create(segment, options, false, deadline, report);
	return rc;
}

/* Clears a segment, and makes the object's name. */
static void segment_begin(struct segment *segment, const struct channel_options *options)
{
	memset(segment, 0, sizeof(*segment));
	owner_object_name(segment->name, options->owner, options->name);
	segment->ring_offset = round_up(sizeof(struct shared_buffer), page_size());
}

/* Is the object a file, and does it belong to the right owner? */
static int object_check(const struct segment *segment, const struct channel_options *options,
			struct stat *status, struct channel_report *report)
{
	if (fstat(segment->fd, status) != 0)
		return -errno;
	if (!owner_is(segment->fd, status, options->owner)) {
		report->owner = status->st_uid;
		return -CHANNEL_EOWNER;
	}
	return S_ISREG(status->st_mode) ? 0 : -CHANNEL_EFOREIGN;
}

int segment_state(int fd, uint64_t *ring_offset, uint64_t *capacity, struct channel_report *report)
{
	struct segment segment = { .fd = fd, .read_only = true };
	struct stat status;
	int rc;

	if (fstat(fd, &status) != 0)
		return -errno;
	segment.ring_offset = round_up(sizeof(struct shared_buffer), page_size());
	rc = object_accept(&segment, &status, report);
	*ring_offset = segment.ring_offset;
	*capacity = segment.ring.capacity;
	return rc;
}

void channel_layout(char *text, size_t size)
{
	char abi[CHANNEL_ABI_MAX];

	abi_describe(abi);
	snprintf(text, size, "layout %u; %s", LAYOUT_VERSION, abi);
}

bool channel_membarrier(void)
{
	return barrier_register();
}

int segment_open_to_read(struct segment *segment, const struct channel_options *options,
			 struct channel_report *report)
{
	struct stat status;
	int rc;

	segment_begin(segment, options);
	segment->read_only = true;
	rc = object_open(segment, options, report);
	if (rc < 0)
		return rc;
	rc = object_check(segment, options, &status, report);
	if (rc == 0)
		rc = object_accept(segment, &status, report);
	if (rc == -CHANNEL_EREMOVED || (rc == 0 && status.st_nlink == 0))
		rc = -ENOENT;
	if (rc == 0)
		rc = segment_map(segment);
	if (rc < 0) {
		close(segment->fd);
		return rc;
	}
	/*
	 * Everything else was visible before the magic was. There is no flock here that orders it.
	 * Pairs with the release store in shared_init().
	 */
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

/*
 * Checks an object whose flock we now have. -ESTALE: it has no name any more. If a process died
 * between setting the removal flag and removing the name, we have now removed the name.
 */
static int object_settle(struct segment *segment, struct stat *status,
			 struct channel_report *report)
{
	int rc;

	if (fstat(segment->fd, status) != 0)
		return -errno;
	if (status->st_nlink == 0)
		return -ESTALE; /* removed while we waited for the flock */
	rc = object_accept(segment, status, report);
	if (rc != -CHANNEL_EREMOVED)
		return rc;
	rc = segment_remove(segment);
	return rc == 0 || rc == -ENOENT ? -ESTALE : rc;
}

/*
 * Opens and maps the object of that name, and takes its flock. -ENOENT: there is none. -ESTALE: the
 * object that had the name when we looked is removed.
 */
static int segment_open_named(struct segment *segment, const struct channel_options *options,
			      const struct deadline *deadline, struct channel_report *report)
{
	struct stat status;
	int rc = object_open(segment, options, report);

	if (rc < 0)
		return rc;
	rc = object_check(segment, options, &status, report);
	if (rc == 0) {
		rc = segment_lock(segment, deadline);
		report->lock_taken = rc == -ETIMEDOUT || rc == -EAGAIN;
	}
	if (rc == 0)
		rc = object_settle(segment, &status, report);
	if (rc == 0)
		rc = segment_map(segment);
	if (rc < 0) {
		if (report->lock_taken)
			report->holder = segment_holder(segment);
		close(segment->fd);
	}
	return rc;
}

/*
 * Opens the object of that name, or makes it. -ESTALE, -EEXIST: another process was faster, in
 * removing the object that we found, or in making one; try again.
 */
static int segment_open_once(struct segment *segment, const struct channel_options *options,
			     const struct deadline *deadline, struct channel_report *report)
{
	bool may_make = !options->never_create && options->owner == geteuid();
	int rc = deadline_passed(deadline);

	if (rc == 0)
		rc = segment_open_named(segment, options, deadline, report);
	/* Opened without O_CREAT first, which could be refused for another user's file. */
	if (rc == -ENOENT && may_make)
		rc = segment_make(segment, options, deadline, report);
	return rc;
}

int segment_open(struct segment *segment, const struct channel_options *options,
		 const struct deadline *deadline, struct channel_report *report)
{
	struct creation_shortage shortage = { 0 };
	int rc;

	segment_begin(segment, options);
	do {
		rc = segment_open_once(segment, options, deadline, report);
	} while (rc == -ESTALE || rc == -EEXIST ||
		 (rc == -ENOSPC && creation_again(&shortage, report, deadline)));
	if (rc == 0)
		atomic_store(&segment->shared->header.keeper, (uint32_t)getpid());
	return rc;
}

pid_t segment_holder(const struct segment *segment)
{
	pid_t holder = holder_of(segment->fd);
	uint32_t keeper = 0;

	/* It may be in another pid namespace: then what the header says, if it is one. */
	if (holder == 0 && pread(segment->fd, &keeper, sizeof(keeper),
				 offsetof(struct header, keeper)) == sizeof(keeper))
		holder = (pid_t)keeper;
	return holder;
}

int segment_check(const struct segment *segment)
{
	struct stat status;

	if (fstat(segment->fd, &status) != 0)
		return -errno;
	if (status.st_nlink == 0 || removal_flagged(&status))
		return -CHANNEL_EREMOVED;
	if ((uint64_t)status.st_size != segment->ring_offset + segment->ring.capacity)
		return -CHANNEL_EDAMAGED;
	return 0;
}

static bool within(const void *address, const void *start, uint64_t size)
{
	return (uintptr_t)address - (uintptr_t)start < size;
}

bool segment_contains(const struct segment *segment, const void *address)
{
	return segment->shared != NULL &&
	       (within(address, segment->shared, segment->ring_offset) ||
		within(address, segment->ring.bytes, 2 * segment->ring.capacity));
}

int segment_mode(const struct segment *segment)
{
	struct stat status;

	if (fstat(segment->fd, &status) != 0)
		return -errno;
	return (int)(status.st_mode & 07777);
}

int segment_remove(struct segment *segment)
{
	struct stat ours, named;
	char path[SEGMENT_PATH_SIZE];

	segment_path(segment, path);
	if (fstat(segment->fd, &ours) != 0 || lstat(path, &named) != 0)
		return -errno;
	if (ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return -ESTALE;
	/*
	 * The removal flag comes first: under another name the object must not be taken for that
	 * name's channel. A process that finds the flag removes the name, so we may die in between.
	 * If we are not the owner we cannot set it: then only an object without a second name is
	 * removed.
	 */
	if (fchmod(segment->fd, CREATION_REMOVED_MODE) != 0 && ours.st_nlink != 1)
		return -errno;
	return unlink(path) != 0 ? -errno : 0;
}

void segment_abandon(struct segment *segment)
{
	segment_unlock(segment);
	close(segment->fd);
	segment->fd = -1;
}

void segment_close(struct segment *segment)
{
	if (!segment->read_only)
		segment_unlock(segment);
	segment_unmap(segment);
	close(segment->fd);
	segment->fd = -1;
}

#include "segment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"

#define FLOCK_BACKOFF_FIRST_NS (50 * UINT64_C(1000))
#define FLOCK_BACKOFF_MOST_NS  (20 * NS_PER_MS)

#ifdef __GLIBC__
#define LIBC_NAME "glibc"
#else
#define LIBC_NAME "musl"
#endif

/* What must be alike in two processes that share mutexes. */
static void abi_describe(char abi[CHANNEL_ABI_MAX])
{
	snprintf(abi, CHANNEL_ABI_MAX, "%s, %u-bit, mutex of %u bytes", LIBC_NAME,
		 (unsigned)sizeof(void *) * 8, (unsigned)sizeof(pthread_mutex_t));
}

/*
 * A channel that says so is for processes that can use membarrier, as all do that are in it; one
 * that cannot asks for another way before it takes a slot (fences_agree()).
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

static bool name_valid(const char *name, size_t most)
{
	size_t length = strlen(name);

	if (length == 0 || length > most)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isascii((unsigned char)name[i]) ||
		    (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL))
			return false;
	return true;
}

bool channel_name_valid(const char *name)
{
	return name_valid(name, CHANNEL_NAME_MAX);
}

bool channel_group_valid(const char *name)
{
	return name_valid(name, CHANNEL_GROUP_MAX);
}

bool channel_mode_valid(unsigned long mode)
{
	return (mode & ~0666UL) == 0 && (mode & 0600) == 0600;
}

/* ---- opening ---- */

/* A lower descriptor would be somebody's standard stream. */
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

/* EACCES does not say whose it is; where Linux keeps the objects, lstat does. */
static int refuse_access(const struct segment *segment, const struct channel_options *options,
			 struct channel_report *report)
{
	char path[sizeof("/dev/shm") + SEGMENT_NAME_MAX];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/shm%s", segment->name);
	if (lstat(path, &status) == 0 && status.st_uid != options->owner) {
		report->owner = status.st_uid;
		return -CHANNEL_EOWNER;
	}
	return -EACCES;
}

/*
 * Opens without O_CREAT first: in a sticky directory the kernel may refuse O_CREAT on
 * another user's file (fs.protected_regular). -EEXIST: lost a race, try again.
 */
static int object_open(struct segment *segment, const struct channel_options *options,
		       struct channel_report *report)
{
	mode_t old_mask;
	int fd = shm_open(segment->name, segment->read_only ? O_RDONLY | O_NONBLOCK : O_RDWR, 0);

	if (fd < 0 && errno == ENOENT) {
		if (segment->read_only || options->never_create || options->owner != geteuid())
			return -ENOENT;
		old_mask = umask(0); /* the mode is exact from the first moment on */
		fd = shm_open(segment->name, O_RDWR | O_CREAT | O_EXCL, options->mode);
		if (fd < 0)
			fd = -errno;
		umask(old_mask);
		if (fd < 0)
			return fd;
	} else if (fd < 0) {
		switch (errno) {
		case EACCES:
		case EPERM:
			return refuse_access(segment, options, report);
		case ELOOP:  /* a symbolic link */
		case EISDIR: /* a directory */
		case ENXIO:  /* a socket */
		case EINVAL:
			return -CHANNEL_EFOREIGN;
		default:
			return -errno;
		}
	}
	segment->fd = fd_above_standard(fd);
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

enum { STATE_UNMADE = SEGMENT_UNMADE, STATE_READY = SEGMENT_READY };

static bool capacity_valid(uint64_t capacity)
{
	return capacity >= RING_CAPACITY_MIN && capacity <= RING_CAPACITY_MAX &&
	       (capacity & (capacity - 1)) == 0 && capacity % page_size() == 0;
}

/* Reads the header without mapping it, as the object may be anything. Under flock. */
static int object_state(struct segment *segment, off_t bytes, struct channel_report *report)
{
	struct {
		uint64_t magic;
		uint32_t layout_version;
		uint32_t fences;
		char abi[CHANNEL_ABI_MAX];
		uint64_t capacity;
	} header = { 0 };
	ssize_t got;

	if (bytes == 0)
		return STATE_UNMADE;
	got = pread(segment->fd, &header, sizeof(header), 0);
	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(header.magic))
		return -CHANNEL_EFOREIGN;
	if (header.magic == MAGIC_MAKING)
		return STATE_UNMADE; /* its creator died */
	if (header.magic != MAGIC_READY)
		return -CHANNEL_EFOREIGN;
	if ((size_t)got < sizeof(header))
		return -CHANNEL_EDAMAGED;
	if (header.layout_version != LAYOUT_VERSION) {
		snprintf(report->theirs, sizeof(report->theirs), "layout %u",
			 header.layout_version);
		snprintf(report->ours, sizeof(report->ours), "layout %u", LAYOUT_VERSION);
		return -CHANNEL_EVERSION;
	}
	_Static_assert(offsetof(struct header, fences) == 12 &&
			       offsetof(struct header, capacity) == 64 && CHANNEL_ABI_MAX == 48,
		       "the copy above has the layout of struct header");
	header.abi[CHANNEL_ABI_MAX - 1] = '\0';
	abi_describe(report->ours);
	if (strcmp(header.abi, report->ours) != 0) {
		memcpy(report->theirs, header.abi, sizeof(report->theirs));
		for (char *c = report->theirs; *c != '\0'; c++)
			if (!isascii((unsigned char)*c) || !isprint((unsigned char)*c))
				*c = '?';
		return -CHANNEL_EABI;
	}
	if (!capacity_valid(header.capacity) || header.fences < FENCES_ASYMMETRIC ||
	    header.fences > FENCES_PLAIN ||
	    (uint64_t)bytes != segment->ring_offset + header.capacity)
		return -CHANNEL_EDAMAGED;
	segment->ring.capacity = header.capacity;
	if (!segment->read_only) /* who only looks sleeps on nothing */
		fences_begin(segment, header.fences);
	return STATE_READY;
}

/* ---- mapping ---- */

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
	/* A forked child must not unlock, or die holding, what is ours. */
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

/* What making needs and what there is, for the message if it fails. */
static int space_check(struct segment *segment, struct channel_report *report)
{
	struct statvfs space;

	report->needed_bytes = segment->ring_offset + segment->ring.capacity;
	if (fstatvfs(segment->fd, &space) != 0 || space.f_blocks == 0)
		return 0; /* a file system without a limit, or none that it tells */
	report->free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	/* Do not even try: it could take all there is before it fails. */
	return report->needed_bytes > report->free_bytes ? -ENOSPC : 0;
}

/* ENOSPC or EFBIG now, instead of SIGBUS later. */
static int object_reserve(struct segment *segment, const struct deadline *deadline)
{
	uint64_t bytes = segment->ring_offset + segment->ring.capacity;
	int rc;

	if ((uint64_t)(off_t)bytes != bytes)
		return -EFBIG;
	do {
		rc = posix_fallocate(segment->fd, 0, (off_t)bytes);
	} while (rc == EINTR && deadline_passed(deadline) == 0);
	return -rc;
}

static int locks_init(struct locks *locks, const pthread_mutexattr_t *attr)
{
	int rc = pthread_mutex_init(&locks->side.mutex, attr);

	for (unsigned i = 0; rc == 0 && i < SLOT_COUNT; i++)
		rc = pthread_mutex_init(&locks->alive[i].mutex, attr);
	return rc;
}

/* The object is new and all zero: only what is not 0 is written. */
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
	/* A group that waits for nobody: the first that comes takes its place. */
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
	/* Everything else is there before the magic says so. Pairs with flock. */
	atomic_store_explicit(&shared->header.magic, MAGIC_READY, memory_order_release);
	return 0;
}

/*
 * Makes a channel of an object that nobody else uses: we hold the flock and it is empty or
 * its creator died. The mark comes before the size, so that whoever finds it half made can
 * tell it from a stranger's file.
 */
static int segment_make(struct segment *segment, const struct channel_options *options,
			const struct deadline *deadline, struct channel_report *report)
{
	const uint64_t making = MAGIC_MAKING;
	struct stat status;
	int rc;

	segment->ring.capacity = channel_size_rounded(options->size);
	/* What another creator began has its mode; a second name means it is no object of ours. */
	if (fstat(segment->fd, &status) != 0)
		return -errno;
	if (status.st_nlink != 1)
		return -CHANNEL_EFOREIGN;
	if ((status.st_mode & 07777) != options->mode && fchmod(segment->fd, options->mode) != 0)
		return -errno;
	rc = ftruncate(segment->fd, 0) != 0 ? -errno : space_check(segment, report);
	/* Under a limit on the size of files the first part may fit: then the second says why. */
	for (size_t done = 0; rc == 0 && done < sizeof(making);) {
		ssize_t put = pwrite(segment->fd, (const char *)&making + done,
				     sizeof(making) - done, (off_t)done);

		if (put > 0)
			done += (size_t)put;
		else if (put == 0 || errno != EINTR)
			rc = put == 0 ? -ENOSPC : -errno;
	}
	if (rc == 0)
		rc = object_reserve(segment, deadline);
	if (rc == 0)
		rc = segment_map(segment);
	if (rc == 0)
		rc = shared_init(segment, options->first_position);
	if (rc < 0) {
		segment_unmap(segment);
		if (ftruncate(segment->fd, 0) == 0)
			segment_remove(segment);
	}
	return rc;
}

static void segment_begin(struct segment *segment, const struct channel_options *options)
{
	memset(segment, 0, sizeof(*segment));
	snprintf(segment->name, sizeof(segment->name), "/shm-channel.%lu.%s",
		 (unsigned long)options->owner, options->name);
	segment->ring_offset = round_up(sizeof(struct shared_buffer), page_size());
}

/* Is it a file, and of the right owner? */
static int object_check(const struct segment *segment, const struct channel_options *options,
			struct stat *status, struct channel_report *report)
{
	if (fstat(segment->fd, status) != 0)
		return -errno;
	if (!S_ISREG(status->st_mode))
		return -CHANNEL_EFOREIGN;
	if (status->st_uid != options->owner) {
		report->owner = status->st_uid;
		return -CHANNEL_EOWNER;
	}
	return 0;
}

int segment_state(int fd, uint64_t *ring_offset, uint64_t *capacity, struct channel_report *report)
{
	struct segment segment = { .fd = fd, .read_only = true };
	struct stat status;
	int rc;

	if (fstat(fd, &status) != 0)
		return -errno;
	segment.ring_offset = round_up(sizeof(struct shared_buffer), page_size());
	rc = object_state(&segment, status.st_size, report);
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
		rc = object_state(segment, status.st_size, report);
	if (rc == STATE_UNMADE || (rc == STATE_READY && status.st_nlink == 0))
		rc = -ENOENT;
	else if (rc == STATE_READY)
		rc = segment_map(segment);
	if (rc < 0) {
		close(segment->fd);
		return rc;
	}
	/* Everything else was there before the magic said so: we have no flock that tells. */
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

int segment_open(struct segment *segment, const struct channel_options *options,
		 const struct deadline *deadline, struct channel_report *report)
{
	struct stat status;
	int rc;

	segment_begin(segment, options);
	for (;;) {
		rc = deadline_passed(deadline);
		if (rc == 0)
			rc = object_open(segment, options, report);
		if (rc == -EEXIST)
			continue;
		if (rc < 0)
			return rc;
		rc = object_check(segment, options, &status, report);
		if (rc == 0) {
			rc = segment_lock(segment, deadline);
			report->lock_taken = rc == -ETIMEDOUT || rc == -EAGAIN;
		}
		if (rc == 0 && fstat(segment->fd, &status) != 0)
			rc = -errno;
		if (rc == 0 && status.st_nlink == 0) {
			close(segment->fd); /* removed while we waited for the flock */
			continue;
		}
		break;
	}
	if (rc == 0)
		rc = object_state(segment, status.st_size, report);
	if (rc == STATE_UNMADE && (options->never_create || options->owner != geteuid()))
		rc = -ENOENT; /* what nobody has made yet does not exist */
	else if (rc == STATE_UNMADE)
		rc = segment_make(segment, options, deadline, report);
	else if (rc == STATE_READY)
		rc = segment_map(segment);
	if (rc < 0) {
		if (report->lock_taken) { /* the pid is in the header, if there is one */
			uint32_t keeper = 0;

			if (pread(segment->fd, &keeper, sizeof(keeper),
				  offsetof(struct header, keeper)) == sizeof(keeper))
				report->holder = (pid_t)keeper;
		}
		close(segment->fd);
		return rc;
	}
	atomic_store(&segment->shared->header.keeper, (uint32_t)getpid());
	return 0;
}

int segment_check(const struct segment *segment)
{
	struct stat status;

	if (fstat(segment->fd, &status) != 0)
		return -errno;
	if (status.st_nlink == 0)
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

/* The object that the name means now. */
static int segment_stat_name(const struct segment *segment, struct stat *status)
{
	char path[sizeof("/dev/shm") + SEGMENT_NAME_MAX];
	int rc = 0;
	int fd = shm_open(segment->name, O_RDONLY, 0);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		snprintf(path, sizeof(path), "/dev/shm%s", segment->name);
		return lstat(path, status) == 0 ? 0 : -errno;
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, status) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int segment_remove(struct segment *segment)
{
	struct stat ours, named = { 0 };
	int rc = segment_stat_name(segment, &named);

	if (rc < 0)
		return rc;
	if (fstat(segment->fd, &ours) != 0)
		rc = -errno;
	else if (ours.st_nlink != 1 || ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		rc = -EBUSY;
	else if (shm_unlink(segment->name) != 0)
		rc = -errno;
	return rc;
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

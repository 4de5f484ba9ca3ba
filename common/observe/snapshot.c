#include "observe/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/life.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/events.h"
#include "channel/group.h"
#include "channel/mark.h"
#include "channel/owner.h"
#include "channel/ring.h"
#include "channel/segment.h"
#include "channel/turn.h"
#include "channel/validate.h"
#include "observe/snapshot_count.h"
#include "shared_buffer.h"

enum { COPY_TRIES = 8 };

_Static_assert((int)SNAPSHOT_ENDPOINTS_MAX == 2 * SLOT_COUNT &&
		       (int)SNAPSHOT_GROUPS_MAX == GROUP_COUNT,
	       "a snapshot holds all there can be");

/* ---- endpoints and groups, out of the copy ---- */

/* True if the bit of this slot is set. */
static bool bit_of(uint64_t bits, unsigned slot)
{
	return (bits >> slot & 1) != 0;
}

static enum channel_wait producer_wait(const struct shared_buffer *copy, unsigned slot)
{
	const struct producers *producers = &copy->producers;

	if (bit_of(atomic_load(&producers->waiting_turn), slot))
		return CHANNEL_WAITS_TURN;
	if (bit_of(atomic_load(&producers->waiting_ack), slot))
		return CHANNEL_WAITS_ACKNOWLEDGED;
	if (bit_of(atomic_load(&producers->waiting_consumers), slot))
		return CHANNEL_WAITS_CONSUMERS;
	if (atomic_load(&producers->turn) == slot + 1 && room_missing(copy) != 0)
		return CHANNEL_WAITS_ROOM;
	return CHANNEL_WAITS_NOT;
}

static enum channel_wait consumer_wait(const struct consumers *consumers, unsigned slot)
{
	if (bit_of(atomic_load(&consumers->waiting_data), slot))
		return CHANNEL_WAITS_DATA;
	return bit_of(atomic_load(&consumers->waiting_piece), slot) ? CHANNEL_WAITS_PIECE
								    : CHANNEL_WAITS_NOT;
}

static void endpoint_read(struct snapshot_endpoint *endpoint, const struct slot *slot)
{
	struct life_hint hint = { .pid = atomic_load(&slot->pid),
				  .tid = atomic_load(&slot->tid),
				  .since = atomic_load(&slot->since),
				  .namespaces = atomic_load(&slot->namespaces) };
	uint64_t now = life_now_ns();

	endpoint->pid = (pid_t)hint.pid;
	endpoint->tid = (pid_t)hint.tid;
	endpoint->life = life_of(&hint, life_namespaces());
	endpoint->attached_ns = hint.since < now ? now - hint.since : 0;
	endpoint->messages = atomic_load(&slot->messages);
	endpoint->bytes = atomic_load(&slot->bytes);
	endpoint->dropped = atomic_load(&slot->dropped);
	endpoint->group = SNAPSHOT_NO_GROUP;
}

static struct snapshot_endpoint *endpoint_add(struct snapshot *snapshot, enum channel_role role,
					      unsigned slot, const struct slot *from)
{
	struct snapshot_endpoint *endpoint = &snapshot->endpoints[snapshot->endpoint_count++];

	memset(endpoint, 0, sizeof(*endpoint));
	endpoint_read(endpoint, from);
	endpoint->role = role;
	endpoint->slot = slot;
	return endpoint;
}

static void producers_read(struct snapshot *snapshot, const struct shared_buffer *copy)
{
	const struct producers *producers = &copy->producers;
	uint64_t attached = atomic_load(&producers->side.attached);

	for (; attached != 0; attached &= attached - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(attached);
		struct snapshot_endpoint *endpoint = endpoint_add(snapshot, CHANNEL_PRODUCER, slot,
								  &producers->side.slots[slot]);

		endpoint->waits = producer_wait(copy, slot);
		endpoint->has_turn = atomic_load(&producers->turn) == slot + 1;
		endpoint->is_inside =
			endpoint->has_turn && (mark_open(&producers->marks[0]) == slot + 1 ||
					       mark_open(&producers->marks[1]) == slot + 1);
		snapshot->attached[CHANNEL_PRODUCER]++;
		snapshot->alive[CHANNEL_PRODUCER] += endpoint->life != LIFE_DEAD;
	}
}

/*
 * Returns the position of the first record that the consumer in this slot has in hand; 0: none. A
 * consumer has one claim at most.
 */
static uint64_t hand_at(const struct consumers *consumers, unsigned slot)
{
	for (unsigned i = 0; i < GROUP_COUNT; i++)
		for (uint64_t used = claims_in_use(&consumers->groups[i]); used != 0;
		     used &= used - 1) {
			const struct claim *claim =
				&consumers->groups[i].claims[__builtin_ctzll(used)];

			if (claim_owner(claim) == slot + 1)
				return claim_record(claim);
		}
	return 0;
}

static void consumers_read(struct snapshot *snapshot, const struct consumers *consumers,
			   const struct snapshot_counts *counts, const int *group_at)
{
	uint64_t attached = atomic_load(&consumers->side.attached);

	for (; attached != 0; attached &= attached - 1) {
		unsigned slot = (unsigned)__builtin_ctzll(attached);
		struct snapshot_endpoint *endpoint = endpoint_add(snapshot, CHANNEL_CONSUMER, slot,
								  &consumers->side.slots[slot]);

		endpoint->waits = consumer_wait(consumers, slot);
		endpoint->in_hand =
			counts->endpoint[slot] > 0 ? (uint64_t)counts->endpoint[slot] : 0;
		endpoint->hand_at = hand_at(consumers, slot);
		endpoint->attempts = counts->attempts[slot];
		endpoint->failures = counts->failures[slot];
		for (unsigned i = 0; i < GROUP_COUNT; i++)
			if (group_at[i] != SNAPSHOT_NO_GROUP &&
			    bit_of(atomic_load(&consumers->groups[i].members), slot))
				endpoint->group = group_at[i];
		if (endpoint->group == SNAPSHOT_NO_GROUP) {
			snapshot->observers++;
			continue;
		}
		snapshot->attached[CHANNEL_CONSUMER]++;
		snapshot->groups[endpoint->group].consumers++;
		if (endpoint->life != LIFE_DEAD) {
			snapshot->alive[CHANNEL_CONSUMER]++;
			snapshot->groups[endpoint->group].alive++;
		}
	}
}

static uint64_t not_negative(int64_t count)
{
	return count > 0 ? (uint64_t)count : 0;
}

static void group_read(struct snapshot *snapshot, const struct shared_buffer *copy, unsigned index,
		       const struct snapshot_counts *counts)
{
	const struct group *from = &copy->consumers.groups[index];
	struct snapshot_group *group = &snapshot->groups[snapshot->group_count++];

	memset(group, 0, sizeof(*group));
	_Static_assert((int)GROUP_NAME_SIZE == (int)CHANNEL_GROUP_MAX + 1, "a name with its NUL");
	group_name(from, group->name);
	group->durable = group_durable(from);
	group->open = group_life(from) == GROUP_OPEN;
	group->slowest = claims_need(from) == counts->needed;
	group->untold = atomic_load(&from->empty_end) != 0 ||
			events_differ(atomic_load(&copy->producers.events),
				      atomic_load(&from->told), EVENTS_DEATHS | EVENTS_ENDS);
	group->messages = not_negative(counts->messages[index]);
	group->in_hand = not_negative(counts->in_hand[index]);
	group->orphans = not_negative(counts->orphans[index]);
	group->dropped = atomic_load(&from->dropped);
	group->redelivered = atomic_load(&from->redelivered);
	if (group->messages > snapshot->messages)
		snapshot->messages = group->messages;
}

static void sides_read(struct snapshot *snapshot, const struct snapshot_source *source,
		       const struct snapshot_counts *counts)
{
	const struct shared_buffer *copy = source->copy;
	const struct producers *producers = &copy->producers;
	const struct consumers *consumers = &copy->consumers;
	uint64_t events = atomic_load(&producers->events);
	uint64_t sequence = snapshot_sequence(source);
	int group_at[GROUP_COUNT];

	for (unsigned i = 0; i < GROUP_COUNT; i++) {
		group_at[i] = SNAPSHOT_NO_GROUP;
		if (group_life(&consumers->groups[i]) == GROUP_FREE)
			continue;
		group_at[i] = (int)snapshot->group_count;
		group_read(snapshot, copy, i, counts);
	}
	producers_read(snapshot, copy);
	consumers_read(snapshot, consumers, counts, group_at);
	snapshot->bytes = counts->bytes;
	snapshot->received = atomic_load(&producers->tail);
	snapshot->freed = counts->needed;
	snapshot->used = snapshot->received - snapshot->freed;
	if (snapshot->used > snapshot->capacity) /* it changed while it was read, each time */
		snapshot->used = snapshot->capacity;
	snapshot->sent = sequence > 0 ? sequence - 1 : 0;
	snapshot->deaths = (events & EVENTS_DEATHS) / EVENT_DEATH;
	snapshot->ends = (events & EVENTS_ENDS) / EVENT_END;
	snapshot->recovered[CHANNEL_PRODUCER] = atomic_load(&producers->side.recovered);
	snapshot->recovered[CHANNEL_CONSUMER] = atomic_load(&consumers->side.recovered);
	snapshot->locked_by[CHANNEL_PRODUCER] = (pid_t)atomic_load(&producers->side.holder);
	snapshot->locked_by[CHANNEL_CONSUMER] = (pid_t)atomic_load(&consumers->side.holder);
	snapshot->room_wanted = room_missing(copy) != 0;
	snapshot->wanted = atomic_load(&producers->room_wanted) & ~UINT64_C(1);
}

/* ---- the copy ---- */

/*
 * Copies both sides out of the object. The consumers' side is read first: then head is not beyond
 * tail, unless the channel is damaged. The pages of the mutexes are left out, as nothing here looks
 * into a mutex. False if the object is too short.
 */
static bool sides_copy(const struct snapshot_source *source)
{
	const size_t consumers = offsetof(struct shared_buffer, consumers.head);
	const size_t producers = offsetof(struct shared_buffer, producers.tail);
	char *copy = (char *)source->copy;

	return snapshot_pread(source->fd, copy + consumers, sizeof(*source->copy) - consumers,
			      consumers) &&
	       snapshot_pread(source->fd, copy + producers,
			      offsetof(struct shared_buffer, consumers) - producers, producers);
}

/* Repairs the copy (snapshot_repair()), then checks its invariants. */
static bool copy_valid(const struct snapshot_source *source)
{
	const struct ring ring = { .capacity = source->capacity };

	snapshot_repair(source->copy);
	return ring_valid(&ring, source->copy);
}

/*
 * Copies the sides and counts the messages, several times if endpoints change the channel
 * meanwhile; estimates in the end. Returns 0, or -CHANNEL_EDAMAGED if the copy makes no sense
 * although head and tail stand still.
 */
static int channel_count(struct snapshot *snapshot, const struct snapshot_source *source,
			 struct snapshot_counts *counts)
{
	uint64_t tail = 0, head = 0;
	bool bad = false;

	for (int tries = 0; tries < COPY_TRIES; tries++) {
		enum snapshot_count result = SNAPSHOT_BAD;
		bool still;

		if (!sides_copy(source))
			return -CHANNEL_EDAMAGED;
		still = tries > 0 && tail == atomic_load(&source->copy->producers.tail) &&
			head == atomic_load(&source->copy->consumers.head);
		tail = atomic_load(&source->copy->producers.tail);
		head = atomic_load(&source->copy->consumers.head);
		if (copy_valid(source))
			result = snapshot_count(source, counts);
		if (result == SNAPSHOT_COUNTED)
			return 0;
		if (result == SNAPSHOT_TOO_MANY)
			break;
		bad = result == SNAPSHOT_BAD && still;
		if (tries > COPY_TRIES / 2) { /* give endpoints time to finish what they do */
			struct timespec pause = { .tv_nsec = 1000000 };

			nanosleep(&pause, NULL);
		}
	}
	if (bad)
		return -CHANNEL_EDAMAGED;
	snapshot->estimated = true;
	snapshot_estimate(source, counts);
	return 0;
}

/* Reads the channel whose ring begins at this offset in bytes. 0, -CHANNEL_EDAMAGED or -ENOMEM. */
static int channel_read(struct snapshot *snapshot, int fd, uint64_t ring_offset)
{
	struct snapshot_source source = { .fd = fd,
					  .ring_offset = ring_offset,
					  .capacity = snapshot->capacity };
	struct snapshot_counts *counts = calloc(1, sizeof(*counts));
	struct header header;
	int rc = -ENOMEM;

	/* The struct is page-aligned, as its mutexes are. */
	source.copy = aligned_alloc(_Alignof(struct shared_buffer), sizeof(*source.copy));
	if (source.copy != NULL && counts != NULL) {
		memset(source.copy, 0, sizeof(*source.copy));
		rc = snapshot_pread(fd, &header, sizeof(header), 0) ? 0 : -CHANNEL_EDAMAGED;
	}
	if (rc == 0)
		rc = channel_count(snapshot, &source, counts);
	if (rc == 0) {
		uint64_t now;
		struct timespec clock;

		clock_gettime(CLOCK_REALTIME, &clock);
		now = (uint64_t)clock.tv_sec * NS_PER_SEC + (uint64_t)clock.tv_nsec;
		snapshot->made_ns = header.epoch;
		snapshot->age_ns = header.epoch < now ? now - header.epoch : 0;
		snapshot->keeper = (pid_t)atomic_load(&header.keeper);
		snapshot->largest = ring_message_max(snapshot->capacity);
		sides_read(snapshot, &source, counts);
	}
	free(source.copy);
	free(counts);
	return rc;
}

/* ---- the object ---- */

static enum snapshot_kind kind_of(int error)
{
	switch (-error) {
	case 0:
		return SNAPSHOT_CHANNEL;
	case CHANNEL_EREMOVED:
		return SNAPSHOT_REMOVED;
	case CHANNEL_ELINKED:
		return SNAPSHOT_LINKED;
	case CHANNEL_EFOREIGN:
		return SNAPSHOT_FOREIGN;
	case CHANNEL_EDAMAGED:
		return SNAPSHOT_DAMAGED;
	case CHANNEL_EVERSION:
	case CHANNEL_EABI:
		return SNAPSHOT_OTHER_BUILD;
	case CHANNEL_EOWNER:
		return SNAPSHOT_OTHER_OWNER;
	default:
		return SNAPSHOT_UNREADABLE;
	}
}

static void snapshot_begin(struct snapshot *snapshot, const char *name)
{
	memset(snapshot, 0, offsetof(struct snapshot, endpoints));
	snprintf(snapshot->name, sizeof(snapshot->name), "%s", name);
}

static void snapshot_stat(struct snapshot *snapshot, const struct stat *status)
{
	snapshot->owner = status->st_uid;
	snapshot->mode = status->st_mode & 07777;
	snapshot->folder = S_ISDIR(status->st_mode);
	snapshot->object_bytes = (uint64_t)status->st_size;
	snapshot->device = (uint64_t)status->st_dev;
	snapshot->inode = (uint64_t)status->st_ino;
	/* For an object that is not a channel, and so does not say when it was made. */
	snapshot->made_ns = (uint64_t)status->st_mtim.tv_sec * NS_PER_SEC;
}

int snapshot_read_fd(struct snapshot *snapshot, int fd, const char *name, uid_t owner)
{
	struct channel_report report = { 0 };
	uint64_t ring_offset = 0;
	struct stat status;
	int rc = 0;

	snapshot_begin(snapshot, name);
	if (fstat(fd, &status) != 0)
		return -errno;
	snapshot_stat(snapshot, &status);
	if (!owner_is(fd, &status, owner))
		rc = -CHANNEL_EOWNER;
	else if (!S_ISREG(status.st_mode))
		rc = -CHANNEL_EFOREIGN;
	else
		rc = segment_state(fd, &ring_offset, &snapshot->capacity, &report);
	memcpy(snapshot->theirs, report.theirs, sizeof(snapshot->theirs));
	memcpy(snapshot->ours, report.ours, sizeof(snapshot->ours));
	if (rc == 0)
		rc = channel_read(snapshot, fd, ring_offset);
	if (rc == -ENOMEM)
		return rc;
	snapshot->error = rc;
	snapshot->kind = kind_of(rc);
	return 0;
}

/* Writes the path of the channel's object: OBJECT_FOLDER, then the name with its slash. */
static void object_path(char path[sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX], const char *name,
			uid_t owner)
{
	char object[SEGMENT_NAME_MAX];

	owner_object_name(object, owner, name);
	snprintf(path, sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX, OBJECT_FOLDER "%s", object);
}

/* The object could not be opened (errno was `error`): fills in what lstat() says of it. */
static int snapshot_read_closed(struct snapshot *snapshot, const char *name, uid_t owner, int error)
{
	char path[sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX];
	struct stat status;

	snapshot_begin(snapshot, name);
	object_path(path, name, owner);
	snapshot->error = -error;
	if (lstat(path, &status) == 0) {
		snapshot_stat(snapshot, &status);
		if (!owner_seems(&status, owner))
			snapshot->error = -CHANNEL_EOWNER;
		else if (!S_ISREG(status.st_mode))
			snapshot->error = -CHANNEL_EFOREIGN;
	} else if (errno == ENOENT) {
		return segment_missing();
	}
	snapshot->kind = kind_of(snapshot->error);
	return 0;
}

int snapshot_read(struct snapshot *snapshot, const char *name, uid_t owner)
{
	char path[sizeof(OBJECT_FOLDER) + SEGMENT_NAME_MAX];
	int fd, rc;

	if (!channel_name_valid(name))
		return -CHANNEL_ENAME;
	object_path(path, name, owner);
	/* The object's name is what follows the folder in its path. */
	fd = shm_open(path + strlen(OBJECT_FOLDER), O_RDONLY | O_NONBLOCK,
		      0); /* opening a FIFO would wait */
	if (fd < 0)
		return errno == ENOENT ? segment_missing()
				       : snapshot_read_closed(snapshot, name, owner, errno);
	rc = snapshot_read_fd(snapshot, fd, name, owner);
	close(fd);
	return rc;
}

const struct snapshot_endpoint *snapshot_endpoint(const struct snapshot *snapshot,
						  enum channel_role role, unsigned slot)
{
	for (unsigned i = 0; i < snapshot->endpoint_count; i++)
		if (snapshot->endpoints[i].role == role && snapshot->endpoints[i].slot == slot)
			return &snapshot->endpoints[i];
	return NULL;
}

/* ---- the state in words ---- */

/* True if this side has endpoints that are not dead, and all of these are stopped. */
static bool side_stopped(const struct snapshot *snapshot, enum channel_role role)
{
	bool stopped = false;

	for (unsigned i = 0; i < snapshot->endpoint_count; i++) {
		const struct snapshot_endpoint *endpoint = &snapshot->endpoints[i];

		if (endpoint->role != role || endpoint->life == LIFE_DEAD ||
		    (role == CHANNEL_CONSUMER && endpoint->group == SNAPSHOT_NO_GROUP))
			continue;
		if (endpoint->life != LIFE_STOPPED)
			return false;
		stopped = true;
	}
	return stopped;
}

static const char *channel_state(const struct snapshot *snapshot)
{
	bool producers = snapshot->alive[CHANNEL_PRODUCER] > 0;
	bool consumers = snapshot->alive[CHANNEL_CONSUMER] > 0;

	if (!producers && !consumers)
		return snapshot->messages > 0 ? "abandoned" : "empty";
	if (!consumers)
		return snapshot->room_wanted ? "full" : "no consumers";
	if (snapshot->messages > 0 && side_stopped(snapshot, CHANNEL_CONSUMER))
		return "stopped";
	if (snapshot->room_wanted)
		return "full";
	if (!producers)
		return snapshot->messages > 0 ? "draining" : "no producers";
	return snapshot->messages > 0 ? "flowing" : "idle";
}

const char *snapshot_state(const struct snapshot *snapshot)
{
	switch (snapshot->kind) {
	case SNAPSHOT_REMOVED:
		return "removed";
	case SNAPSHOT_LINKED:
		return "linked";
	case SNAPSHOT_FOREIGN:
		return "no channel";
	case SNAPSHOT_DAMAGED:
		return "damaged";
	case SNAPSHOT_OTHER_BUILD:
		return snapshot->error == -CHANNEL_EVERSION ? "other version" : "other build";
	case SNAPSHOT_OTHER_OWNER:
		return "not yours";
	case SNAPSHOT_UNREADABLE:
		return "unreadable";
	case SNAPSHOT_CHANNEL:
		break;
	}
	return channel_state(snapshot);
}

/* ---- the list of all channels ---- */

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns the channel's name if `file` is `prefix` and a valid name; NULL if not. */
static const char *name_of(const char *file, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(file, prefix, size) == 0 && channel_name_valid(file + size) ? file + size
										   : NULL;
}

static int name_add(char ***names, size_t *count, const char *name)
{
	char **more = realloc(*names, (*count + 1) * sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	*names = more;
	more[*count] = strdup(name);
	if (more[*count] == NULL)
		return -ENOMEM;
	++*count;
	return 0;
}

int snapshot_names(uid_t owner, char ***names, size_t *count)
{
	DIR *folder = opendir(OBJECT_FOLDER);
	const struct dirent *entry;
	char prefix[SEGMENT_NAME_MAX];
	int rc = 0;

	owner_object_name(prefix, owner, "");
	*names = NULL;
	*count = 0;
	if (folder == NULL)
		return -errno;
	while (rc == 0 && (entry = readdir(folder)) != NULL) {
		const char *name = name_of(entry->d_name, prefix + 1);

		if (name != NULL)
			rc = name_add(names, count, name);
	}
	closedir(folder);
	if (rc < 0) {
		snapshot_names_free(*names, *count);
		*names = NULL;
		*count = 0;
		return rc;
	}
	if (*count > 0)
		qsort(*names, *count, sizeof(**names), name_compare);
	return 0;
}

void snapshot_names_free(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

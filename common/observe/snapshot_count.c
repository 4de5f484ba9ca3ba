#include "observe/snapshot_count.h"

#include <unistd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/claim.h"
#include "channel/group.h"
#include "channel/mark.h"
#include "channel/ring.h"
#include "shared_buffer.h"

enum {
	/* two for each group, `next` and tail, and two for each claim: its begin and end */
	POINTS_MAX = GROUP_COUNT * (2 + 2 * SLOT_COUNT),
	WINDOW = 65536,	     /* bytes to read at a time if records are small, ... */
	WINDOW_SMALL = 256,  /* ... and if they are large, to skip what is not a header */
	RECORD_LARGE = 4096, /* from this size in bytes a record is large */
	TARGETS = 3
};

/*
 * How much one count may cost, in bytes read; a system call counts as RECORD_LARGE bytes. It takes
 * a fraction of a second.
 */
#define COST_MAX (UINT64_C(1) << 30)

/*
 * A place where something that is counted begins or ends: at message `index` of the record
 * `distance` bytes after walk->begin. When the walk comes there, `sign` times the number of
 * messages before the place is added to each target. So a begin (-1) and an end (1) add up to the
 * number of messages in between.
 */
struct point {
	uint64_t distance;
	uint32_t index;
	int sign;
	int64_t *targets[TARGETS]; /* counters; NULL: none */
};

/* One walk over the records from `begin` to `end`. */
struct walk {
	const struct snapshot_source *source;
	struct snapshot_counts *counts;
	struct point points[POINTS_MAX];
	size_t point_count, point_next;
	uint64_t begin, end;	     /* positions */
	struct cursor first;	     /* the first message of the record at `begin` that is needed */
	uint64_t window, window_end; /* positions: what is in bytes[] */
	uint64_t cost;		     /* so far; see COST_MAX */
	int64_t messages;	     /* so far */
	unsigned char bytes[WINDOW];
};

bool snapshot_pread(int fd, void *bytes, uint64_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t got = pread(fd, bytes, (size_t)size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false; /* the object was truncated */
		bytes = (char *)bytes + got;
		size -= (uint64_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

/* ---- the points ---- */

static void point_add(struct walk *walk, struct cursor cursor, int sign, int64_t *const *targets)
{
	struct point *point = &walk->points[walk->point_count++];

	*point = (struct point){ .distance = cursor.record - walk->begin,
				 .index = cursor.index,
				 .sign = sign };
	memcpy(point->targets, targets, sizeof(point->targets));
}

static void claim_points(struct walk *walk, unsigned index, const struct claim *claim)
{
	struct snapshot_counts *counts = walk->counts;
	struct claim_state state = claim_read(claim);
	unsigned owner = claim_owner(claim);
	bool orphan = owner == OWNER_NONE;
	int64_t *targets[TARGETS] = { &counts->messages[index],
				      orphan ? &counts->orphans[index] : &counts->in_hand[index],
				      orphan ? NULL : &counts->endpoint[owner - 1] };

	point_add(walk, state.begin, -1, targets);
	point_add(walk, state.end, 1, targets);
	/*
	 * CLAIM_PART: the message's first piece, which has the message in its count, is freed, so
	 * the walk will not count it.
	 */
	for (int i = 0; i < TARGETS && (state.flags & CLAIM_PART) != 0; i++)
		if (targets[i] != NULL)
			++*targets[i];
	if (orphan)
		return;
	if (claim_attempts(claim) > counts->attempts[owner - 1])
		counts->attempts[owner - 1] = claim_attempts(claim);
	if (claim_failures(claim) > counts->failures[owner - 1])
		counts->failures[owner - 1] = claim_failures(claim);
}

static void group_points(struct walk *walk, unsigned index)
{
	const struct group *group = &walk->source->copy->consumers.groups[index];
	int64_t *targets[TARGETS] = { &walk->counts->messages[index] };

	point_add(walk, next_read(group), -1, targets);
	point_add(walk, cursor_at(walk->end), 1, targets);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		unsigned owner = claim_owner(&group->claims[i]);

		if (owner != OWNER_FREE && (owner <= SLOT_COUNT || owner == OWNER_NONE))
			claim_points(walk, index, &group->claims[i]);
	}
}

static int point_compare(const void *a, const void *b)
{
	uint64_t first = ((const struct point *)a)->distance;
	uint64_t second = ((const struct point *)b)->distance;

	return (first > second) - (first < second);
}

/* ---- the records ---- */

static bool ring_pread(const struct snapshot_source *source, uint64_t position, void *bytes,
		       uint64_t size)
{
	uint64_t at = position & (source->capacity - 1);
	uint64_t first = size < source->capacity - at ? size : source->capacity - at;

	return snapshot_pread(source->fd, bytes, first, source->ring_offset + at) &&
	       snapshot_pread(source->fd, (char *)bytes + first, size - first, source->ring_offset);
}

/*
 * Reads the header at this position through the window, and checks it. The record before it took
 * `before` bytes of ring; this one is taken to be about as large.
 */
static bool header_get(struct walk *walk, uint64_t position, uint64_t before, struct record *header)
{
	uint64_t size = before < RECORD_LARGE ? WINDOW : WINDOW_SMALL;
	uint64_t left = walk->end - position;

	if (left < sizeof(*header))
		return false;
	if (walk->window_end == walk->window || position_before(position, walk->window) ||
	    position_before(walk->window_end, position + sizeof(*header))) {
		size = size < left ? size : left;
		if (!ring_pread(walk->source, position, walk->bytes, size))
			return false;
		walk->window = position;
		walk->window_end = position + size;
		walk->cost += size + RECORD_LARGE;
	}
	memcpy(header, walk->bytes + (position - walk->window), sizeof(*header));
	return header->check == record_check(position) && ring_record_bytes(header->size) <= left &&
	       record_valid(header);
}

/*
 * Adds up at all points that lie in the record at this distance, which has so many messages. Called
 * once more at the end of the walk, with 0. False if a point is not where a record begins, or
 * beyond the record's messages: damage.
 */
static bool points_pass(struct walk *walk, uint64_t distance, uint32_t messages)
{
	while (walk->point_next < walk->point_count) {
		const struct point *point = &walk->points[walk->point_next];

		if (point->distance != distance)
			return point->distance > distance;
		if (point->index > messages)
			return false;
		for (int i = 0; i < TARGETS; i++)
			if (point->targets[i] != NULL)
				*point->targets[i] +=
					point->sign * (walk->messages + (int64_t)point->index);
		walk->point_next++;
	}
	return true;
}

/*
 * True if no producer can have begun to overwrite what was read, from walk->begin on: by the same
 * reasoning as in view_intact(), but read from the object.
 */
static bool still_needed(const struct walk *walk)
{
	uint64_t head, frontier;
	int fd = walk->source->fd;

	return snapshot_pread(fd, &frontier, sizeof(frontier),
			      offsetof(struct shared_buffer, producers.frontier)) &&
	       snapshot_pread(fd, &head, sizeof(head),
			      offsetof(struct shared_buffer, consumers.head)) &&
	       (!position_before(walk->begin, head) ||
		!position_before(walk->begin + walk->source->capacity, frontier));
}

/* Returns how many bytes of messages in this record a group needs, without key and delimiters. */
static uint64_t bytes_needed(const struct walk *walk, uint64_t position,
			     const struct record *record)
{
	uint64_t bytes = record_body_size(record), delimiters;
	uint32_t messages = record->messages;

	if (position == walk->first.record) { /* a part of a block may be acknowledged */
		bytes -= walk->first.offset < bytes ? walk->first.offset : bytes;
		messages -= walk->first.index < messages ? walk->first.index : messages;
	}
	delimiters = (uint64_t)messages * record->delimiter_size;
	return bytes > delimiters ? bytes - delimiters : 0;
}

/* Walks over all records, and counts. */
static enum snapshot_count walk_records(struct walk *walk)
{
	uint64_t before = 0;
	bool good = true;

	for (uint64_t position = walk->begin; good && position != walk->end; position += before) {
		struct record record;

		good = header_get(walk, position, before, &record) &&
		       points_pass(walk, position - walk->begin, record.messages);
		if (!good)
			break;
		walk->messages += record.messages;
		walk->counts->bytes += bytes_needed(walk, position, &record);
		before = ring_record_bytes(record.size);
		if (walk->cost > COST_MAX)
			return SNAPSHOT_TOO_MANY;
	}
	good = good && points_pass(walk, walk->end - walk->begin, 0) &&
	       walk->point_next == walk->point_count;
	if (!still_needed(walk))
		return SNAPSHOT_CHANGED;
	return good ? SNAPSHOT_COUNTED : SNAPSHOT_BAD;
}

/* Sets walk->first to the cursor, if it lies in the first record and before walk->first. */
static void first_lower(struct walk *walk, struct cursor cursor)
{
	if (cursor.record == walk->begin && cursor_before(cursor, walk->first))
		walk->first = cursor;
}

/* Finds the first message of the record at walk->begin that a group needs. */
static void first_find(struct walk *walk)
{
	const struct consumers *consumers = &walk->source->copy->consumers;

	walk->first = cursor_at(walk->end);
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		const struct group *group = &consumers->groups[__builtin_ctz(used)];

		first_lower(walk, next_read(group));
		for (uint64_t claims = claims_in_use(group); claims != 0; claims &= claims - 1) {
			const struct claim *claim = &group->claims[__builtin_ctzll(claims)];
			struct cursor begin = claim_read(claim).begin;

			if (claim_owner(claim) != OWNER_FREE)
				first_lower(walk, claim_record(claim) == begin.record
							  ? begin
							  : cursor_at(claim_record(claim)));
		}
	}
}

/*
 * Returns the lowest position that a group needs. A claim needs only what is not acknowledged, so
 * this may be beyond head.
 */
static uint64_t position_needed(const struct shared_buffer *copy)
{
	int slowest = group_slowest(&copy->consumers);

	return slowest == GROUP_NONE ? atomic_load(&copy->producers.tail)
				     : claims_need(&copy->consumers.groups[slowest]);
}

/* Moves a group's `next` to the end of its last claim: a claim is made before `next` moves. */
static void next_raise(struct group *group)
{
	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		struct claim_state state = claim_read(&group->claims[__builtin_ctzll(used)]);

		if (cursor_before(next_read(group), state.end))
			next_write(group, state.end);
	}
}

void snapshot_repair(struct shared_buffer *copy)
{
	uint32_t used = 0;

	for (unsigned i = 0; i < GROUP_COUNT; i++) {
		claims_repair(&copy->consumers.groups[i]);
		next_raise(&copy->consumers.groups[i]);
		if (group_life(&copy->consumers.groups[i]) != GROUP_FREE)
			used |= UINT32_C(1) << i;
	}
	atomic_store(&copy->consumers.groups_used, used);
}

enum snapshot_count snapshot_count(const struct snapshot_source *source,
				   struct snapshot_counts *counts)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	enum snapshot_count result;

	if (walk == NULL)
		return SNAPSHOT_TOO_MANY;
	memset(counts, 0, sizeof(*counts));
	walk->source = source;
	walk->counts = counts;
	walk->begin = counts->needed = position_needed(source->copy);
	walk->end = atomic_load(&source->copy->producers.tail);
	for (uint32_t used = groups_in_use(&source->copy->consumers); used != 0; used &= used - 1)
		group_points(walk, (unsigned)__builtin_ctz(used));
	first_find(walk);
	qsort(walk->points, walk->point_count, sizeof(walk->points[0]), point_compare);
	result = walk_records(walk);
	free(walk);
	return result;
}

uint64_t snapshot_sequence(const struct snapshot_source *source)
{
	const struct producers *producers = &source->copy->producers;
	uint64_t tail = atomic_load(&producers->tail);

	for (int i = 0; i < 2; i++)
		if (mark_position(&producers->marks[i]) == tail)
			return mark_sequence(&producers->marks[i]);
	return mark_sequence(&producers->marks[0]);
}

void snapshot_estimate(const struct snapshot_source *source, struct snapshot_counts *counts)
{
	const struct consumers *consumers = &source->copy->consumers;
	uint64_t sequence = snapshot_sequence(source);

	memset(counts, 0, sizeof(*counts));
	counts->needed = atomic_load(&consumers->head);
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		unsigned index = (unsigned)__builtin_ctz(used);
		uint64_t expected = atomic_load(&consumers->groups[index].expected);

		if (expected != 0 && position_before(expected, sequence))
			counts->messages[index] = (int64_t)(sequence - expected);
	}
	counts->bytes = atomic_load(&source->copy->producers.tail) - counts->needed;
	if (counts->bytes > source->capacity)
		counts->bytes = source->capacity;
}

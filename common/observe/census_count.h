/*
 * How many messages the groups of a channel have not acknowledged, out of copies: the sides' in
 * memory, the records' headers read from the object. Private to common/.
 */
#ifndef CENSUS_COUNT_H
#define CENSUS_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

/* Where the ring lies in an open object, and a copy of what is before it. */
struct census_source {
	int fd;
	uint64_t ring_offset, capacity;
	struct shared_buffer *copy;
};

enum census_count {
	CENSUS_COUNTED,
	CENSUS_CHANGED, /* others went on meanwhile: copy once more */
	CENSUS_TOO_MANY,
	CENSUS_BAD
};

/* What is counted. Of what a group has in hand, and of the endpoints, only the last. */
struct census_counts {
	int64_t messages[GROUP_COUNT], in_hand[GROUP_COUNT], orphans[GROUP_COUNT];
	int64_t endpoint[SLOT_COUNT];  /* messages in the hands of this consumer, ... */
	uint64_t attempts[SLOT_COUNT]; /* ... how often the worst was handed out, ... */
	uint64_t failures[SLOT_COUNT]; /* ... and how often a try of the worst has failed */
	uint64_t bytes;		       /* of messages, from the oldest that somebody needs on */
	uint64_t needed;	       /* that one's position */
};

/*
 * What a holder's death may have left half done, and a holder is about to do, is done in the copy:
 * see groups_repair(). Before the copy is checked.
 */
void census_repair(struct shared_buffer *copy);

/* The copy has been found valid. */
enum census_count census_count(const struct census_source *source, struct census_counts *counts);

/* From the numbers alone: what is in hand is not known. */
void census_estimate(const struct census_source *source, struct census_counts *counts);

/* The number of the next message that is sent. */
uint64_t census_sequence(const struct census_source *source);

/* Reads all of it, or says no. */
bool census_pread(int fd, void *bytes, uint64_t size, uint64_t offset);

#endif

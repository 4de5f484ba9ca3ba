/*
 * Counts how many messages each group of a channel has not acknowledged. It works on copies: of
 * both sides, which snapshot.c has read into memory, and of the records' headers, which are read from
 * the object here. So no mutex is needed. Private to common/.
 */
#ifndef SNAPSHOT_COUNT_H
#define SNAPSHOT_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared_buffer.h"

/* An open object, where the ring lies in it, and a copy of what lies before the ring. */
struct snapshot_source {
	int fd;				/* open for reading; the caller closes it */
	uint64_t ring_offset, capacity; /* in bytes */
	struct shared_buffer *copy;	/* the caller's; lasts as long as this struct */
};

enum snapshot_count {
	SNAPSHOT_COUNTED,
	SNAPSHOT_CHANGED,  /* a record was overwritten meanwhile: copy the sides once more */
	SNAPSHOT_TOO_MANY, /* counting would take too long, or there is no memory for it */
	SNAPSHOT_BAD	   /* the records or the claims make no sense */
};

/* What is counted: messages, by group and by the consumer that has them in hand. */
struct snapshot_counts {
	int64_t messages[GROUP_COUNT], in_hand[GROUP_COUNT], orphans[GROUP_COUNT];
	int64_t endpoint[SLOT_COUNT];  /* messages in the hands of this slot's consumer, ... */
	uint64_t attempts[SLOT_COUNT]; /* ... the most attempts of a claim of it, ... */
	uint64_t failures[SLOT_COUNT]; /* ... and the most failed tries with one */
	uint64_t bytes;		       /* of messages, from the oldest that a group needs on */
	uint64_t needed;	       /* position of the oldest record that a group needs */
};

/*
 * Completes in the copy what the holder of a mutex had half done: when it was copied, it may have
 * been at work, or dead. Does what groups_repair() does in the channel itself. Call it before the
 * copy is checked.
 */
void snapshot_repair(struct shared_buffer *copy);

/*
 * Counts by reading every record from the oldest that is needed up to tail. The copy must have been
 * found valid (ring_valid()). *counts is filled in; it is right only if the result is
 * SNAPSHOT_COUNTED.
 */
enum snapshot_count snapshot_count(const struct snapshot_source *source,
				   struct snapshot_counts *counts);

/*
 * Estimates the messages of each group from sequence numbers alone, and the bytes from head and
 * tail, without reading a record. What is in hand is not known, and stays 0.
 */
void snapshot_estimate(const struct snapshot_source *source, struct snapshot_counts *counts);

/* Returns the sequence number of the next message that will be sent, as the copy has it. */
uint64_t snapshot_sequence(const struct snapshot_source *source);

/* Reads `size` bytes at `offset` of the object; false if they could not be read completely. */
bool snapshot_pread(int fd, void *bytes, uint64_t size, uint64_t offset);

#endif

/*
 * Reads records of the ring without a claim, as under a seqlock (Boehm, Can Seqlocks Get Along With
 * Programming Language Memory Models?, 2012): a record is copied first, and then it is checked that
 * no producer can have begun to overwrite it. No endpoint waits for the reader, so a slow reader
 * finds records overwritten. tap.c and peek.c use it. It needs no mutex, and writes nothing into
 * the shared memory. Private to common/.
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/ring.h"
#include "shared_buffer.h"

struct channel;
struct channel_delivery;

/* A reader's place in the ring, and its copy of the record there. All zeros: a new one. */
struct view {
	uint64_t position;    /* of the next record, or of the copied one */
	struct record record; /* the header of the copied record, if `loaded` */
	struct ring copy;     /* the copy is a ring of its own, with the record at position 0 */
	size_t copy_size;     /* bytes allocated for the copy */
	struct cursor at;     /* in the copy: what lies before it has been delivered */
	bool loaded;	      /* the record at `position` is copied */
};

/* What view_load() found: no record at tail; a record; one that has been overwritten. */
enum view_result { VIEW_NOTHING = 0, VIEW_RECORD = 1, VIEW_PASSED = 2 };

/* Frees the copy. *view itself is the caller's, and can be used again. */
void view_free(struct view *view);

/* Moves the view to the oldest record that a group still needs. Returns 0 or -CHANNEL_EDAMAGED. */
int view_to_head(struct channel *channel, struct view *view);

/*
 * Copies the record at view->position, which is before `tail` or at it; `tail` must have been read
 * from the channel. Returns an enum view_result (VIEW_PASSED: a producer has overwritten the
 * record, or may have begun to), -CHANNEL_EDAMAGED or -ENOMEM.
 */
int view_load(struct channel *channel, struct view *view, uint64_t tail);

/* Moves the view to the record after the copied one. */
void view_next(struct view *view);

/*
 * What view_chain() found about a message in pieces: all pieces are there; its last piece has not
 * been sent yet; its producer gave it up; a piece has been overwritten, or may have been.
 */
enum view_chain { CHAIN_WHOLE, CHAIN_OPEN, CHAIN_ABORTED, CHAIN_PASSED };

/*
 * Reads the headers of the pieces from the copied one, at view->position, up to the message's last
 * piece, but not beyond `tail`. Sets *after to where the last piece that was read ends. Returns an
 * enum view_chain or -CHANNEL_EDAMAGED. The view is not changed.
 */
int view_chain(struct channel *channel, const struct view *view, uint64_t tail, uint64_t *after);

/*
 * Moves over `count` messages of the copied record without delivering them. False if the record
 * does not hold as many messages as its header says: damage.
 */
bool view_skip(struct view *view, uint32_t count);

/*
 * Fills in *delivery with the next messages of the copied record, `most` at most. Its pointers
 * point into the copy, and are valid until the next view_load() or view_free(). Returns
 * CHANNEL_DELIVERED or -CHANNEL_EDAMAGED.
 */
int view_deliver(struct view *view, uint32_t most, struct channel_delivery *delivery);

/* True if all of the copied record has been delivered. */
static inline bool view_done(const struct view *view)
{
	return view->at.record != 0;
}

#endif

/*
 * A look at the ring without a claim, as at a seqlock (Boehm, Can Seqlocks Get Along With
 * Programming Language Memory Models?, 2012): a record is copied out, and then it is checked that
 * nobody can have begun to overwrite it. Nobody is held up by it, so a slow one is left behind.
 * Writes nothing into the shared memory. Private to common/.
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

struct view {
	uint64_t position;    /* of the record that is next, or that is copied */
	struct record record; /* its header, if `loaded` */
	struct ring copy;     /* the copy is a ring of its own, with the record at position 0 */
	size_t copy_size;     /* bytes allocated for it */
	struct cursor at;     /* what of it has been handed out */
	bool loaded;
};

enum view_result { VIEW_NOTHING = 0, VIEW_RECORD = 1, VIEW_PASSED = 2 };

void view_free(struct view *view);

/* Goes to the oldest record that somebody still needs. Errors: CHANNEL_EDAMAGED. */
int view_to_head(struct channel *channel, struct view *view);

/*
 * Copies the record at view->position, which is before tail or at it. VIEW_PASSED: it has been
 * overwritten, or may have been. Errors: CHANNEL_EDAMAGED, ENOMEM.
 */
int view_load(struct channel *channel, struct view *view, uint64_t tail);

/* Goes to the next record. */
void view_next(struct view *view);

/* What is known of a message in pieces whose first one is at view->position. */
enum view_chain { CHAIN_WHOLE, CHAIN_OPEN, CHAIN_ABORTED, CHAIN_PASSED };

/* Reads ahead; *after: behind its last piece, if all of it is there. Errors: CHANNEL_EDAMAGED. */
int view_chain(struct channel *channel, const struct view *view, uint64_t tail, uint64_t *after);

/* Moves over messages of the copied record. False: it does not hold as many as it says. */
bool view_skip(struct view *view, uint32_t count);

/* Hands out up to `most` messages of it, in the copy. Errors: CHANNEL_EDAMAGED. */
int view_deliver(struct view *view, uint32_t most, struct channel_delivery *delivery);

/* Has all of it been handed out? */
static inline bool view_done(const struct view *view)
{
	return view->at.record != 0;
}

#endif

/*
 * The claim table of a group, and `next`, the place in the ring where its next claim will begin. A
 * claim is a range of messages that one consumer has taken; an orphan is a claim that has lost its
 * owner.
 *
 * Called by consumers' threads, and by any endpoint that cleans up after dead consumers. Every
 * function needs the consumers' mutex, except claim_acknowledge(), claim_try() and claim_tried(),
 * with which an owner changes its own claim. A reader without the mutex may see values that do not
 * fit together. Private to common/.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/ring.h"
#include "shared_buffer.h"

enum { CLAIM_NONE = -1 };

/* next_read() returns `next`; next_write() changes it, with one store of its selector. */
struct cursor next_read(const struct group *group);
void next_write(struct group *group, struct cursor next);

/*
 * Call this before `next` moves over messages of which the first has the number `sequence`; `after`
 * is the number of the message that follows them. Returns how many messages are missing before
 * `sequence`: producers have dropped them.
 */
uint64_t next_expect(struct group *group, uint64_t sequence, uint64_t after);

/* Changes a claim's state with one store, that of its selector. */
void claim_write(struct claim *claim, const struct claim_state *state);

/* Returns OWNER_FREE, OWNER_NONE (an orphan), OWNER_SPLIT, or the slot of its owner + 1. */
unsigned claim_owner(const struct claim *claim);

/* Returns how often its messages have been handed out, to its owner and to the owners before. */
uint32_t claim_attempts(const struct claim *claim);

/* Returns how many tries with its messages have failed. A try: see channel_try(). */
uint32_t claim_failures(const struct claim *claim);
/* True if its owner has begun a try with its messages and not ended it. */
bool claim_trying(const struct claim *claim);

/*
 * Begins a claim for the consumer in `slot`, in a free entry. Returns the entry's index, or
 * CLAIM_NONE if the table is full.
 */
int claim_begin(struct group *group, unsigned slot, const struct claim_state *state);

/*
 * For the owner of a claim: acknowledges everything before the record at this position, which lies
 * in the claim. Needs no mutex.
 */
static inline void claim_acknowledge(struct claim *claim, uint64_t position)
{
	/*
	 * The bytes were used before this store is visible. A process that buries us reads it under
	 * the mutex.
	 */
	atomic_store_explicit(&claim->done, position, memory_order_release);
}

/*
 * For the owner of a claim all of which it has in hand: a try with it begins, or has ended. Needs
 * no mutex, as each is one store to its own claim, and others write the word `owner` only when the
 * owner is dead.
 */
void claim_try(struct claim *claim);
void claim_tried(struct claim *claim, bool failed);

/*
 * Counts that all of a claim is handed out once more to its owner. Returns how often it has been
 * handed out now.
 */
uint32_t claim_retry(struct group *group, int index);

/*
 * Makes the consumer in `slot` the owner of an orphan, and counts that it is handed out once more.
 */
void claim_adopt(struct group *group, int index, unsigned slot);

/* How an owner has lost what is left of its claim. */
enum claim_loss {
	CLAIM_UNSEEN, /* nothing of it had been handed out to that owner */
	/* the owner gave it back */
	CLAIM_RETURNED,
	CLAIM_DIED /* the owner died: a try that was going on has failed */
};

/* Makes an orphan of a claim: the next consumer that looks for work finds it. */
void claim_orphan(struct group *group, int index, enum claim_loss loss);

/*
 * True if the claim's messages were never handed out before this owner got them, and nobody has
 * claimed anything after it.
 */
bool claim_is_new(const struct group *group, const struct claim *claim);

/*
 * Cuts off the part of a claim that begins at `cut`, which its owner has not been handed. If nobody
 * was handed that part before and nobody has claimed anything after it, it is as if it had never
 * been claimed. Else it becomes an orphan of its own, with the attempts and failures that it had
 * before this owner. False: there is no free entry for that orphan, and the claim is unchanged.
 */
bool claim_split(struct group *group, int index, struct cursor cut);

/* Ends a claim: nobody needs its bytes any more. */
void claim_drop(struct group *group, int index);

/* Returns a bitmap of the entries in use. After a death some of them may be free. */
uint64_t claims_in_use(const struct group *group);

/*
 * After the holder of the mutex has died: completes or undoes a split that it had begun, and
 * rebuilds the bitmap of entries in use.
 */
void claims_repair(struct group *group);

/* Returns the position of the lowest record that `next` or a claim of this group needs. */
uint64_t claims_need(const struct group *group);

/* Returns a copy of a claim's state, beginning where its owner has acknowledged up to. */
struct claim_state claim_read(const struct claim *claim);

/*
 * Returns only the record at which a claim begins, where its owner has acknowledged up to. Cheaper
 * than claim_read(): copying a whole state that was just written in parts has to wait for those
 * writes.
 */
static inline uint64_t claim_record(const struct claim *claim)
{
	uint64_t begin = claim->states[atomic_load(&claim->selector) & 1].begin.record;
	uint64_t done = atomic_load(&claim->done);

	return position_before(begin, done) ? done : begin;
}

#endif

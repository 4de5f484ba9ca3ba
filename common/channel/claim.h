/*
 * A group's claim table and the place where its next claim begins. Every function here needs the
 * consumers' mutex. Private to common/.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/ring.h"
#include "shared_buffer.h"

enum { CLAIM_NONE = -1 };

struct cursor next_read(const struct group *group);
void next_write(struct group *group, struct cursor next);

/*
 * `next` is about to move over what begins with message `sequence` and ends before `after`; call it
 * first. Returns how many messages are missing before that: they were dropped.
 */
uint64_t next_expect(struct group *group, uint64_t sequence, uint64_t after);

/* Changes a claim's state with one store, its selector. */
void claim_write(struct claim *claim, const struct claim_state *state);

/* Returns OWNER_FREE, OWNER_NONE (an orphan), OWNER_SPLIT, or the slot of its owner + 1. */
unsigned claim_owner(const struct claim *claim);

/* Returns how often its messages were handed out, to its owner and to those before. */
uint32_t claim_attempts(const struct claim *claim);

/* Returns how many tries with its messages have failed; and whether its owner tries just now. */
uint32_t claim_failures(const struct claim *claim);
bool claim_trying(const struct claim *claim);

/* Begins a claim in a free entry: its index, or CLAIM_NONE if the table is full. */
int claim_begin(struct group *group, unsigned slot, const struct claim_state *state);

/*
 * Its owner acknowledges all before the record at this position, which lies in the claim.
 * Alone here, the mutex is not needed.
 */
static inline void claim_acknowledge(struct claim *claim, uint64_t position)
{
	/* The bytes were used before this store. Whoever buries us reads it under the mutex. */
	atomic_store_explicit(&claim->done, position, memory_order_release);
}

/*
 * For the owner of a claim all of which is in its hands: a try with it begins, or has ended.
 * One store to the own claim each, which needs no mutex: others write an owner's word only when it
 * is dead.
 */
void claim_try(struct claim *claim);
void claim_tried(struct claim *claim, bool failed);

/* Counts that all of a claim is handed out once more to its owner. Returns how often that is. */
uint32_t claim_retry(struct group *group, int index);

/* Takes an orphan over: what is in it is handed out once more. */
void claim_adopt(struct group *group, int index, unsigned slot);

/* How an owner has parted with what is left of its claim. */
enum claim_loss {
	CLAIM_UNSEEN, /* nothing of it was handed out to that owner */
	CLAIM_RETURNED,
	CLAIM_DIED /* a try that was going on has failed */
};

/* The claim loses its owner: the next consumer finds it. */
void claim_orphan(struct group *group, int index, enum claim_loss loss);

/* Was it never handed out before its owner got it, and has nobody claimed behind it? */
bool claim_is_new(const struct group *group, const struct claim *claim);

/*
 * Cuts off what lies at `cut` and behind it, which its owner has not been handed: it is as if it
 * had never been claimed, if nobody was handed it before and nobody has claimed behind it; else it
 * becomes an orphan of its own, that has been through what it was through before. False: there is
 * no free entry for that, and the claim is as it was.
 */
bool claim_split(struct group *group, int index, struct cursor cut);

/* The claim ends: nobody needs its bytes any more. */
void claim_drop(struct group *group, int index);

/* Which entries are in use, as a bitmap; some of them may be free after a death. */
uint64_t claims_in_use(const struct group *group);

/* After a holder's death: ends a split that it had begun, and rebuilds that bitmap. */
void claims_repair(struct group *group);

/* The lowest record that `next` or a claim of this group needs. */
uint64_t claims_need(const struct group *group);

/* The state of a claim, copied once, beginning where its owner has acknowledged up to. */
struct claim_state claim_read(const struct claim *claim);

/* Only at which record that is: a copy of what was just written in parts has to wait for it. */
static inline uint64_t claim_record(const struct claim *claim)
{
	uint64_t begin = claim->states[atomic_load(&claim->selector) & 1].begin.record;
	uint64_t done = atomic_load(&claim->done);

	return position_before(begin, done) ? done : begin;
}

#endif

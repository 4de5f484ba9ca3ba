/*
 * A group's claim table and the place where its next claim begins. Every function here needs the
 * consumers' mutex. Private to common/.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"
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

/* OWNER_FREE, OWNER_NONE (an orphan), or slot + 1; and how often it was handed out. */
unsigned claim_owner(const struct claim *claim);
uint32_t claim_attempts(const struct claim *claim);

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

/* Its owner begins another attempt at what it holds: how many that are. */
uint32_t claim_retry(struct group *group, int index);

/* Its owner is about to acknowledge the front: the attempts that were that one's do not count
 * for the rest, of which there were `attempts` at most. */
void claim_attempts_limit(struct claim *claim, uint32_t attempts);

/* Takes over an orphan; counts the attempt. */
void claim_adopt(struct group *group, int index, unsigned slot);

/* The claim loses its owner: the next consumer finds it. */
void claim_orphan(struct group *group, int index);

/* The claim ends: nobody needs its bytes any more. */
void claim_drop(struct group *group, int index);

/* Which entries are in use, as a bitmap; some of them may be free after a death. */
uint64_t claims_in_use(const struct group *group);

/* After a holder's death: rebuilds that bitmap from the entries. */
void claims_recount(struct group *group);

/* The lowest record that `next` or a claim of this group needs. */
uint64_t claims_need(const struct group *group);

#endif

#include "claim.h"

/*
 * The stores below are ordered by release: whoever gets the mutex after our death finds
 * either the old state or the new one, never a selector before its copy.
 */

struct cursor next_read(const struct group *group)
{
	return group->next[atomic_load(&group->next_selector) & 1];
}

void next_write(struct group *group, struct cursor next)
{
	uint32_t idle = ~atomic_load(&group->next_selector) & 1;

	group->next[idle] = next;
	atomic_store_explicit(&group->next_selector, idle, memory_order_release);
}

uint64_t next_expect(struct group *group, uint64_t sequence, uint64_t after)
{
	uint64_t expected = atomic_load(&group->expected);
	uint64_t missing = 0;

	if (expected != 0 && position_before(expected, sequence))
		missing = sequence - expected;
	/* If we die in between they are not counted; the other way round they would be twice. */
	atomic_store_explicit(&group->expected, after, memory_order_release);
	if (missing > 0)
		atomic_store(&group->dropped, atomic_load(&group->dropped) + missing);
	return missing;
}

void claim_write(struct claim *claim, const struct claim_state *state)
{
	uint32_t idle = ~atomic_load(&claim->selector) & 1;

	claim->states[idle] = *state;
	atomic_store_explicit(&claim->selector, idle, memory_order_release);
}

static uint64_t owner_word(unsigned owner, uint32_t attempts)
{
	return owner | (uint64_t)attempts << OWNER_ATTEMPT_SHIFT;
}

unsigned claim_owner(const struct claim *claim)
{
	return (unsigned)(atomic_load(&claim->owner) & 0xff);
}

uint32_t claim_attempts(const struct claim *claim)
{
	return (uint32_t)(atomic_load(&claim->owner) >> OWNER_ATTEMPT_SHIFT);
}

int claim_begin(struct group *group, unsigned slot, const struct claim_state *state)
{
	uint64_t used = atomic_load(&group->claims_used);
	int index;

	if (used == UINT64_MAX)
		return CLAIM_NONE;
	index = __builtin_ctzll(~used);
	/* The bit first: a bit too many costs a look, a bit too few would lose the claim. */
	atomic_store_explicit(&group->claims_used, used | UINT64_C(1) << index,
			      memory_order_release);
	atomic_store_explicit(&group->claims[index].done, state->begin.record,
			      memory_order_relaxed);
	claim_write(&group->claims[index], state);
	atomic_store_explicit(&group->claims[index].owner, owner_word(slot + 1, 1),
			      memory_order_release);
	return index;
}

static uint32_t attempts_next(const struct claim *claim)
{
	uint32_t attempts = claim_attempts(claim);

	return attempts == UINT32_MAX ? attempts : attempts + 1;
}

static void attempts_store(struct claim *claim, uint32_t attempts)
{
	atomic_store_explicit(&claim->owner, owner_word(claim_owner(claim), attempts),
			      memory_order_release);
}

static void redelivery_count(struct group *group)
{
	atomic_store(&group->redelivered, atomic_load(&group->redelivered) + 1);
}

uint32_t claim_retry(struct group *group, int index)
{
	struct claim *claim = &group->claims[index];

	attempts_store(claim, attempts_next(claim));
	redelivery_count(group);
	return claim_attempts(claim);
}

void claim_attempts_limit(struct claim *claim, uint32_t attempts)
{
	if (claim_attempts(claim) > attempts)
		attempts_store(claim, attempts);
}

void claim_adopt(struct group *group, int index, unsigned slot)
{
	struct claim *claim = &group->claims[index];

	atomic_store_explicit(&claim->owner, owner_word(slot + 1, attempts_next(claim)),
			      memory_order_release);
	redelivery_count(group);
}

void claim_orphan(struct group *group, int index)
{
	struct claim *claim = &group->claims[index];

	atomic_store_explicit(&claim->owner, owner_word(OWNER_NONE, claim_attempts(claim)),
			      memory_order_release);
}

void claim_drop(struct group *group, int index)
{
	uint64_t used = atomic_load(&group->claims_used);

	atomic_store_explicit(&group->claims[index].owner, OWNER_FREE, memory_order_release);
	atomic_store_explicit(&group->claims_used, used & ~(UINT64_C(1) << index),
			      memory_order_release);
}

uint64_t claims_in_use(const struct group *group)
{
	return atomic_load(&group->claims_used);
}

void claims_recount(struct group *group)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		if (claim_owner(&group->claims[i]) != OWNER_FREE)
			used |= UINT64_C(1) << i;
	atomic_store(&group->claims_used, used);
}

uint64_t claims_need(const struct group *group)
{
	uint64_t needed = next_read(group).record;

	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		const struct claim *claim = &group->claims[__builtin_ctzll(used)];
		uint64_t begin = claim_record(claim);

		if (claim_owner(claim) != OWNER_FREE && position_before(begin, needed))
			needed = begin;
	}
	return needed;
}

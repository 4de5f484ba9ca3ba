#include "channel/claim.h"

#include "channel/ring.h"
#include "shared_buffer.h"

/*
 * The stores below are ordered by release: whoever gets the mutex after our death finds either the
 * old state or the new one, never a selector before its copy.
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
	/*
	 * If we die between these two stores, the missing messages are not counted. In the other
	 * order they would be counted twice.
	 */
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

/* The word `owner` of a claim, taken apart. */
struct ownership {
	unsigned owner;
	bool trying;
	uint32_t failures, attempts;
};

static struct ownership ownership_read(const struct claim *claim)
{
	uint64_t word = atomic_load(&claim->owner);

	return (struct ownership){ .owner = (unsigned)(word & 0xff),
				   .trying = (word & OWNER_TRYING) != 0,
				   .failures = (uint32_t)(word >> OWNER_FAILURE_SHIFT) &
					       OWNER_FAILURES_MAX,
				   .attempts = (uint32_t)(word >> OWNER_ATTEMPT_SHIFT) };
}

/* Changes all of it with one store. */
static void ownership_write(struct claim *claim, struct ownership ownership)
{
	uint64_t word = ownership.owner | (ownership.trying ? OWNER_TRYING : 0) |
			(uint64_t)ownership.failures << OWNER_FAILURE_SHIFT |
			(uint64_t)ownership.attempts << OWNER_ATTEMPT_SHIFT;

	atomic_store_explicit(&claim->owner, word, memory_order_release);
}

static void attempts_add(struct ownership *ownership)
{
	if (ownership->attempts < UINT32_MAX)
		ownership->attempts++;
}

static void failures_add(struct ownership *ownership)
{
	if (ownership->failures < OWNER_FAILURES_MAX)
		ownership->failures++;
}

unsigned claim_owner(const struct claim *claim)
{
	return ownership_read(claim).owner;
}

uint32_t claim_attempts(const struct claim *claim)
{
	return ownership_read(claim).attempts;
}

uint32_t claim_failures(const struct claim *claim)
{
	return ownership_read(claim).failures;
}

bool claim_trying(const struct claim *claim)
{
	return ownership_read(claim).trying;
}

/* Fills in a free entry. Returns its index, or CLAIM_NONE if the table is full. */
static int claim_enter(struct group *group, struct ownership ownership,
		       const struct claim_state *state)
{
	uint64_t used = atomic_load(&group->claims_used);
	int index;

	if (used == UINT64_MAX)
		return CLAIM_NONE;
	index = __builtin_ctzll(~used);
	/*
	 * The bit is stored first: a bit too many costs a look at the entry, a bit too few would
	 * lose the claim.
	 */
	atomic_store_explicit(&group->claims_used, used | UINT64_C(1) << index,
			      memory_order_release);
	atomic_store_explicit(&group->claims[index].done, state->begin.record,
			      memory_order_relaxed);
	claim_write(&group->claims[index], state);
	ownership_write(&group->claims[index], ownership);
	return index;
}

int claim_begin(struct group *group, unsigned slot, const struct claim_state *state)
{
	return claim_enter(group, (struct ownership){ .owner = slot + 1, .attempts = 1 }, state);
}

static void redelivery_count(struct group *group)
{
	atomic_store(&group->redelivered, atomic_load(&group->redelivered) + 1);
}

void claim_try(struct claim *claim)
{
	struct ownership ownership = ownership_read(claim);

	ownership.trying = true;
	ownership_write(claim, ownership);
}

void claim_tried(struct claim *claim, bool failed)
{
	struct ownership ownership = ownership_read(claim);

	ownership.trying = false;
	if (failed)
		failures_add(&ownership);
	ownership_write(claim, ownership);
}

uint32_t claim_retry(struct group *group, int index)
{
	struct ownership ownership = ownership_read(&group->claims[index]);

	attempts_add(&ownership);
	ownership_write(&group->claims[index], ownership);
	redelivery_count(group);
	return ownership.attempts;
}

void claim_adopt(struct group *group, int index, unsigned slot)
{
	struct ownership ownership = ownership_read(&group->claims[index]);
	struct claim_state state = claim_read(&group->claims[index]);
	bool again = ownership.attempts > 0;

	if ((state.flags & CLAIM_TOGETHER) != 0) { /* how its last owner handed it out is over */
		state.flags &= ~(uint32_t)CLAIM_TOGETHER;
		claim_write(&group->claims[index], &state);
	}
	ownership.owner = slot + 1;
	attempts_add(&ownership);
	ownership_write(&group->claims[index], ownership);
	if (again)
		redelivery_count(group);
}

void claim_orphan(struct group *group, int index, enum claim_loss loss)
{
	struct ownership ownership = ownership_read(&group->claims[index]);

	if (loss == CLAIM_UNSEEN && ownership.attempts > 0)
		ownership.attempts--;
	if (loss == CLAIM_DIED && ownership.trying)
		failures_add(&ownership);
	ownership.owner = OWNER_NONE;
	ownership.trying = false;
	ownership_write(&group->claims[index], ownership);
}

bool claim_is_new(const struct group *group, const struct claim *claim)
{
	return claim_attempts(claim) <= 1 && cursor_equal(next_read(group), claim_read(claim).end);
}

bool claim_split(struct group *group, int index, struct cursor cut)
{
	struct claim *claim = &group->claims[index];
	struct ownership ownership = ownership_read(claim);
	struct claim_state state = claim_read(claim), rest = state;
	int orphan = CLAIM_NONE;

	rest.begin = cut;
	if (claim_is_new(group, claim)) {
		/*
		 * `next` is stored first: if we die before the claim is shortened, `next` is below
		 * a claim's end, and next_repair() raises it again.
		 */
		next_write(group, cut);
	} else {
		/*
		 * Until the claim has been shortened, the new entry must not count as an orphan:
		 * after our death claims_repair() removes it.
		 */
		ownership.owner = OWNER_SPLIT;
		ownership.trying = false;
		if (ownership.attempts > 0)
			ownership.attempts--;
		orphan = claim_enter(group, ownership, &rest);
		if (orphan == CLAIM_NONE)
			return false;
	}
	state.end = cut;
	claim_write(claim, &state);
	if (orphan != CLAIM_NONE) {
		ownership.owner = OWNER_NONE;
		ownership_write(&group->claims[orphan], ownership);
	}
	return true;
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

/*
 * True if the claim that `rest` was to be cut from has been shortened: no claim contains the place
 * where `rest` begins.
 */
static bool split_committed(const struct group *group, const struct claim *rest)
{
	struct cursor begin = claim_read(rest).begin;

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		const struct claim *claim = &group->claims[i];
		unsigned owner = claim_owner(claim);
		struct claim_state state;

		if (owner == OWNER_FREE || owner == OWNER_SPLIT)
			continue;
		state = claim_read(claim);
		if (!cursor_before(begin, state.begin) && cursor_before(begin, state.end))
			return false;
	}
	return true;
}

void claims_repair(struct group *group)
{
	uint64_t used = 0;

	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct claim *claim = &group->claims[i];
		struct ownership ownership = ownership_read(claim);

		if (ownership.owner == OWNER_SPLIT) {
			ownership.owner = OWNER_NONE;
			if (!split_committed(group, claim))
				ownership = (struct ownership){ .owner = OWNER_FREE };
			ownership_write(claim, ownership);
		}
		if (ownership.owner != OWNER_FREE)
			used |= UINT64_C(1) << i;
	}
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

struct claim_state claim_read(const struct claim *claim)
{
	struct claim_state state = claim->states[atomic_load(&claim->selector) & 1];
	uint64_t done = atomic_load(&claim->done);

	if (position_before(state.begin.record, done))
		state.begin = cursor_at(done);
	return state;
}

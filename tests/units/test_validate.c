/* The invariants of a channel, checked on a shared buffer made by hand (channel/validate.h). */
#include <stdlib.h>
#include <string.h>

#include "channel/claim.h"
#include "channel/ring.h"
#include "channel/validate.h"
#include "tests/support/ring_pages.h"
#include "tests/support/support.h"

enum { CAPACITY = 4096 };

/*
 * Four records from `head` on, each of 32 bytes. The first is acknowledged but for a claim; the
 * second is claimed up to its second message, and an orphan holds the rest of it; `next` is the
 * third.
 */
struct scene {
	struct ring ring;
	struct shared_buffer *shared;
	uint64_t head, tail;
	struct claim_state *first, *second, *third; /* of these claims, the copy that counts */
	struct cursor *next;
};

enum { SCENE_FIRST = 0, SCENE_SECOND = 5, SCENE_THIRD = SLOT_COUNT - 1, SCENE_FREE = 7 };

static struct claim_state *scene_claim(struct scene *scene, int index, uint64_t owner,
				       struct cursor begin, struct cursor end)
{
	struct claim *claim = &scene->shared->consumers.groups[0].claims[index];
	unsigned selector = (unsigned)index & 1;

	claim->states[selector] = (struct claim_state){ .begin = begin, .end = end };
	atomic_store(&claim->done, begin.record);
	claim->states[selector ^ 1].begin.record = 3; /* the idle copy may say anything */
	atomic_store(&claim->selector, selector);
	atomic_store(&claim->owner, owner);
	return &claim->states[selector];
}

static struct scene scene_new(uint64_t head)
{
	struct scene scene = { .ring = ring_new(CAPACITY), .head = head, .tail = head + 128 };
	struct cursor middle = { .record = head + 32, .offset = 2, .index = 1 };
	struct consumers *consumers;

	scene.shared = aligned_alloc(LAYOUT_PAGE, sizeof(*scene.shared));
	cr_assert_not_null(scene.shared);
	memset(scene.shared, 0, sizeof(*scene.shared));
	consumers = &scene.shared->consumers;
	for (uint64_t at = head; at != scene.tail; at += 32) {
		memcpy(ring_payload(&scene.ring, at), "a;b;c;", 6);
		ring_put(&scene.ring, at,
			 (struct record){ .size = 6, .messages = 3, .delimiter_size = 1 });
	}
	atomic_store(&scene.shared->producers.tail, scene.tail);
	scene.shared->producers.marks[1].position = scene.tail;
	scene.shared->producers.marks[0].position = 5; /* idle: may say anything */
	atomic_store(&consumers->head, head);
	atomic_store(&consumers->groups[0].state, GROUP_OPEN);
	atomic_store(&consumers->groups[0].next_selector, 1);
	consumers->groups[0].next[0] = (struct cursor){ .record = 1, .offset = 2 }; /* idle */
	consumers->groups[0].next[1] = cursor_at(head + 64);
	scene.next = &consumers->groups[0].next[1];
	scene.first = scene_claim(&scene, SCENE_FIRST, 1, cursor_at(head), cursor_at(head + 32));
	scene.second = scene_claim(&scene, SCENE_SECOND, SLOT_COUNT | UINT64_C(3) << 32,
				   cursor_at(head + 32), middle);
	scene.third = scene_claim(&scene, SCENE_THIRD, OWNER_NONE, middle, cursor_at(head + 64));
	scene_claim(&scene, SCENE_FREE, OWNER_FREE, cursor_at(head - 800), cursor_at(1));
	return scene;
}

static void scene_free(struct scene *scene)
{
	ring_free(&scene->ring);
	free(scene->shared);
}

static void expect_valid(const struct scene *scene, bool producers, bool consumers)
{
	cr_expect_eq(ring_valid_producers(&scene->ring, scene->shared), producers);
	cr_expect_eq(ring_valid_consumers(&scene->ring, scene->shared), consumers);
	cr_expect_eq(ring_valid(&scene->ring, scene->shared), producers && consumers);
	if (!producers || !consumers)
		cr_expect_not(ring_valid_records(&scene->ring, scene->shared));
}

/* The positions at which the scene is played. */
static const uint64_t scene_heads[] = {
	0, CAPACITY - 40, UINT64_C(0) - 128, UINT64_C(0) - 88, UINT64_C(0) - 64, UINT64_C(0) - 8
};

/*
 * Changes a valid scene at each of those positions; then the checks of the two sides must return
 * these.
 */
#define SCENE_EXPECT(producers, consumers, damage)                                                 \
	for (size_t s_ = 0; s_ < COUNT_OF(scene_heads); s_++) {                                    \
		struct scene scene = scene_new(scene_heads[s_]);                                   \
		struct shared_buffer *shared = scene.shared;                                       \
		cr_expect(ring_valid_records(&scene.ring, shared));                                \
		damage;                                                                            \
		expect_valid(&scene, producers, consumers);                                        \
		scene_free(&scene);                                                                \
	}

Test(validate, valid_accepts_what_is_in_order, .timeout = 10)
{
	SCENE_EXPECT(true, true, (void)shared);
	/* empty */
	SCENE_EXPECT(true, true, {
		atomic_store(&shared->consumers.head, scene.tail);
		*scene.next = cursor_at(scene.tail);
		for (int i = 0; i < SLOT_COUNT; i++)
			atomic_store(&shared->consumers.groups[0].claims[i].owner, OWNER_FREE);
		cr_expect(ring_valid_records(&scene.ring, shared));
	});
	/* everything claimed */
	SCENE_EXPECT(true, true, *scene.next = cursor_at(scene.tail));
	/* an empty claim, as between the pieces of a long message */
	SCENE_EXPECT(true, true, scene.first->end = scene.first->begin);
	/* selectors count by their lowest bit */
	SCENE_EXPECT(true, true,
		     atomic_store(&shared->consumers.groups[0].next_selector, 0xffffffff));
	/* a full ring */
	SCENE_EXPECT(true, true, {
		atomic_store(&shared->producers.tail, scene.head + CAPACITY);
		shared->producers.marks[0].position = scene.head + CAPACITY;
	});
}

Test(validate, valid_refuses_a_tail_without_its_mark, .timeout = 10)
{
	SCENE_EXPECT(false, true, shared->producers.marks[1].position += 8);
	SCENE_EXPECT(false, true, atomic_store(&shared->producers.tail, scene.tail + 8));
}

Test(validate, valid_refuses_a_misaligned_tail_or_head, .timeout = 10)
{
	SCENE_EXPECT(false, true, {
		atomic_store(&shared->producers.tail, scene.tail + 4);
		shared->producers.marks[0].position = scene.tail + 4;
	});
	SCENE_EXPECT(true, false, {
		atomic_store(&shared->consumers.head, scene.head - 4);
		*scene.next = cursor_at(scene.tail);
	});
}

Test(validate, valid_refuses_a_tail_farther_from_head_than_the_ring_is_large, .timeout = 10)
{
	SCENE_EXPECT(false, false, {
		atomic_store(&shared->producers.tail, scene.head + CAPACITY + 8);
		shared->producers.marks[0].position = scene.head + CAPACITY + 8;
	});
	/* and one before head */
	SCENE_EXPECT(false, false, {
		atomic_store(&shared->producers.tail, scene.head - 8);
		shared->producers.marks[0].position = scene.head - 8;
	});
	SCENE_EXPECT(false, false, {
		atomic_store(&shared->producers.tail, scene.head + (UINT64_C(1) << 63));
		shared->producers.marks[0].position = scene.head + (UINT64_C(1) << 63);
	});
}

Test(validate, valid_refuses_a_next_that_is_not_between_head_and_tail, .timeout = 10)
{
	SCENE_EXPECT(true, false, *scene.next = cursor_at(scene.head - 8));
	SCENE_EXPECT(true, false, *scene.next = cursor_at(scene.tail + 8));
	SCENE_EXPECT(true, false, scene.next->record += 4);
	SCENE_EXPECT(true, false, {
		*scene.next = cursor_at(scene.tail);
		scene.next->offset = 1;
	});
	SCENE_EXPECT(true, false, {
		*scene.next = cursor_at(scene.tail);
		scene.next->index = 1;
	});
	/* the other copy is selected, and it is no cursor */
	SCENE_EXPECT(true, false, atomic_store(&shared->consumers.groups[0].next_selector, 0));
}

Test(validate, valid_refuses_a_claim_that_is_not_between_head_and_next, .timeout = 10)
{
	SCENE_EXPECT(true, false, {
		scene.first->begin = cursor_at(scene.head - 8);
		atomic_store(&shared->consumers.groups[0].claims[SCENE_FIRST].done, scene.head - 8);
	});
	SCENE_EXPECT(true, false, scene.second->begin.record += 4);
	SCENE_EXPECT(true, false, scene.third->end = cursor_at(scene.head + 96)); /* after next */
	SCENE_EXPECT(true, false, scene.third->end.index = 1);
	SCENE_EXPECT(true, false, scene.third->end = cursor_at(scene.tail + 8));
	SCENE_EXPECT(true, false, scene.third->end = cursor_at(scene.head - 8));
	/* head has passed the claim */
	SCENE_EXPECT(true, false, atomic_store(&shared->consumers.head, scene.head + 32));
	/* next has not passed it */
	SCENE_EXPECT(true, false, *scene.next = cursor_at(scene.head + 32));
}

Test(validate, valid_refuses_a_claim_that_ends_before_it_begins, .timeout = 10)
{
	SCENE_EXPECT(true, false, scene.third->begin.offset = 0; scene.third->begin.index = 0;
		     scene.third->end = scene.third->begin; scene.third->begin.offset = 2);
	SCENE_EXPECT(true, false, {
		scene.first->begin = cursor_at(scene.head + 32);
		scene.first->end = cursor_at(scene.head);
	});
}

Test(validate, a_claim_begins_after_what_its_owner_has_done, .timeout = 10)
{
	SCENE_EXPECT(true, true, {
		struct claim *claim = &shared->consumers.groups[0].claims[SCENE_FIRST];

		atomic_store(&shared->consumers.head, scene.head + 32);
		cr_expect_not(ring_valid_consumers(&scene.ring, shared)); /* head has passed it */
		atomic_store(&claim->done, scene.head + 32);
		cr_expect_eq(claim_read(claim).begin.record, scene.head + 32);
	});
	/* `done` is never behind the state: if it is, the state counts, with its offset */
	SCENE_EXPECT(true, true, {
		struct claim *claim = &shared->consumers.groups[0].claims[SCENE_THIRD];

		atomic_store(&claim->done, scene.head - 800);
		cr_expect(cursor_equal(claim_read(claim).begin, scene.third->begin));
	});
	/* beyond the claim's end */
	SCENE_EXPECT(true, false,
		     atomic_store(&shared->consumers.groups[0].claims[SCENE_FIRST].done,
				  scene.head + 64));
	SCENE_EXPECT(true, false,
		     atomic_store(&shared->consumers.groups[0].claims[SCENE_FIRST].done,
				  scene.head + 4));
}

Test(validate, valid_looks_at_claims_of_the_living_and_at_orphans_alone, .timeout = 10)
{
	/* in the scene the free claim is nonsense; as soon as it has an owner, it counts */
	SCENE_EXPECT(true, false,
		     atomic_store(&shared->consumers.groups[0].claims[SCENE_FREE].owner, 1));
	SCENE_EXPECT(
		true, false,
		atomic_store(&shared->consumers.groups[0].claims[SCENE_FREE].owner, OWNER_NONE));
	/* attempts do not make an owner */
	SCENE_EXPECT(true, true,
		     atomic_store(&shared->consumers.groups[0].claims[SCENE_FREE].owner,
				  (uint64_t)9 << OWNER_ATTEMPT_SHIFT));
	/* the idle copy becomes the one that counts */
	SCENE_EXPECT(true, false,
		     atomic_store(&shared->consumers.groups[0].claims[SCENE_FIRST].selector, 1));
}

Test(validate, valid_records_refuses_each_record_that_is_none, .timeout = 10)
{
	for (size_t i = 0; i < COUNT_OF(scene_heads); i++)
		for (uint64_t bad = 0; bad < 128; bad += 32) {
			struct scene scene = scene_new(scene_heads[i]);
			uint64_t at = scene.head + bad;

			cr_expect(ring_valid_records(&scene.ring, scene.shared));
			ring_payload(&scene.ring, at)[-(int)sizeof(struct record)] ^= 1;
			expect_valid(&scene, true, true); /* these checks do not look at records */
			cr_expect_not(ring_valid_records(&scene.ring, scene.shared));

			/* a record that does not end where the next begins */
			ring_put(&scene.ring, at, (struct record){ .size = 9, .messages = 1 });
			cr_expect_not(ring_valid_records(&scene.ring, scene.shared));
			ring_put(&scene.ring, at, (struct record){ .size = 8, .messages = 1 });
			cr_expect(ring_valid_records(&scene.ring, scene.shared));
			scene_free(&scene);
		}
}

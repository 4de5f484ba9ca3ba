/*
 * weak_order SCENE: the orders of memory on which the protocol relies, on a machine that reorders
 * all that C11 lets it (weak.h). Each scene is the code of common/ itself: some threads do what
 * changes the shared memory, then the one that looks may see it in any order that is allowed.
 *
 * Exit status: 0, or 1 if something was seen that must not be, or 2 for a wrong call.
 */
#include "tests/model/weak.h" /* first: it is for all that follows */

#include <stdio.h>
#include <stdlib.h>

#include "base/barrier.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/ring.h"
#include "channel/sequence.h"
#include "channel/slot.h"
#include "channel/validate.h"
#include "channel/waits.h"
#include "observe/view.h"
#include "send/full.h"

enum {
	CAPACITY = 1024,
	RECORD = 32, /* bytes of ring that each message takes */
	PAYLOAD = RECORD - (int)sizeof(struct record),
	ENDPOINTS = 3,
	NOBODY = 9
};

/* The threads. Producers have the slot of their number; LOOKER is free to read old values. */
enum { FIRST, SECOND, CONSUMER, LOOKER };

static struct {
	struct shared_buffer *shared;
	unsigned char *ring;
	struct channel endpoints[ENDPOINTS]; /* two producers, and an observer */
	bool asymmetric;		     /* a lone producer needs no fences */
} scene;

_Noreturn static void failed(const char *what, unsigned long long number)
{
	printf("weak_order: %s: %llu (execution %lu)\n", what, number, weak_executions());
	exit(1);
}

static void require(bool truth, const char *what, unsigned long long number)
{
	if (!truth)
		failed(what, number);
}

/* ---- the scene ---- */

static struct channel *endpoint_new(unsigned which, enum channel_role role)
{
	struct channel *channel = &scene.endpoints[which];

	memset(channel, 0, sizeof(*channel));
	channel->segment.shared = scene.shared;
	channel->segment.asymmetric = scene.asymmetric;
	channel->segment.ring = (struct ring){ .bytes = scene.ring, .capacity = CAPACITY };
	channel->options.timeout_ns = DEADLINE_NEVER;
	channel->options.nonblock = true;
	channel->role = role;
	channel->slot = which;
	channel->slot_bit = UINT64_C(1) << which;
	channel->receiving.claim = CLAIM_NONE;
	channel->look_pause = UINT32_MAX; /* there is no object to look after */
	return channel;
}

/* Attaches FIRST and, if it is there from the beginning, SECOND, but not LOOKER. */
static void scene_fill(unsigned producers)
{
	struct shared_buffer *shared = scene.shared;

	memset(shared, 0, sizeof(*shared));
	memset(scene.ring, 0, CAPACITY);
	pthread_mutex_init(&shared->producers.locks.side.mutex, NULL);
	pthread_mutex_init(&shared->consumers.locks.side.mutex, NULL);
	shared->producers.marks[0] = (struct mark){ .position = 0, .sequence = 1 };
	shared->producers.marks[1] = (struct mark){ .position = UINT64_C(0) - 8, .sequence = 1 };
	shared->consumers.groups[0].state = GROUP_LEFT;
	shared->consumers.groups_used = 1;
	for (unsigned i = 0; i < ENDPOINTS; i++)
		pthread_mutex_init(&shared->producers.locks.alive[i].mutex, NULL);
	for (unsigned i = 0; i < producers; i++)
		pthread_mutex_trylock(&shared->producers.locks.alive[i].mutex);
	for (unsigned i = 0; i < ENDPOINTS; i++)
		endpoint_new(i, CHANNEL_PRODUCER)->attached = i < producers;
	shared->producers.side.attached = producers == 2 ? 3 : 1;
}

/* Begins an execution with so many producers attached. */
static bool execution(unsigned producers)
{
	scene_fill(producers);
	return weak_execution(scene.shared, sizeof(*scene.shared), scene.ring, CAPACITY);
}

/* Sends as this producer; each message has its number in its first bytes. */
static void send(unsigned producer, unsigned first, unsigned last)
{
	unsigned char message[PAYLOAD] = { 0 };

	weak_thread(producer, false);
	for (unsigned i = first; i <= last; i++) {
		memcpy(message, &i, sizeof(i));
		if (channel_send(&scene.endpoints[producer], message, sizeof(message), 0) != 0)
			failed("cannot send message", i);
	}
}

/* Has a consumer use up what lies before this position. */
static void consume(uint64_t position)
{
	weak_thread(CONSUMER, false);
	if (atomic_load_explicit(&scene.shared->producers.tail, memory_order_acquire) < position)
		failed("not sent yet: position", position);
	atomic_store_explicit(&scene.shared->consumers.head, position, memory_order_release);
}

/* Has the producer leave in good order. */
static void leave(unsigned producer)
{
	weak_thread(producer, false);
	pthread_mutex_trylock(&scene.shared->producers.locks.side.mutex);
	atomic_fetch_and(&scene.shared->producers.side.attached,
			 ~scene.endpoints[producer].slot_bit);
	pthread_mutex_unlock(&scene.shared->producers.locks.side.mutex);
}

/* ---- the machine itself: does it allow what C11 does, and no more? ---- */

struct litmus {
	memory_order store, load;	/* the orders of the flag's accesses */
	memory_order published, looked; /* fences around them; memory_order_relaxed: none */
	bool allowed;			/* it is allowed to see the flag and not the data */
};

static void scene_machine(void)
{
	static const struct litmus all[] = {
		{ memory_order_relaxed, memory_order_relaxed, memory_order_relaxed,
		  memory_order_relaxed, true },
		{ memory_order_release, memory_order_relaxed, memory_order_relaxed,
		  memory_order_relaxed, true },
		{ memory_order_relaxed, memory_order_acquire, memory_order_relaxed,
		  memory_order_relaxed, true },
		{ memory_order_release, memory_order_acquire, memory_order_relaxed,
		  memory_order_relaxed, false },
		{ memory_order_release, memory_order_relaxed, memory_order_relaxed,
		  memory_order_acquire, false },
		{ memory_order_relaxed, memory_order_acquire, memory_order_release,
		  memory_order_relaxed, false },
		{ memory_order_relaxed, memory_order_relaxed, memory_order_release,
		  memory_order_acquire, false },
	};
	_Atomic uint64_t *data = &scene.shared->consumers.head;
	_Atomic uint64_t *flag = &scene.shared->producers.tail;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool seen = false;

		weak_explore();
		while (execution(1)) {
			weak_thread(FIRST, false);
			atomic_store_explicit(data, 1, memory_order_relaxed);
			if (all[i].published != memory_order_relaxed)
				atomic_thread_fence(all[i].published);
			atomic_store_explicit(flag, 1, all[i].store);
			weak_thread(LOOKER, true);
			if (atomic_load_explicit(flag, all[i].load) == 0)
				continue;
			if (all[i].looked != memory_order_relaxed)
				atomic_thread_fence(all[i].looked);
			seen |= atomic_load_explicit(data, memory_order_relaxed) == 0;
		}
		require(seen == all[i].allowed, "the machine is wrong about case", i);
	}
	weak_explore();
	while (execution(1)) { /* two threads each store one word and then read the other's */
		weak_thread(FIRST, false);
		atomic_store_explicit(data, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		weak_thread(LOOKER, true);
		atomic_store_explicit(flag, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		require(atomic_load_explicit(data, memory_order_relaxed) == 1, "fences do not help",
			0);
	}
}

/* ---- an observer beside a lone producer ---- */

/* Attaching, detaching and repairing check what is there, under the mutex. */
static void scene_check(void)
{
	const struct ring *ring = &scene.endpoints[0].segment.ring;

	while (execution(1)) {
		send(FIRST, 0, 2);
		weak_thread(LOOKER, true);
		require(ring_valid_producers(ring, scene.shared),
			"beside a lone producer the channel seems damaged", 0);
	}
}

/*
 * A newcomer has died before the lone producer could see its bit; another process does what is to
 * be done for the dead.
 */
static void scene_bury(void)
{
	while (execution(1)) {
		send(FIRST, 0, 2);
		weak_thread(SECOND, false);
		pthread_mutex_trylock(&scene.shared->producers.locks.side.mutex);
		atomic_fetch_or(&scene.shared->producers.side.attached, 2);
		pthread_mutex_unlock(&scene.shared->producers.locks.side.mutex);
		weak_thread(LOOKER, true);
		pthread_mutex_trylock(&scene.shared->producers.locks.side.mutex);
		require(side_probe(&scene.endpoints[2], CHANNEL_PRODUCER) == 0,
			"who buries a newcomer finds the channel damaged", 0);
		require((scene.shared->producers.side.attached & 2) == 0, "not buried: slot", 1);
		pthread_mutex_unlock(&scene.shared->producers.locks.side.mutex);
	}
}

/* ---- observers ---- */

/* The last record that fits, and how many the ring holds. The frontier covers one more. */
enum { RECORDS = CAPACITY / RECORD };

/* Looks at the record at position 0, which has been overwritten meanwhile. */
static void observe(void)
{
	struct channel *observer = &scene.endpoints[2];
	struct view view = { .position = 0 };
	uint32_t number = NOBODY;
	int rc = view_load(observer, &view, tail_now(observer));

	if (rc == VIEW_RECORD)
		memcpy(&number, ring_payload(&view.copy, 0), sizeof(number));
	require(rc == VIEW_PASSED || rc == VIEW_NOTHING || rc == VIEW_RECORD,
		"an observer finds damage", (unsigned)-rc);
	require(rc != VIEW_RECORD || number == 0, "an observer takes this for message 0", number);
	view_free(&view);
}

/* The observer has seen the first record's tail, as it would look at nothing otherwise. */
static void observe_begin(void)
{
	weak_thread(LOOKER, false);
	tail_now(&scene.endpoints[2]);
}

/* One producer, which moved frontier for the record before, then sees that head has moved. */
static void scene_observe_alone(void)
{
	while (execution(1)) {
		send(FIRST, 0, 0);
		observe_begin();
		send(FIRST, 1, RECORDS - 1);
		consume(RECORD);
		send(FIRST, RECORDS, RECORDS);
		weak_thread(LOOKER, true);
		observe();
	}
}

/* One producer has moved frontier, another writes the bytes, each under the mutex. */
static void observe_mutex(bool knows_head)
{
	while (execution(2)) {
		send(FIRST, 0, 0);
		observe_begin();
		send(FIRST, 1, 1);
		consume(RECORD);
		weak_thread(SECOND, false);
		if (knows_head)
			scene.endpoints[SECOND].sending.known_head =
				atomic_load(&scene.shared->consumers.head);
		send(FIRST, 2, RECORDS - 1);
		send(SECOND, RECORDS, RECORDS);
		weak_thread(LOOKER, true);
		observe();
	}
}

static void scene_observe_mutex(void)
{
	observe_mutex(false);
	weak_explore();
	observe_mutex(true);
}

/* One producer has moved frontier and left; another, which knew head before, writes alone now. */
static void scene_observe_heir(void)
{
	while (execution(2)) {
		send(FIRST, 0, 0);
		observe_begin();
		send(FIRST, 1, 1);
		consume(RECORD);
		weak_thread(SECOND, false);
		scene.endpoints[SECOND].sending.known_head =
			atomic_load(&scene.shared->consumers.head);
		send(FIRST, 2, RECORDS - 1);
		leave(FIRST);
		send(SECOND, RECORDS, RECORDS);
		require(scene.endpoints[SECOND].sending.was_alone, "not alone: slot", SECOND);
		weak_thread(LOOKER, true);
		observe();
	}
}

/* ---- the others ---- */

/* Two messages are sent, others are dropped: which number is next at the first tail? */
static void scene_drop(void)
{
	while (execution(2)) {
		uint64_t sequence;

		send(FIRST, 0, 1);
		weak_thread(SECOND, false);
		pthread_mutex_trylock(&scene.shared->producers.locks.side.mutex);
		scene.endpoints[SECOND].options.when_full = CHANNEL_FULL_DROP_NEW;
		require(full_answer(&scene.endpoints[SECOND], 100) == CHANNEL_DROPPED,
			"not dropped", 0);
		pthread_mutex_unlock(&scene.shared->producers.locks.side.mutex);
		weak_thread(LOOKER, true);
		sequence = sequence_at(&scene.endpoints[2], cursor_at(0));
		require(sequence == 1, "the number of the first message seems to be", sequence);
	}
}

/* Head moves as a consumer leaves, while the holder of the turn sleeps and has not seen it move. */
static void scene_turn(void)
{
	struct producers *producers = &scene.shared->producers;
	struct channel *leaver = &scene.endpoints[2];

	while (execution(2)) {
		weak_thread(SECOND, false);
		pthread_mutex_trylock(&producers->locks.side.mutex);
		atomic_store(&producers->turn, SECOND + 1);
		atomic_store(&producers->room_wanted, RECORD);
		pthread_mutex_unlock(&producers->locks.side.mutex);
		/* as in room_wait(): head is too low, the holder is about to sleep */
		atomic_store(&producers->room_wanted, RECORD | 1);
		barrier_heavy(false);
		require(atomic_load(&scene.shared->consumers.head) == 0, "head is there", 0);

		weak_thread(LOOKER, true);
		atomic_store_explicit(&scene.shared->consumers.head, RECORD, memory_order_release);
		endpoint_wake_all(leaver);
		require(producers->side.slots[SECOND].wakeup == WAKEUP_TOKEN,
			"nobody wakes the holder of the turn: slot", SECOND);
	}
}

static const struct {
	const char *name;
	void (*play)(void);
} scenes[] = {
	{ "machine", scene_machine },
	{ "check", scene_check },
	{ "bury", scene_bury },
	{ "observe-alone", scene_observe_alone },
	{ "observe-mutex", scene_observe_mutex },
	{ "observe-successor", scene_observe_heir },
	{ "drop", scene_drop },
	{ "turn", scene_turn },
};

int main(int argc, char **argv)
{
	scene.shared = aligned_alloc(LAYOUT_PAGE, sizeof(*scene.shared));
	scene.ring = calloc(2, CAPACITY); /* no record goes beyond its end */
	if (scene.shared == NULL || scene.ring == NULL)
		return 2;
	for (size_t i = 0; argc == 2 && i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (strcmp(argv[1], scenes[i].name) != 0)
			continue;
		for (int asymmetric = 0; asymmetric < 2; asymmetric++) {
			scene.asymmetric = asymmetric;
			weak_explore();
			scenes[i].play();
		}
		printf("weak_order: %s: right in %lu executions\n", argv[1], weak_executions());
		free(scene.ring);
		free(scene.shared);
		return 0;
	}
	fprintf(stderr, "usage: weak_order SCENE\n");
	return 2;
}

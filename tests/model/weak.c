#define WEAK_ITSELF
#include "tests/model/weak.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	THREADS = 4,
	LOCATIONS = 640,
	MESSAGES = 4096,
	MUTEXES = 4,
	RING_MAX = 1024,
	CHOICES_MAX = 48, /* after so many in one execution the free thread gets to see all */
	WORD = sizeof(uint64_t)
};

/* For each location: the newest of its messages that is known, by its number there. */
struct view {
	uint8_t seen[LOCATIONS];
};

/* A store. The messages of one location are linked, the newest first. */
struct message {
	uint64_t value;
	struct view view; /* what a thread that acquires it gets to know */
	int older;	  /* index of a message; -1: this is the first one */
	uint8_t number;
};

struct location {
	uintptr_t at;
	int newest;
};

struct thread {
	struct view now;      /* what the thread has to see */
	struct view acquired; /* ... what it has to see after an acquire fence */
	struct view released; /* ... what its relaxed stores pass on: up to its last fence */
};

struct mutex {
	const pthread_mutex_t *mutex;
	struct view view;
};

static struct {
	unsigned char *shared, *ring;
	size_t shared_size, ring_size;
	unsigned char plain[RING_MAX]; /* the ring as it was when we last looked */
	struct thread threads[THREADS];
	struct view fenced; /* what sequentially consistent fences have in common */
	struct location locations[LOCATIONS];
	struct message messages[MESSAGES];
	struct mutex mutexes[MUTEXES];
	int location_count, message_count, mutex_count;
	unsigned thread;
	bool is_free;
} machine;

/* The free thread's choices: which was taken, and out of how many. */
static struct {
	unsigned chosen[CHOICES_MAX], among[CHOICES_MAX];
	unsigned count;
	bool begun;
} path;

static unsigned long executions;

static void view_join(struct view *view, const struct view *other)
{
	for (int i = 0; i < machine.location_count; i++)
		if (view->seen[i] < other->seen[i])
			view->seen[i] = other->seen[i];
}

static struct thread *running(void)
{
	return &machine.threads[machine.thread];
}

_Noreturn static void give_up(const char *what)
{
	fprintf(stderr, "weak: %s\n", what);
	exit(2);
}

/* ---- messages ---- */

static struct message *message_new(struct location *location, uint64_t value)
{
	struct message *message;

	if (machine.message_count == MESSAGES)
		give_up("too many stores");
	message = &machine.messages[machine.message_count];
	memset(message, 0, sizeof(*message));
	message->value = value;
	message->older = location->newest;
	if (location->newest >= 0)
		message->number = (uint8_t)(machine.messages[location->newest].number + 1);
	location->newest = machine.message_count++;
	return message;
}

static struct location *location_of(uintptr_t at, uint64_t initial)
{
	struct location *location;

	for (int i = 0; i < machine.location_count; i++)
		if (machine.locations[i].at == at)
			return &machine.locations[i];
	if (machine.location_count == LOCATIONS)
		give_up("too many locations");
	location = &machine.locations[machine.location_count++];
	*location = (struct location){ .at = at, .newest = -1 };
	message_new(location, initial);
	return location;
}

static void message_append(struct location *location, uint64_t value, bool release,
			   const struct view *before)
{
	struct message *message = message_new(location, value);
	ptrdiff_t index = location - machine.locations;

	running()->now.seen[index] = message->number;
	message->view = release ? running()->now : running()->released;
	message->view.seen[index] = message->number;
	if (before != NULL)
		view_join(&message->view, before);
}

static uint64_t message_read(struct location *location, struct message *message, bool acquire)
{
	struct thread *thread = running();

	thread->now.seen[location - machine.locations] = message->number;
	view_join(&thread->acquired, &message->view);
	if (acquire)
		view_join(&thread->now, &message->view);
	return message->value;
}

/* ---- choices ---- */

static unsigned choose(unsigned among)
{
	unsigned at = path.count;

	if (among < 2 || at == CHOICES_MAX)
		return 0;
	path.among[at] = among;
	path.count++;
	return path.chosen[at];
}

/*
 * Returns the newest message or, for a free thread, any that it does not know to be older than
 * another.
 */
static struct message *message_choose(struct location *location)
{
	struct message *newest = &machine.messages[location->newest];
	uint8_t least = running()->now.seen[location - machine.locations];
	unsigned back;

	if (!machine.is_free)
		return newest;
	for (back = choose((unsigned)(newest->number - least) + 1); back > 0; back--)
		newest = &machine.messages[newest->older];
	return newest;
}

void weak_explore(void)
{
	memset(&path, 0, sizeof(path));
}

unsigned long weak_executions(void)
{
	return executions;
}

/* Goes on to the next path of the depth-first search. */
static bool path_next(void)
{
	unsigned deepest = path.count;

	if (!path.begun)
		return true;
	while (deepest > 0 && path.chosen[deepest - 1] + 1 == path.among[deepest - 1])
		path.chosen[--deepest] = 0;
	if (deepest == 0)
		return false;
	path.chosen[deepest - 1]++;
	return true;
}

bool weak_execution(void *shared, size_t shared_size, unsigned char *ring, size_t ring_size)
{
	if (!path_next())
		return false;
	path.count = 0;
	path.begun = true;
	executions++;
	memset(machine.threads, 0, sizeof(machine.threads));
	memset(&machine.fenced, 0, sizeof(machine.fenced));
	memset(machine.mutexes, 0, sizeof(machine.mutexes));
	machine.location_count = machine.message_count = machine.mutex_count = 0;
	machine.shared = shared;
	machine.shared_size = shared_size;
	machine.ring = ring;
	machine.ring_size = ring_size;
	if (ring_size > sizeof(machine.plain))
		give_up("too large a ring");
	memcpy(machine.plain, ring, ring_size);
	return true;
}

/* ---- plain accesses to the ring: as relaxed ones, word by word ---- */

static uint64_t word_at(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Notes what the running thread has written plainly since the last time. */
static void plain_stores(void)
{
	if (machine.is_free) /* which writes nothing */
		return;
	for (size_t i = 0; i < machine.ring_size; i += WORD) {
		uint64_t before = word_at(machine.plain + i), now = word_at(machine.ring + i);

		if (before == now)
			continue;
		message_append(location_of((uintptr_t)(machine.ring + i), before), now, false,
			       NULL);
		memcpy(machine.plain + i, &now, sizeof(now));
	}
}

static bool within(const volatile void *at, const unsigned char *from, size_t size)
{
	return (uintptr_t)at - (uintptr_t)from < size;
}

void *weak_copy(void *to, const void *from, size_t size)
{
	const unsigned char *bytes = from;

	if (!machine.is_free || !within(from, machine.ring, machine.ring_size))
		return memmove(to, from, size);
	for (size_t i = 0; i < size; i += WORD) {
		struct location *location = location_of((uintptr_t)(bytes + i), word_at(bytes + i));
		uint64_t word = message_read(location, message_choose(location), false);

		memcpy((unsigned char *)to + i, &word, size - i < WORD ? size - i : WORD);
	}
	return to;
}

/* ---- atomic accesses ---- */

static uint64_t memory_get(const volatile void *at, size_t size)
{
	return size == sizeof(uint32_t) ? *(const volatile uint32_t *)at
					: *(const volatile uint64_t *)at;
}

static void memory_put(volatile void *at, size_t size, uint64_t value)
{
	if (size == sizeof(uint32_t))
		*(volatile uint32_t *)at = (uint32_t)value;
	else
		*(volatile uint64_t *)at = value;
}

/* Returns the location of this word, or NULL if it is not shared. */
static struct location *location_shared(const volatile void *at, size_t size)
{
	if (!within(at, machine.shared, machine.shared_size))
		return NULL;
	return location_of((uintptr_t)at, memory_get(at, size));
}

static bool acquires(memory_order order)
{
	return order != memory_order_relaxed && order != memory_order_release;
}

static bool releases(memory_order order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

uint64_t weak_load(const volatile void *at, size_t size, memory_order order)
{
	struct location *location = location_shared(at, size);

	if (location == NULL)
		return memory_get(at, size);
	return message_read(location, message_choose(location), acquires(order));
}

void weak_store(volatile void *at, size_t size, uint64_t value, memory_order order)
{
	struct location *location = location_shared(at, size);

	plain_stores();
	if (location != NULL)
		message_append(location, value, releases(order), NULL);
	memory_put(at, size, value);
}

static uint64_t modify(volatile void *at, size_t size, uint64_t value)
{
	struct location *location = location_shared(at, size);
	uint64_t before = memory_get(at, size);

	plain_stores();
	if (location != NULL) {
		struct message *message = &machine.messages[location->newest];

		message_read(location, message, true);
		message_append(location, value, true, &message->view);
	}
	memory_put(at, size, value);
	return before;
}

uint64_t weak_exchange(volatile void *at, size_t size, uint64_t value)
{
	return modify(at, size, value);
}

uint64_t weak_or(volatile void *at, size_t size, uint64_t value)
{
	return modify(at, size, memory_get(at, size) | value);
}

uint64_t weak_and(volatile void *at, size_t size, uint64_t value)
{
	return modify(at, size, memory_get(at, size) & value);
}

uint64_t weak_add(volatile void *at, size_t size, uint64_t value)
{
	return modify(at, size, memory_get(at, size) + value);
}

bool weak_replace(volatile void *at, size_t size, void *expected, uint64_t value)
{
	uint64_t now = memory_get(at, size);

	if (now == memory_get(expected, size)) {
		modify(at, size, value);
		return true;
	}
	memory_put(expected, size, weak_load(at, size, memory_order_seq_cst));
	return false;
}

void weak_fence(memory_order order)
{
	struct thread *thread = running();

	plain_stores();
	if (acquires(order))
		view_join(&thread->now, &thread->acquired);
	if (order == memory_order_seq_cst) {
		view_join(&thread->now, &machine.fenced);
		machine.fenced = thread->now;
	}
	if (releases(order))
		thread->released = thread->now;
}

/* ---- mutexes: an unlock releases, a lock acquires ---- */

static struct view *mutex_view(const pthread_mutex_t *mutex)
{
	for (int i = 0; i < machine.mutex_count; i++)
		if (machine.mutexes[i].mutex == mutex)
			return &machine.mutexes[i].view;
	if (machine.mutex_count == MUTEXES)
		give_up("too many mutexes");
	machine.mutexes[machine.mutex_count].mutex = mutex;
	return &machine.mutexes[machine.mutex_count++].view;
}

int weak_trylock(pthread_mutex_t *mutex)
{
	int error = pthread_mutex_trylock(mutex);

	if (error == 0)
		view_join(&running()->now, mutex_view(mutex));
	return error;
}

int weak_unlock(pthread_mutex_t *mutex)
{
	plain_stores();
	*mutex_view(mutex) = running()->now;
	return pthread_mutex_unlock(mutex);
}

void weak_thread(unsigned thread, bool is_free)
{
	plain_stores();
	machine.thread = thread;
	machine.is_free = is_free;
}

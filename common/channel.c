/* Attaching, detaching, looking after the channel; errors in words. */
#include "channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "claim.h"
#include "endpoint.h"
#include "stream.h"

/* Leaving takes microseconds; who cannot have a lock for that long waits for a stopped process. */
#define LEAVE_NS      (10 * NS_PER_SEC)
#define LEAVE_SOON_NS (1 * NS_PER_SEC)

struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns)
{
	if (channel->options.nonblock)
		return deadline_after(NS_PER_SEC, -EAGAIN, &channel->interrupted);
	return deadline_after(timeout_ns, -ETIMEDOUT, &channel->interrupted);
}

struct deadline endpoint_leave_deadline(struct channel *channel)
{
	bool soon = channel->options.nonblock || channel->options.timeout_ns != DEADLINE_NEVER ||
		    atomic_load(&channel->interrupted);

	return deadline_after(soon ? LEAVE_SOON_NS : LEAVE_NS, -ETIMEDOUT, NULL);
}

struct channel *channel_new(void)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel != NULL)
		channel->claim = NO_CLAIM;
	return channel;
}

void channel_free(struct channel *channel)
{
	free(channel);
}

void channel_interrupt(struct channel *channel)
{
	_Atomic uint32_t *wakeup;

	atomic_store(&channel->interrupted, 1);
	wakeup = atomic_load(&channel->wakeup);
	if (wakeup != NULL)
		semaphore_post(wakeup);
}

bool channel_interrupted(const struct channel *channel)
{
	return atomic_load(&channel->interrupted) != 0;
}

bool channel_nonblocking(const struct channel *channel)
{
	return channel->options.nonblock;
}

const struct channel_report *channel_report(const struct channel *channel)
{
	return &channel->report;
}

bool channel_contains(const struct channel *channel, const void *address)
{
	return segment_contains(&channel->segment, address);
}

uint64_t channel_capacity(const struct channel *channel)
{
	return channel->attached ? channel->segment.ring.capacity : 0;
}

/* ---- attaching: all of it under flock ---- */

/*
 * The kernel takes a mutex for a dying thread's own if the thread id in it is that
 * thread's, and two pid namespaces can give one id twice. So nobody with an id that a slot
 * names, even a free one, touches a mutex here. See PROTOCOL.md.
 */
static bool thread_id_taken(struct channel *channel)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		if (atomic_load(&producers_of(channel)->side.slots[slot].tid) == tid ||
		    atomic_load(&consumers_of(channel)->side.slots[slot].tid) == tid)
			return true;
	return false;
}

/* Cleans up after the dead of one side, and checks that what they left makes sense. */
static int side_visit(struct channel *channel, enum channel_role role)
{
	struct deadline deadline =
		channel->leaving ? endpoint_leave_deadline(channel)
				 : endpoint_deadline(channel, channel->options.timeout_ns);
	const struct shared_buffer *shared = channel->segment.shared;
	int rc = side_lock(channel, role, &deadline);

	if (rc < 0)
		return rc;
	rc = side_probe(channel, role);
	if (rc == 0 &&
	    !(role == CHANNEL_PRODUCER ? ring_valid_producers(&channel->segment.ring, shared)
				       : ring_valid_consumers(&channel->segment.ring, shared)))
		rc = -CHANNEL_EDAMAGED;
	side_unlock(channel, role);
	return rc;
}

static int sides_visit(struct channel *channel)
{
	int rc = side_visit(channel, CHANNEL_PRODUCER);

	return rc < 0 ? rc : side_visit(channel, CHANNEL_CONSUMER);
}

static bool holds_messages(struct channel *channel)
{
	return atomic_load(&producers_of(channel)->tail) !=
		       atomic_load(&consumers_of(channel)->head) ||
	       claims_in_use(consumers_of(channel)) != 0;
}

/* Has an end of stream, or a death, not been reported to any consumer? */
static bool untold(struct channel *channel)
{
	uint64_t events = atomic_load(&producers_of(channel)->events);
	uint64_t told = atomic_load(&consumers_of(channel)->told);

	return atomic_load(&consumers_of(channel)->empty_end) != 0 ||
	       events_differ(events, told, EVENTS_DEATHS | EVENTS_ENDS);
}

/* Does what is there agree with what the options ask for? */
static int options_check(struct channel *channel)
{
	const struct channel_options *options = &channel->options;
	struct channel_report *report = &channel->report;
	int mode = segment_mode(&channel->segment);

	if (mode < 0)
		return mode;
	if (options->mode_given && (mode_t)mode != options->mode) {
		report->mode = (mode_t)mode;
		return -CHANNEL_EMODE;
	}
	if (options->fresh) {
		report->endpoints = (unsigned)__builtin_popcountll(
			atomic_load(&side_of(channel, channel->role)->attached));
		report->holds_messages = holds_messages(channel);
		if (report->holds_messages || report->endpoints > 0)
			return -CHANNEL_EINUSE;
	}
	return 0;
}

/* What this consumer will call news: see "End of stream" in PROTOCOL.md. */
static void stream_remember(struct channel *channel)
{
	channel->events_then = atomic_load(&producers_of(channel)->events);
	channel->told_then = atomic_load(&consumers_of(channel)->told);
	channel->seen_then = holds_messages(channel) || untold(channel) ||
			     atomic_load(&producers_of(channel)->side.attached) != 0;
}

/* Takes a slot. -EBUSY: all are taken. The flock is held, and dropped by the caller. */
static int endpoint_enter(struct channel *channel)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc;

	if (thread_id_taken(channel))
		return -CHANNEL_ETHREAD;
	rc = sides_visit(channel);
	if (rc == 0)
		rc = options_check(channel);
	if (rc < 0)
		return rc;
	if (channel->role == CHANNEL_CONSUMER)
		stream_remember(channel);
	rc = side_lock(channel, channel->role, &deadline);
	if (rc < 0)
		return rc;
	rc = side_enter(channel);
	side_unlock(channel, channel->role);
	return rc;
}

static int attach_once(struct channel *channel, const struct deadline *deadline)
{
	int rc = segment_open(&channel->segment, &channel->options, deadline, &channel->report);

	if (rc < 0)
		return rc;
	rc = endpoint_enter(channel);
	if (rc < 0) {
		segment_close(&channel->segment);
		return rc;
	}
	segment_unlock(&channel->segment);
	return 0;
}

int channel_attach(struct channel *channel, enum channel_role role,
		   const struct channel_options *options)
{
	struct deadline deadline;
	int rc;

	memset(&channel->report, 0, sizeof(channel->report));
	if (channel->attached)
		return -EISCONN;
	if (!channel_name_valid(options->name))
		return -CHANNEL_ENAME;
	channel->role = role;
	channel->options = *options;
	if (channel->options.timeout_ns == 0)
		channel->options.timeout_ns = DEADLINE_NEVER;
	if (channel->options.size == 0)
		channel->options.size = CHANNEL_SIZE_DEFAULT;
	if (!options->mode_given)
		channel->options.mode = 0600;
	channel->pid = getpid();
	channel->leaving = channel->reserved = channel->inside = channel->sent = false;
	channel->claim = NO_CLAIM;
	channel->piece_acknowledged = channel->incomplete = channel->batching = false;
	channel->settled = false;
	channel->key_size = 0;
	channel->dropped = 0;
	spin_init(&channel->spin, options->spin_ns);
	channel->batch = 1;
	channel->lost = 0;
	deadline = endpoint_deadline(channel, channel->options.timeout_ns);

	for (;;) {
		rc = attach_once(channel, &deadline);
		if (rc != -EBUSY)
			break;
		/* All slots are taken: it is like a full ring, but nobody can wake us. */
		channel->report.slots_taken = true;
		rc = channel->options.nonblock ? -EAGAIN : deadline_passed(&deadline);
		if (rc < 0)
			break;
		deadline_sleep(&deadline, NS_PER_SEC);
	}
	if (rc == 0) {
		channel->report.slots_taken = false;
		channel->known_head = atomic_load(&consumers_of(channel)->head);
		channel->tail_then = atomic_load(&producers_of(channel)->tail);
		if (role == CHANNEL_CONSUMER)
			condition_broadcast(condition_consumers(channel));
	}
	channel->looked_ns = clock_coarse_ns();
	channel->report.error = rc;
	return rc;
}

/* ---- looking after it ---- */

/* How many messages are in the ring, acknowledged ones not counted. 0 if it cannot be known. */
static uint64_t messages_count(struct channel *channel)
{
	uint64_t tail = atomic_load(&producers_of(channel)->tail);
	uint64_t count = 0;
	struct record record;

	if (side_try_lock(channel, CHANNEL_CONSUMER) < 0)
		return 0;
	for (uint64_t at = atomic_load(&consumers_of(channel)->head);
	     at != tail && ring_get(&channel->segment.ring, at, tail, &record);
	     at += ring_record_bytes(record.size))
		count += record.messages;
	side_unlock(channel, CHANNEL_CONSUMER);
	return count;
}

int channel_look_after(struct channel *channel)
{
	uint64_t now = clock_coarse_ns();
	int rc = 0;

	if (channel->inside && producer_message_lost(channel))
		return -CHANNEL_ELOST;
	if (now - channel->looked_ns < LOOK_AFTER_MS * NS_PER_MS)
		return 0;
	channel->looked_ns = now;
	rc = segment_check(&channel->segment);
	if (rc == -CHANNEL_EREMOVED)
		channel->report.messages = messages_count(channel);
	if (rc < 0)
		return rc;
	/* Who finds a mutex taken knows that somebody alive, or stopped, works there. */
	for (int role = CHANNEL_PRODUCER; rc >= 0 && role <= CHANNEL_CONSUMER; role++) {
		rc = side_try_lock(channel, (enum channel_role)role);
		if (rc == 0) {
			rc = side_probe(channel, (enum channel_role)role);
			side_unlock(channel, (enum channel_role)role);
		} else if (rc == -EBUSY) {
			rc = 0;
		}
	}
	return rc;
}

/* ---- detaching ---- */

/* Nothing is left in it and nobody is there: only then the object may go. Under flock. */
static bool deserted(struct channel *channel)
{
	return sides_visit(channel) == 0 &&
	       atomic_load(&producers_of(channel)->side.attached) == 0 &&
	       atomic_load(&consumers_of(channel)->side.attached) == 0 &&
	       !holds_messages(channel) && !untold(channel);
}

/* The producer's part of leaving, with its side's mutex held. */
static void producer_leave(struct channel *channel, unsigned flags)
{
	struct producers *producers = producers_of(channel);
	uint64_t events = atomic_load(&producers->events);

	producer_bury(channel, channel->slot); /* an unfinished message, the turn */
	if ((flags & CHANNEL_FAILED) != 0)
		events = events_add(events, EVENT_DEATH);
	if ((flags & CHANNEL_END) != 0)
		events = events_add(events, EVENT_END);
	atomic_store(&producers->events, events);
}

/*
 * A producer leaves that has sent nothing. A consumer that comes later shall find the end of an
 * empty stream, unless it had not begun, or others have sent something meanwhile. Attaching needs
 * the flock that we hold, so "nobody is attached" stays true. Returns the flags that are left.
 */
static unsigned empty_leave(struct channel *channel, unsigned flags)
{
	if (atomic_load(&consumers_of(channel)->side.attached) != 0)
		return flags;
	if ((flags & CHANNEL_UNBEGUN) != 0)
		return 0;
	if (atomic_load(&producers_of(channel)->tail) == channel->tail_then)
		atomic_store(&consumers_of(channel)->empty_end, 1);
	return flags;
}

static int endpoint_leave(struct channel *channel, unsigned flags)
{
	struct deadline deadline = endpoint_leave_deadline(channel);
	int rc;

	if (channel->role == CHANNEL_CONSUMER) {
		rc = channel_give_back(channel, 0);
		if (rc < 0)
			return rc;
	} else if (!channel->sent) {
		rc = side_visit(channel, CHANNEL_CONSUMER);
		if (rc < 0)
			return rc;
		flags = empty_leave(channel, flags);
	}
	rc = side_lock(channel, channel->role, &deadline);
	if (rc < 0)
		return rc;
	if (channel->role == CHANNEL_PRODUCER)
		producer_leave(channel, flags);
	side_leave(channel);
	side_unlock(channel, channel->role);
	endpoint_wake_all(channel);
	return 0;
}

void channel_detach(struct channel *channel, unsigned flags)
{
	struct deadline deadline;

	if (!channel->attached || channel->pid != getpid())
		return;
	channel->leaving = true;
	deadline = endpoint_leave_deadline(channel);
	if (segment_lock(&channel->segment, &deadline) < 0 || endpoint_leave(channel, flags) < 0) {
		/*
		 * Our death will say what we cannot. Until then the mapping must stay: the kernel
		 * finds the mutexes of the dead in their memory.
		 */
		segment_abandon(&channel->segment);
		atomic_store(&channel->wakeup, NULL);
		channel->attached = false;
		return;
	}
	if (segment_check(&channel->segment) == 0 && deserted(channel))
		segment_remove(&channel->segment); /* a refusal leaves it, empty, to its owner */
	segment_close(&channel->segment);
	channel->leaving = false;
}

/* ---- errors in words ---- */

static void explain_wait(const struct channel *channel, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	const char *side = channel->role == CHANNEL_PRODUCER ? "producers" : "consumers";

	if (report->slots_taken)
		snprintf(buffer, size, "all %d places for %s are taken", SLOT_COUNT, side);
	else if (report->lock_taken && report->holder != 0)
		snprintf(buffer, size, "its lock is held by process %ld", (long)report->holder);
	else if (report->lock_taken)
		snprintf(buffer, size, "its lock is held by another process");
	else if (report->turn_taken)
		snprintf(buffer, size, "another producer, process %ld, is first and does not go on",
			 (long)report->holder);
	else if (channel->role == CHANNEL_PRODUCER)
		snprintf(buffer, size, "it is full and no consumer has made room");
	else
		snprintf(buffer, size, "no message has come");
}

static void explain_in_use(const struct channel_report *report, char *buffer, size_t size,
			   const char *role)
{
	if (report->holds_messages)
		snprintf(buffer, size, "it already holds messages (--new asks for a new channel)");
	else
		snprintf(buffer, size, "it already has %u %s%s (--new asks for a new channel)",
			 report->endpoints, role, report->endpoints == 1 ? "" : "s");
}

const char *channel_explain(const struct channel *channel, int error, char *buffer, size_t size)
{
	const struct channel_report *report = &channel->report;
	const char *role = channel->role == CHANNEL_PRODUCER ? "producer" : "consumer";

	switch (-error) {
	case CHANNEL_EFOREIGN:
		snprintf(buffer, size, "the shared-memory object of that name is not a channel");
		break;
	case CHANNEL_EDAMAGED:
		snprintf(buffer, size, "channel is damaged");
		break;
	case CHANNEL_EVERSION:
	case CHANNEL_EABI:
		snprintf(buffer, size, "it was made by a different build (%s; this is %s)",
			 report->theirs, report->ours);
		break;
	case CHANNEL_EOWNER:
		snprintf(buffer, size,
			 "it belongs to user %lu; --owner names another user's channel",
			 (unsigned long)report->owner);
		break;
	case CHANNEL_EMODE:
		snprintf(buffer, size, "it exists with mode %04o, not %04o", (unsigned)report->mode,
			 (unsigned)channel->options.mode);
		break;
	case CHANNEL_EINUSE:
		explain_in_use(report, buffer, size, role);
		break;
	case CHANNEL_ENAME:
		snprintf(buffer, size,
			 "not a channel name (1 to %d letters, digits, '.', '_' or '-')",
			 CHANNEL_NAME_MAX);
		break;
	case CHANNEL_EREMOVED:
		snprintf(buffer, size,
			 "the channel was removed while in use; %llu message%s in it cannot be "
			 "delivered",
			 (unsigned long long)report->messages, report->messages == 1 ? "" : "s");
		break;
	case CHANNEL_ETHREAD:
		snprintf(buffer, size, "this thread's id is in use on the other side");
		break;
	case CHANNEL_ELOST:
		snprintf(buffer, size,
			 "a consumer died or left with a part of it, the rest is discarded");
		break;
	case CHANNEL_EABORTED:
		snprintf(buffer, size, "its producer gave up in the middle of a message");
		break;
	case CHANNEL_ETOOBIG:
		snprintf(buffer, size,
			 "the message is larger than the ring of %llu bytes (--size, or without "
			 "--nonblock)",
			 (unsigned long long)channel->segment.ring.capacity);
		break;
	case ENOSPC:
		if (report->needed_bytes <= report->free_bytes)
			snprintf(buffer, size, "No space left in shared memory for another object");
		else
			snprintf(buffer, size,
				 "No space left in shared memory: %llu bytes are needed, %llu are "
				 "free"
				 " (a smaller --size, or more for /dev/shm; in Docker --shm-size)",
				 (unsigned long long)report->needed_bytes,
				 (unsigned long long)report->free_bytes);
		break;
	case ETIMEDOUT:
	case EAGAIN:
		explain_wait(channel, buffer, size);
		break;
	default:
		snprintf(buffer, size, "%s", strerror(-error));
		break;
	}
	return buffer;
}

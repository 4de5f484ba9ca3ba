/* Attaching, detaching, looking after the channel. */
#include "channel/channel.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/life.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/group.h"

/* Leaving takes microseconds; who cannot have a lock for that long waits for a stopped process. */
#define LEAVE_NS      (10 * NS_PER_SEC)
#define LEAVE_SOON_NS (1 * NS_PER_SEC)
/* A newcomer without membarrier looks again whether the others know of it: 64 ms, ..., 1 s. */
#define FENCES_PAUSE_NS (64 * NS_PER_MS)
/* An endpoint that is not held up knows it within two seconds: so long one waits that would not
 * wait. */
#define FENCES_NS (3 * NS_PER_SEC)

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
	struct channel *channel = malloc(sizeof(*channel));

	if (channel == NULL)
		return NULL;
	memset(channel, 0, offsetof(struct channel, claimed));
	channel->claim = NO_CLAIM;
	return channel;
}

void channel_free(struct channel *channel)
{
	if (channel != NULL)
		trace_free(channel->trace);
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

uint64_t channel_epoch(const struct channel *channel)
{
	return channel->segment.shared != NULL ? channel->segment.shared->header.epoch : 0;
}

mode_t channel_mode(const struct channel *channel)
{
	int mode = channel->attached ? segment_mode(&channel->segment) : 0;

	return mode < 0 ? 0 : (mode_t)mode;
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
	       groups_hold_claims(consumers_of(channel));
}

/* The same for the consumers of one group. */
static bool group_holds_messages(struct channel *channel, const struct group *group)
{
	return !cursor_equal(next_read(group),
			     cursor_at(atomic_load(&producers_of(channel)->tail))) ||
	       claims_in_use(group) != 0;
}

/* Has an end of stream, or a death, not been reported to any consumer of this group? */
static bool group_untold(struct channel *channel, const struct group *group)
{
	uint64_t events = atomic_load(&producers_of(channel)->events);

	return atomic_load(&group->empty_end) != 0 ||
	       events_differ(events, atomic_load(&group->told), EVENTS_DEATHS | EVENTS_ENDS);
}

/* Does a group wait for its consumers? Durable ones do until they are removed. */
static bool groups_wait(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		const struct group *group = &consumers->groups[__builtin_ctz(used)];

		if (group_life(group) != GROUP_FREE &&
		    (group_durable(group) || group_untold(channel, group)))
			return true;
	}
	return false;
}

/* How many of our role are attached; who only looks on does not count. */
static unsigned endpoints_alike(struct channel *channel)
{
	if (channel->role == CHANNEL_CONSUMER)
		return groups_consumers(consumers_of(channel));
	return (unsigned)__builtin_popcountll(atomic_load(&producers_of(channel)->side.attached));
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
		report->endpoints = endpoints_alike(channel);
		report->holds_messages = holds_messages(channel);
		if (report->holds_messages || report->endpoints > 0)
			return -CHANNEL_EINUSE;
	}
	return 0;
}

/* What this consumer will call news: see "End of stream" in PROTOCOL.md. */
static void stream_remember(struct channel *channel)
{
	const struct group *group = group_of(channel);

	channel->events_then = atomic_load(&producers_of(channel)->events);
	channel->told_then = atomic_load(&group->told);
	channel->seen_then = group_holds_messages(channel, group) || group_untold(channel, group) ||
			     atomic_load(&producers_of(channel)->side.attached) != 0;
}

/* It begins here, and what came before is no news to it. */
static void observer_remember(struct channel *channel)
{
	uint64_t tail;

	channel->events_then = atomic_load(&producers_of(channel)->events);
	channel->seen_then = atomic_load(&producers_of(channel)->side.attached) != 0;
	tail = tail_now(channel);
	channel->observed_from =
		channel->options.newest ? tail : atomic_load(&consumers_of(channel)->head);
	channel->observed_next = sequence_at(channel, cursor_at(channel->observed_from));
	channel->seen_then |= channel->observed_from != tail;
}

/* The consumers' mutex is held. */
static int consumer_enter(struct channel *channel)
{
	const struct channel_options *options = &channel->options;
	int rc;

	if (options->observe) {
		observer_remember(channel);
		return side_enter(channel);
	}
	rc = group_enter(channel, options->group == NULL ? "" : options->group, options->newest);
	if (rc < 0)
		return rc;
	channel->group = (unsigned)rc;
	stream_remember(channel);
	return side_enter(channel);
}

/* Declares the durable groups that a producer names; so either order works for all of them. */
static int groups_declare(struct channel *channel, const struct deadline *deadline)
{
	const char *const *names = channel->options.groups;
	int rc;

	if (names == NULL || names[0] == NULL)
		return 0;
	rc = side_lock(channel, CHANNEL_CONSUMER, deadline);
	if (rc < 0)
		return rc;
	for (; rc >= 0 && *names != NULL; names++) {
		rc = group_enter(channel, *names, false);
		if (rc >= 0)
			group_keep(&consumers_of(channel)->groups[rc]);
	}
	side_unlock(channel, CHANNEL_CONSUMER);
	return rc < 0 ? rc : 0;
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
	if (rc == 0) /* last: there is no way back from that */
		rc = fences_agree(channel);
	if (rc == 0)
		rc = groups_declare(channel, &deadline);
	if (rc == 0)
		rc = side_lock(channel, channel->role, &deadline);
	if (rc < 0)
		return rc;
	rc = channel->role == CHANNEL_CONSUMER ? consumer_enter(channel) : side_enter(channel);
	side_unlock(channel, channel->role);
	/* We are attached; now, who writes alone? Pairs with the light one in send_alone(). */
	if (rc == 0 && channel->role == CHANNEL_PRODUCER)
		barrier_heavy(channel->segment.membarrier);
	return rc;
}

void endpoint_waits_on(struct channel *channel, enum channel_wait what, pid_t holder)
{
	struct channel_report before = channel->report;

	if (channel->options.waiting == NULL)
		return;
	channel->report.waits = what;
	channel->report.holder = holder;
	channel->report.lock_taken = what == CHANNEL_WAITS_LOCK;
	channel->report.turn_taken = what == CHANNEL_WAITS_TURN;
	channel->options.waiting(channel);
	channel->report = before; /* it is not over: what comes of it is not known */
}

void endpoint_waits(struct channel *channel, enum channel_wait what, pid_t holder)
{
	uint64_t now;

	if (channel->options.waiting == NULL)
		return;
	now = clock_coarse_ns();
	if (now - channel->told_ns < LOOK_AFTER_MS * NS_PER_MS)
		return;
	channel->told_ns = now;
	endpoint_waits_on(channel, what, holder);
}

/* The flock is waited for in slices of a second, if somebody wants to know why it takes long. */
static int segment_open_telling(struct channel *channel, const struct deadline *deadline)
{
	for (;;) {
		struct deadline slice = *deadline;
		int rc;

		if (channel->options.waiting != NULL)
			slice = deadline_after(deadline_slice_ns(deadline, NS_PER_SEC),
					       deadline->expired, deadline->interrupted);
		channel->report.lock_taken = false;
		rc = segment_open(&channel->segment, &channel->options, &slice, &channel->report);
		/*
		 * -EINTR: in the middle of making it, when the slice, and nothing else, was over.
		 */
		if ((rc != deadline->expired && rc != -EINTR) || deadline_passed(deadline) != 0)
			return rc;
		/* It may have been something else that took long. */
		if (channel->report.lock_taken)
			endpoint_waits_on(channel, CHANNEL_WAITS_LOCK, channel->report.holder);
	}
}

static int attach_once(struct channel *channel, const struct deadline *deadline)
{
	int rc = segment_open_telling(channel, deadline);

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

/* Takes over the options, with the defaults filled in. */
static void channel_begin(struct channel *channel, enum channel_role role,
			  const struct channel_options *options)
{
	memset(&channel->report, 0, sizeof(channel->report));
	channel->role = role;
	channel->options = *options;
	channel->options.observe = options->observe && role == CHANNEL_CONSUMER;
	if (channel->options.timeout_ns == 0)
		channel->options.timeout_ns = DEADLINE_NEVER;
	if (channel->options.size == 0)
		channel->options.size = CHANNEL_SIZE_DEFAULT;
	if (channel->options.share == 0)
		channel->options.share = 1;
	if (!options->mode_given)
		channel->options.mode = 0600;
	channel->pid = getpid();
	channel->since = life_now_ns();
	channel->namespaces = life_namespaces();
}

/* Begins a trace, if one is asked for. */
static int channel_trace(struct channel *channel)
{
	if (channel->options.trace != NULL && channel->trace == NULL)
		channel->trace = trace_new(channel->options.trace);
	if (channel->options.trace != NULL && channel->trace == NULL)
		return -ENOMEM;
	if (channel->trace != NULL)
		trace_endpoint(channel->trace, channel->options.name,
			       channel->role == CHANNEL_CONSUMER);
	return 0;
}

/* All that can be known of it is in the channel now. */
static void attach_trace(struct channel *channel, int rc)
{
	if (channel->trace == NULL)
		return;
	if (rc == 0)
		channel->trace->slot = (uint8_t)channel->slot;
	trace_event(channel->trace, .kind = TRACE_ATTACH, .phase = TRACE_END,
		    .size = (uint32_t)(rc < 0 ? -rc : 0));
	if (rc < 0)
		trace_flush(channel->trace);
}

/* All slots are taken: it is like a full ring. */
static int attach_pause_place(struct channel *channel, const struct deadline *deadline)
{
	int rc = channel->options.nonblock ? -EAGAIN : deadline_passed(deadline);

	channel->report.slots_taken = true;
	if (rc < 0)
		return rc;
	deadline_sleep(deadline, NS_PER_SEC);
	endpoint_waits_on(channel, CHANNEL_WAITS_PLACE, 0);
	return 0;
}

/* Some endpoint does without fences yet, and we have no membarrier. */
static int attach_pause_fences(struct channel *channel, struct deadline *deadline, unsigned pauses)
{
	int rc;

	channel->report.slots_taken = false;
	if (pauses == 0 && channel->options.nonblock)
		*deadline = deadline_after(FENCES_NS, -EAGAIN, &channel->interrupted);
	rc = deadline_passed(deadline);
	if (rc < 0)
		return rc;
	deadline_sleep(deadline, FENCES_PAUSE_NS << (pauses < 4 ? pauses : 4));
	if (pauses >= 4) /* it has been a second, and is one each time */
		endpoint_waits_on(channel, CHANNEL_WAITS_FENCES, channel->report.holder);
	return 0;
}

/*
 * Nobody can wake a newcomer: it looks again after a while. `pauses`: how many there were. 0, or
 * the error with which it ends.
 */
static int attach_pause(struct channel *channel, struct deadline *deadline, unsigned pauses)
{
	return channel->report.fences_awaited ? attach_pause_fences(channel, deadline, pauses)
					      : attach_pause_place(channel, deadline);
}

int channel_attach(struct channel *channel, enum channel_role role,
		   const struct channel_options *options)
{
	struct deadline deadline;
	unsigned pauses = 0;
	int rc;

	if (channel->attached)
		return -EISCONN;
	if (!channel_name_valid(options->name))
		return -CHANNEL_ENAME;
	channel_begin(channel, role, options);
	rc = channel_trace(channel);
	if (rc < 0)
		return rc;
	trace_begin(channel->trace, TRACE_ATTACH, TRACE_NOTHING);
	channel->leaving = channel->reserved = channel->inside = channel->sent = false;
	channel->claim = NO_CLAIM;
	channel->piece_acknowledged = channel->incomplete = channel->batching = false;
	channel->end_passed = channel->ended = false;
	channel->look_pause = channel->look_pause_next = 0;
	channel->settled = channel->was_alone = channel->skipping = false;
	channel->key_size = 0;
	channel->dropped = 0;
	spin_init(&channel->spin, options->spin_ns);
	/*
	 * It always learns: a long spin would hold up a producer for which there is room by then.
	 */
	spin_init(&channel->room_spin, options->spin_ns == CHANNEL_SPIN_OFF ? CHANNEL_SPIN_OFF : 0);
	channel->batch = 1;
	channel->lost = channel->missed = 0;
	deadline = endpoint_deadline(channel, channel->options.timeout_ns);

	for (;;) {
		rc = attach_once(channel, &deadline);
		if (rc == -EBUSY)
			rc = attach_pause(channel, &deadline, pauses++);
		else
			break;
		if (rc < 0)
			break;
	}
	if (rc == 0) {
		channel->report.slots_taken = channel->report.fences_awaited = false;
		channel->known_head = atomic_load(&consumers_of(channel)->head);
		channel->tail_then = atomic_load(&producers_of(channel)->tail);
		if (role == CHANNEL_CONSUMER)
			condition_broadcast(condition_consumers(channel));
	}
	attach_trace(channel, rc);
	channel->looked_ns = clock_coarse_ns();
	channel->report.error = rc;
	return rc;
}

int channel_open_to_read(struct channel *channel, const struct channel_options *options)
{
	if (!channel_name_valid(options->name))
		return -CHANNEL_ENAME;
	channel_begin(channel, CHANNEL_CONSUMER, options);
	return segment_open_to_read(&channel->segment, &channel->options, &channel->report);
}

/* Nothing is left in it and nobody is there: only then the object may go. Under flock. */
static bool deserted(struct channel *channel)
{
	return sides_visit(channel) == 0 &&
	       atomic_load(&producers_of(channel)->side.attached) == 0 &&
	       atomic_load(&consumers_of(channel)->side.attached) == 0 &&
	       !holds_messages(channel) && !groups_wait(channel);
}

/* ---- groups that are not wanted any more ---- */

/* The consumers' mutex is held. */
static int group_discard_named(struct channel *channel, const char *name, uint64_t *messages)
{
	struct consumers *consumers = consumers_of(channel);
	int index = group_find(consumers, name);
	struct group *group;
	int rc;

	if (index == GROUP_NONE)
		return -CHANNEL_ENOGROUP;
	group = &consumers->groups[index];
	channel->report.endpoints = (unsigned)__builtin_popcountll(group_members(consumers, group));
	if (channel->report.endpoints > 0)
		return -CHANNEL_EINUSE;
	rc = group_messages(channel, group, messages);
	if (rc == 0)
		group_discard(channel, group);
	return rc;
}

static int group_remove_locked(struct channel *channel, const char *name, uint64_t *messages)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc;

	if (thread_id_taken(channel))
		return -CHANNEL_ETHREAD;
	rc = sides_visit(channel);
	if (rc == 0)
		rc = side_lock(channel, CHANNEL_CONSUMER, &deadline);
	if (rc < 0)
		return rc;
	rc = group_discard_named(channel, name, messages);
	side_unlock(channel, CHANNEL_CONSUMER);
	if (rc == 0 && deserted(channel))
		segment_remove(&channel->segment);
	return rc;
}

int channel_group_remove(struct channel *channel, const struct channel_options *options,
			 const char *name, uint64_t *messages)
{
	struct deadline deadline;
	int rc;

	if (channel->attached)
		return -EISCONN;
	if (!channel_name_valid(options->name))
		return -CHANNEL_ENAME;
	channel_begin(channel, CHANNEL_CONSUMER, options);
	channel->options.never_create = true;
	deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	rc = segment_open(&channel->segment, &channel->options, &deadline, &channel->report);
	if (rc == 0) {
		rc = group_remove_locked(channel, name, messages);
		segment_close(&channel->segment);
	}
	channel->report.error = rc;
	return rc;
}

/* ---- looking after it ---- */

void channel_count_left(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);
	bool ours = channel->role == CHANNEL_CONSUMER && !channel->options.observe;
	uint64_t most = 0, count;

	if (side_try_lock(channel, CHANNEL_CONSUMER) < 0)
		return;
	for (unsigned used = groups_in_use(consumers); used != 0; used &= used - 1) {
		unsigned index = (unsigned)__builtin_ctz(used);

		if (ours && index != channel->group)
			continue;
		if (group_messages(channel, &consumers->groups[index], &count) == 0 && count > most)
			most = count;
	}
	side_unlock(channel, CHANNEL_CONSUMER);
	channel->report.messages = most;
}

int channel_look_after(struct channel *channel)
{
	uint64_t now = clock_coarse_ns();
	int rc = 0;

	trace_settle(channel->trace);
	channel->look_pause_next = now != channel->looked_at_ns ? 0
				   : channel->look_pause_next < LOOK_PAUSE_MAX / 2
					   ? 2 * channel->look_pause_next + 1
					   : LOOK_PAUSE_MAX;
	channel->look_pause = channel->look_pause_next;
	channel->looked_at_ns = now;
	if (channel->inside && producer_message_lost(channel))
		return -CHANNEL_ELOST;
	if (now - channel->looked_ns < LOOK_AFTER_MS * NS_PER_MS)
		return 0;
	channel->looked_ns = now;
	fences_look(channel);
	trace_sleep(channel->trace); /* who waits elsewhere, for input say, is here each second */
	rc = segment_check(&channel->segment);
	if (rc == -CHANNEL_EREMOVED)
		channel_count_left(channel);
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

/* A producer leaves that has sent nothing: those who come later to a group shall know of it. */
static void groups_note_empty_end(struct consumers *consumers)
{
	for (uint32_t used = groups_in_use(consumers); used != 0; used &= used - 1) {
		struct group *group = &consumers->groups[__builtin_ctz(used)];

		if (group_life(group) != GROUP_FREE && group_members(consumers, group) == 0)
			atomic_store(&group->empty_end, 1);
	}
}

/*
 * A producer leaves that has sent nothing. A consumer that comes later shall find the end of an
 * empty stream, unless it had not begun, or others have sent something meanwhile. Attaching needs
 * the flock that we hold, so "nobody is attached" stays true. Returns the flags that are left.
 */
static unsigned empty_leave(struct channel *channel, unsigned flags)
{
	if ((flags & CHANNEL_UNBEGUN) != 0 && groups_consumers(consumers_of(channel)) == 0)
		return 0;
	if (atomic_load(&producers_of(channel)->tail) == channel->tail_then)
		groups_note_empty_end(consumers_of(channel));
	return flags;
}

/*
 * A consumer that has ended leaves and reports the end: nobody else of its group need. With the
 * mutex held, so that `told` never goes back: another one may have ended later and left before.
 */
static void end_tell(struct channel *channel)
{
	struct group *group = group_of(channel);

	if (!channel->ended)
		return;
	if (events_later(channel->end_events, atomic_load(&group->told)))
		atomic_store(&group->told, channel->end_events);
	atomic_store(&group->empty_end, 0);
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
	else if ((flags & CHANNEL_UNTOLD) == 0)
		end_tell(channel);
	side_leave(channel);
	side_unlock(channel, channel->role);
	endpoint_wake_all(channel);
	return 0;
}

static void endpoint_detach(struct channel *channel, unsigned flags)
{
	struct deadline deadline = endpoint_leave_deadline(channel);

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

void channel_detach(struct channel *channel, unsigned flags)
{
	if (!channel->attached || channel->pid != getpid())
		return;
	channel->leaving = true;
	trace_begin(channel->trace, TRACE_DETACH, TRACE_NOTHING);
	endpoint_detach(channel, flags);
	trace_end(channel->trace, TRACE_DETACH, TRACE_NOTHING);
	trace_sleep(channel->trace);
}

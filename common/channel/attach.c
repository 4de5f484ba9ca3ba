#include "channel/attach.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "base/life.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/condition.h"
#include "channel/contents.h"
#include "channel/endpoint.h"
#include "channel/fences.h"
#include "channel/group.h"
#include "channel/recover.h"
#include "channel/ring.h"
#include "channel/segment.h"
#include "channel/sequence.h"
#include "channel/side.h"
#include "channel/slot.h"
#include "channel/spin.h"
#include "channel/trace.h"
#include "channel/waits.h"
#include "shared_buffer.h"

/*
 * A newcomer without membarrier checks again whether the others have noticed it: after 64 ms, twice
 * that, and so on, up to 1 s.
 */
#define FENCES_PAUSE_NS (64 * NS_PER_MS)
/*
 * An endpoint that is not held up notices it within two seconds: so long even a nonblocking
 * newcomer waits.
 */
#define FENCES_NS (3 * NS_PER_SEC)

/* ---- attaching: all of it under flock ---- */

/* Returns how many endpoints of our role are attached; observers do not count. */
static unsigned endpoints_of_role(struct channel *channel)
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
		report->endpoints = endpoints_of_role(channel);
		report->holds_messages = channel_holds_messages(channel);
		if (report->holds_messages || report->endpoints > 0)
			return -CHANNEL_EINUSE;
	}
	return 0;
}

/*
 * Remembers what had happened before this consumer attached, to recognise an end of stream that is
 * new to it: see "End of stream" in PROTOCOL.md.
 */
static void stream_remember(struct channel *channel)
{
	const struct group *group = group_of(channel);

	channel->receiving.events_then = atomic_load(&producers_of(channel)->events);
	channel->receiving.told_then = atomic_load(&group->told);
	channel->receiving.seen_then = group_holds_messages(channel, group) ||
				       group_end_unreported(channel, group) ||
				       atomic_load(&producers_of(channel)->side.attached) != 0;
}

/*
 * Like stream_remember(), for an observer: it starts here, and does not report ends that happened
 * before.
 */
static void observer_remember(struct channel *channel)
{
	uint64_t tail;

	channel->receiving.events_then = atomic_load(&producers_of(channel)->events);
	channel->receiving.seen_then = atomic_load(&producers_of(channel)->side.attached) != 0;
	tail = tail_now(channel);
	channel->receiving.observed_from =
		channel->options.newest ? tail : atomic_load(&consumers_of(channel)->head);
	channel->receiving.observed_next =
		sequence_at(channel, cursor_at(channel->receiving.observed_from));
	channel->receiving.seen_then |= channel->receiving.observed_from != tail;
}

/* Takes a slot for a consumer or an observer. The consumers' mutex is held. */
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
	channel->receiving.group = (unsigned)rc;
	stream_remember(channel);
	return side_enter(channel);
}

/*
 * Makes the groups durable that a producer names, and begins those that do not exist; so it does
 * not matter whether a group's consumers or its producers start first.
 */
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

/*
 * Takes a slot. -EBUSY: all are taken, or report.fences_awaited. The flock is held on entry and on
 * return.
 */
static int endpoint_enter(struct channel *channel)
{
	struct deadline deadline = endpoint_deadline(channel, channel->options.timeout_ns);
	int rc;

	if (thread_id_taken(channel))
		return -CHANNEL_ETHREAD;
	rc = sides_recover(channel);
	if (rc == 0)
		rc = options_check(channel);
	if (rc == 0) /* the last check, as what it changes cannot be undone */
		rc = fences_agree(channel);
	if (rc == 0)
		rc = groups_declare(channel, &deadline);
	if (rc == 0)
		rc = side_lock(channel, channel->role, &deadline);
	if (rc < 0)
		return rc;
	rc = channel->role == CHANNEL_CONSUMER ? consumer_enter(channel) : side_enter(channel);
	side_unlock(channel, channel->role);
	/*
	 * We are attached; only after this fence we look whether a producer writes as if it were
	 * alone. Pairs with the light fence in send_alone().
	 */
	if (rc == 0 && channel->role == CHANNEL_PRODUCER)
		barrier_heavy(channel->segment.membarrier);
	return rc;
}

/*
 * Opens the segment. If the caller wants to be told about waits, waits for the flock in slices of a
 * second.
 */
static int segment_open_reporting(struct channel *channel, const struct deadline *deadline)
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
		 * It is -EINTR if the slice, and nothing else, was over while the object was being
		 * created.
		 */
		if ((rc != deadline->expired && rc != -EINTR) || deadline_passed(deadline) != 0)
			return rc;
		/* Something else may have taken that long. */
		if (channel->report.lock_taken)
			endpoint_waits_on(channel, CHANNEL_WAITS_LOCK, channel->report.holder);
	}
}

/* Opens the channel and takes a slot. -EBUSY: see endpoint_enter(). */
static int attach_once(struct channel *channel, const struct deadline *deadline)
{
	int rc = segment_open_reporting(channel, deadline);

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

void channel_begin(struct channel *channel, enum channel_role role,
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

/* Begins a trace, if the options ask for one. */
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

/* Notes the end of attaching, once the channel holds all that a trace says about the endpoint. */
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

/* Pauses because all slots are taken, which is handled like a full ring. */
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

/* Pauses because an endpoint still publishes without fences, while we have no membarrier. */
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
	if (pauses >= 4) /* the pauses add up to a second, and now each is one */
		endpoint_waits_on(channel, CHANNEL_WAITS_FENCES, channel->report.holder);
	return 0;
}

/*
 * Pauses before the next attempt, as nobody can wake a newcomer. `pauses` is how many pauses there
 * were before. Returns 0, or the error that ends attaching.
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
	channel->leaving = false;
	channel->sending = (struct sending){ 0 };
	channel->receiving = (struct receiving){ .claim = CLAIM_NONE };
	channel->batch = (struct batch){ .records = 1 };
	channel->look_pause = channel->look_pause_next = 0;
	spin_init(&channel->spin, options->spin_ns);
	/*
	 * The spin for room always learns: a long fixed one would keep a producer spinning for
	 * which there is room by then.
	 */
	spin_init(&channel->room_spin, options->spin_ns == CHANNEL_SPIN_OFF ? CHANNEL_SPIN_OFF : 0);
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
		channel->sending.known_head = atomic_load(&consumers_of(channel)->head);
		channel->sending.tail_then = atomic_load(&producers_of(channel)->tail);
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

#include "observe/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/events.h"
#include "channel/fences.h"
#include "channel/ring.h"
#include "channel/sequence.h"
#include "channel/waits.h"
#include "observe/view.h"
#include "receive/stream_over.h"
#include "shared_buffer.h"

/* What tap_look() returns besides errors and public results: there is nothing to deliver yet. */
enum { LOOK_NOTHING = 3 };

struct tap {
	struct channel *channel;
	struct view view;
	uint64_t next;	 /* number of the message that comes next if none is missed; 0: not known */
	bool passed;	 /* records were overwritten: messages up to the next one seen are missed */
	bool inside;	 /* the first piece of a message was delivered, and not the last yet */
	bool skipping;	 /* pieces of a message whose first piece was not seen */
	bool ended;	 /* the last end is one to stop at: tap_receive() returns CHANNEL_ENDED */
	uint64_t number; /* of the message that we are inside */
	uint64_t missed; /* see tap_missed() */
};

struct tap *tap_new(struct channel *channel)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (tap != NULL)
		tap->channel = channel;
	return tap;
}

void tap_free(struct tap *tap)
{
	if (tap == NULL)
		return;
	view_free(&tap->view);
	free(tap);
}

uint64_t tap_missed(const struct tap *tap)
{
	return tap->missed;
}

int tap_attach(struct tap *tap, const struct channel_options *options)
{
	struct channel_options observing = *options;
	int rc;

	observing.observe = true;
	rc = channel_attach(tap->channel, CHANNEL_CONSUMER, &observing);
	if (rc < 0)
		return rc;
	tap->view.position = tap->channel->receiving.observed_from;
	tap->view.loaded = false;
	tap->next = tap->channel->receiving.observed_next;
	tap->passed = tap->inside = tap->skipping = tap->ended = false;
	tap->missed = 0;
	return 0;
}

/* We see the message of this number, and `messages` messages from it on: counts what was missed. */
static void number_seen(struct tap *tap, uint64_t number, uint32_t messages)
{
	if (tap->passed && tap->next != 0 && position_before(tap->next, number))
		tap->missed += number - tap->next;
	tap->passed = false;
	tap->next = number + messages;
}

/*
 * We have come to tail, and all there was has been seen or missed. It may be the end of the stream,
 * so what was missed is counted now, and not when the next message comes.
 */
static void tail_seen(struct tap *tap)
{
	uint64_t number;

	if (!tap->passed)
		return;
	number = sequence_at(tap->channel, cursor_at(tap->view.position));
	if (number != 0)
		number_seen(tap, number, 0);
}

/*
 * Producers have overwritten the record that we were to read: goes on with the oldest one that a
 * group needs. Returns 0, or -CHANNEL_EBEHIND if we were inside a message, or an error.
 */
static int fall_behind(struct tap *tap)
{
	int rc = view_to_head(tap->channel, &tap->view);

	tap->passed = true;
	if (rc == 0 && tap->inside)
		rc = -CHANNEL_EBEHIND;
	tap->inside = tap->skipping = false;
	return rc;
}

/*
 * Decides about a piece that is not a message's first. Returns CHANNEL_DELIVERED if it is the next
 * of the message that we are inside, LOOK_NOTHING if it is skipped, or an error.
 */
static int piece_sort(struct tap *tap)
{
	const struct record *record = &tap->view.record;

	if (!tap->inside) {
		/* Its first piece had the message's number. If we saw none of it, it is missed. */
		if (tap->passed &&
		    (tap->next == 0 || position_before(tap->next, record->sequence + 1)))
			number_seen(tap, record->sequence + 1, 0);
		tap->skipping = (record->flags & RECORD_MORE) != 0;
		view_next(&tap->view);
		return LOOK_NOTHING;
	}
	if (record->sequence != tap->number)
		return -CHANNEL_EDAMAGED;
	tap->inside = (record->flags & RECORD_MORE) != 0;
	if ((record->flags & RECORD_ABORTED) == 0)
		return CHANNEL_DELIVERED;
	view_next(&tap->view);
	return -CHANNEL_EABORTED;
}

/*
 * Decides about the first piece of a message. A message that is known to be aborted is skipped, and
 * is not missed. Returns CHANNEL_DELIVERED, LOOK_NOTHING: look at the next record, or an error.
 */
static int first_piece_sort(struct tap *tap, uint64_t tail)
{
	uint64_t after;
	int chain = view_chain(tap->channel, &tap->view, tail, &after);

	if (chain < 0)
		return chain;
	if (chain == CHAIN_PASSED) {
		int rc = fall_behind(tap);

		return rc < 0 ? rc : LOOK_NOTHING;
	}
	number_seen(tap, tap->view.record.sequence, 1);
	if (chain == CHAIN_ABORTED) {
		tap->view.position = after;
		tap->view.loaded = false;
		return LOOK_NOTHING;
	}
	tap->inside = true;
	tap->number = tap->view.record.sequence;
	return CHANNEL_DELIVERED;
}

/*
 * Decides about the record that was just copied. Returns CHANNEL_DELIVERED if the caller gets it,
 * LOOK_NOTHING: look at the next record, or an error.
 */
static int record_sort(struct tap *tap, uint64_t tail)
{
	const struct record *record = &tap->view.record;

	if ((record->flags & RECORD_CONTINUED) != 0)
		return piece_sort(tap);
	if (tap->inside)
		return -CHANNEL_EDAMAGED; /* nothing else can come inside a message */
	tap->skipping = false;
	if ((record->flags & RECORD_MORE) != 0)
		return first_piece_sort(tap, tail);
	number_seen(tap, record->sequence, record->messages);
	return CHANNEL_DELIVERED;
}

/* Copies the next record that the caller gets. CHANNEL_DELIVERED, LOOK_NOTHING or an error. */
static int record_load(struct tap *tap)
{
	for (;;) {
		uint64_t tail = tail_now(tap->channel);
		int rc = view_load(tap->channel, &tap->view, tail);

		if (rc == VIEW_NOTHING) {
			tail_seen(tap);
			return LOOK_NOTHING;
		}
		if (rc == VIEW_PASSED)
			rc = fall_behind(tap);
		else if (rc == VIEW_RECORD)
			rc = record_sort(tap, tail);
		else if (rc >= 0)
			rc = -CHANNEL_EDAMAGED;
		if (rc < 0 || rc == CHANNEL_DELIVERED)
			return rc;
	}
}

/*
 * True if this is an end of the stream that tap_receive() reports: no producer is attached that
 * could still send, and something of a stream was there since we attached. Like receive_locked()
 * and stream_end(), but without `told`: an observer is in no group that could be told.
 */
static bool stream_over(struct tap *tap, unsigned flags)
{
	struct channel *channel = tap->channel;
	uint64_t events;

	if (!producers_gone(channel, &events) || tap->inside || !stream_seen(channel, events))
		return false;
	/* Also for a caller that follows: it may stop later, and ask channel_incomplete() then. */
	channel->receiving.incomplete =
		events_differ(events, channel->receiving.events_then, EVENTS_DEATHS);
	tap->ended = (flags & CHANNEL_FOLLOW) == 0 ||
		     events_differ(events, channel->receiving.events_then, EVENTS_ENDS);
	return tap->ended || (flags & CHANNEL_PASSING) != 0;
}

/* Delivers what there is. A public result, LOOK_NOTHING, or an error. */
static int tap_look(struct tap *tap, uint32_t most, unsigned flags,
		    struct channel_delivery *delivery)
{
	bool over = stream_over(tap, flags); /* before tail is read */
	int rc = CHANNEL_DELIVERED;

	if (tap->view.loaded && view_done(&tap->view))
		view_next(&tap->view);
	if (!tap->view.loaded)
		rc = record_load(tap);
	if (rc == CHANNEL_DELIVERED)
		return view_deliver(&tap->view, most, delivery);
	if (rc == LOOK_NOTHING && over)
		return tap->ended ? CHANNEL_ENDED : CHANNEL_PASSED;
	return rc;
}

struct waiting {
	struct tap *tap;
	unsigned flags;
};

/* The look of condition_wait(): true if tail has moved, or the stream has ended. */
static bool tap_ready(void *context)
{
	const struct waiting *waiting = context;

	return stream_over(waiting->tap, waiting->flags) ||
	       tail_now(waiting->tap->channel) != waiting->tap->view.position;
}

/* Sleeps until there may be something to see, up to a second. 0: look again; or an error. */
static int tap_wait(struct tap *tap, unsigned flags, const struct deadline *deadline)
{
	struct channel *channel = tap->channel;
	struct waiting waiting = { tap, flags };
	int rc = deadline_passed(deadline);

	if (rc < 0)
		return rc;
	if (condition_wait(tap->inside || tap->skipping ? condition_piece(channel)
							: condition_observed(channel),
			   channel->slot, tap_ready, &waiting, &channel->spin,
			   deadline_slice_ns(deadline, NS_PER_SEC)) ||
	    tap_ready(&waiting))
		return 0;
	/*
	 * Looks for dead endpoints only while nothing comes. A tap may be stopped at any time, and
	 * must not hold a mutex then that endpoints at work need. Endpoints at work look for the
	 * dead themselves.
	 */
	rc = channel_look_after(channel);
	if (rc == 0)
		endpoint_waits(channel, tap->inside ? CHANNEL_WAITS_PIECE : CHANNEL_WAITS_DATA, 0);
	return rc;
}

int tap_receive(struct tap *tap, uint32_t most, unsigned flags, uint64_t timeout_ns,
		struct channel_delivery *delivery)
{
	struct channel *channel = tap->channel;
	struct deadline deadline =
		deadline_after(timeout_ns == 0 ? channel->options.timeout_ns : timeout_ns,
			       -ETIMEDOUT, &channel->interrupted);
	int rc = atomic_load(&channel->interrupted) ? -EINTR : 0;

	channel->report.lock_taken = false;
	fences_look(channel); /* at each call, as a busy tap never calls channel_look_after() */
	endpoint_wait_begins(channel);
	while (rc == 0) {
		rc = tap_look(tap, most, flags, delivery);
		if (rc != LOOK_NOTHING)
			break;
		rc = (flags & CHANNEL_DONTWAIT) != 0 && !tap->inside
			     ? -EAGAIN
			     : tap_wait(tap, flags, &deadline);
	}
	if (rc == CHANNEL_DELIVERED)
		channel->looked_ns = clock_coarse_ns(); /* look after the channel in a second */
	channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

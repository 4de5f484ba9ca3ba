#include "observe/peek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/attach.h"
#include "channel/channel.h"
#include "channel/claim.h"
#include "channel/endpoint.h"
#include "channel/group.h"
#include "channel/ring.h"
#include "channel/segment.h"
#include "observe/view.h"
#include "shared_buffer.h"

/*
 * How often a group's claims are read until two readings agree: its consumers may be changing them
 * all the time.
 */
enum { NEEDS_TRIES = 1000 };

/* What a group has not acknowledged: its claims, and everything from `next` on. */
struct needs {
	struct cursor next;
	uint64_t claim_count; /* 64 bits: so there is no padding, and memcmp() can compare */
	struct {
		struct cursor begin, end;
	} claims[SLOT_COUNT];
};

struct peek {
	struct channel *channel;
	struct view view;
	uint64_t tail;	    /* as it was in peek_open(): nothing beyond it is shown */
	bool all;	    /* there is no group: every message is wanted */
	struct needs needs; /* of the group */
	bool inside;	    /* a message in pieces, all of which were there; it ends ... */
	uint64_t after;	    /* ... at this position */
	uint64_t partial;   /* see peek_partial() */
};

struct peek *peek_new(struct channel *channel)
{
	struct peek *peek = calloc(1, sizeof(*peek));

	if (peek != NULL)
		peek->channel = channel;
	return peek;
}

void peek_free(struct peek *peek)
{
	if (peek == NULL)
		return;
	view_free(&peek->view);
	free(peek);
}

uint64_t peek_partial(const struct peek *peek)
{
	return peek->partial;
}

/*
 * Reads a group's `next` and claims without the mutex that guards them. They may be inconsistent.
 * That does no harm: they only choose among records that are found from head on.
 */
static void needs_read_once(const struct group *group, struct needs *needs)
{
	memset(needs, 0, sizeof(*needs));
	needs->next = next_read(group);
	for (uint64_t used = claims_in_use(group); used != 0; used &= used - 1) {
		const struct claim *claim = &group->claims[__builtin_ctzll(used)];
		struct claim_state state = claim_read(claim);

		if (claim_owner(claim) == OWNER_FREE)
			continue;
		needs->claims[needs->claim_count].begin = state.begin;
		needs->claims[needs->claim_count++].end = state.end;
	}
}

/* Reads them until two readings in a row agree. */
static void needs_read(const struct group *group, struct needs *needs)
{
	struct needs again;

	needs_read_once(group, needs);
	for (int tries = 0; tries < NEEDS_TRIES; tries++) {
		atomic_thread_fence(memory_order_acquire);
		needs_read_once(group, &again);
		if (memcmp(needs, &again, sizeof(again)) == 0)
			return;
		*needs = again;
	}
}

/* Finds the group and what it needs. 0 or -CHANNEL_ENOGROUP. */
static int needs_find(struct peek *peek, const char *name)
{
	const struct consumers *consumers = consumers_of(peek->channel);
	int index = group_find(consumers, name == NULL ? "" : name);

	peek->all = index == GROUP_NONE;
	if (peek->all)
		return name == NULL ? 0 : -CHANNEL_ENOGROUP;
	needs_read(&consumers->groups[index], &peek->needs);
	return 0;
}

int peek_open(struct peek *peek, const struct channel_options *options)
{
	struct channel *channel = peek->channel;
	int rc;

	if (channel->attached)
		return -EISCONN;
	rc = channel_open_to_read(channel, options);
	if (rc < 0)
		return rc;
	peek->inside = false;
	peek->partial = 0;
	rc = needs_find(peek, options->group);
	if (rc == 0)
		rc = view_to_head(channel, &peek->view);
	if (rc == 0)
		peek->tail = tail_now(channel);
	else
		segment_close(&channel->segment);
	channel->report.error = rc;
	return rc;
}

void peek_close(struct peek *peek)
{
	segment_close(&peek->channel->segment);
}

/* True if the cursor is at message `index` of the record at this position, or before it. */
static bool reached(struct cursor cursor, uint64_t position, uint32_t index)
{
	return position_before(cursor.record, position) ||
	       (cursor.record == position && cursor.index <= index);
}

/* True if the group has not acknowledged message `index` of the record at this position. */
static bool wanted(const struct peek *peek, uint64_t position, uint32_t index)
{
	const struct needs *needs = &peek->needs;

	if (peek->all || reached(needs->next, position, index))
		return true;
	for (uint64_t i = 0; i < needs->claim_count; i++)
		if (reached(needs->claims[i].begin, position, index) &&
		    !reached(needs->claims[i].end, position, index))
			return true;
	return false;
}

/*
 * Returns how many messages of the copied record, from the current one on and without interruption,
 * are wanted; or, with `are_wanted` false, are not wanted.
 */
static uint32_t stretch(const struct peek *peek, bool are_wanted)
{
	uint32_t index = peek->view.at.index;
	uint32_t first = index;

	while (index < peek->view.record.messages &&
	       wanted(peek, peek->view.position, index) == are_wanted)
		index++;
	return index - first;
}

/*
 * Decides about a piece of a message that we are not inside. If it is the first piece of a message
 * that is wanted and of which all pieces are in the ring, that message will be shown. Otherwise all
 * its pieces are skipped. A skipped message that is wanted counts as partial, except one that its
 * producer has aborted: no consumer will get that one. Returns 0 or an error.
 */
static int piece_sort(struct peek *peek)
{
	const struct record *record = &peek->view.record;
	bool first = (record->flags & RECORD_CONTINUED) == 0;
	int chain = view_chain(peek->channel, &peek->view, peek->tail, &peek->after);

	if (chain < 0)
		return chain;
	if (first && chain == CHAIN_WHOLE) {
		peek->inside = wanted(peek, peek->view.position, 0);
		if (!peek->inside)
			peek->view.position = peek->after;
		peek->view.loaded = peek->inside;
		return 0;
	}
	if (chain != CHAIN_PASSED) {
		peek->partial +=
			chain != CHAIN_ABORTED && wanted(peek, peek->view.position, 0) ? 1 : 0;
		peek->view.position = peek->after;
	}
	peek->view.loaded = false;
	return 0;
}

/*
 * Takes one step towards the next record: afterwards it may be loaded or not. Returns
 * CHANNEL_DELIVERED if the caller has to go on, CHANNEL_ENDED after the last record, or an error.
 */
static int record_load(struct peek *peek)
{
	struct view *view = &peek->view;
	bool inside = peek->inside;
	int rc;

	if (!position_before(view->position, peek->tail))
		return CHANNEL_ENDED;
	rc = view_load(peek->channel, view, peek->tail);
	if (rc == VIEW_PASSED) { /* it was acknowledged, and overwritten */
		peek->inside = false;
		rc = view_to_head(peek->channel, view);
		if (rc == 0 && inside)
			rc = -CHANNEL_EBEHIND;
	} else if (rc == VIEW_RECORD && !inside && !record_whole(&view->record)) {
		rc = piece_sort(peek);
	}
	return rc < 0 ? rc : CHANNEL_DELIVERED;
}

/* Delivers wanted messages of the copied record. CHANNEL_ENDED: there are none left in it. */
static int record_deliver(struct peek *peek, uint32_t most, struct channel_delivery *delivery)
{
	struct view *view = &peek->view;
	uint32_t count;

	if (view_done(view))
		return CHANNEL_ENDED;
	if (peek->inside) {
		peek->inside = view->position + ring_record_bytes(view->record.size) != peek->after;
		return view_deliver(view, most, delivery);
	}
	count = stretch(peek, false);
	if (count > 0 && !view_skip(view, count))
		return -CHANNEL_EDAMAGED;
	if (view_done(view))
		return CHANNEL_ENDED;
	count = stretch(peek, true);
	return view_deliver(view, count < most ? count : most, delivery);
}

int peek_next(struct peek *peek, uint32_t most, struct channel_delivery *delivery)
{
	int rc = channel_interrupted(peek->channel) ? -EINTR : CHANNEL_DELIVERED;

	while (rc == CHANNEL_DELIVERED) {
		if (peek->view.loaded) {
			rc = record_deliver(peek, most, delivery);
			if (rc != CHANNEL_ENDED)
				break;
			view_next(&peek->view);
		}
		rc = record_load(peek);
	}
	peek->channel->report.error = rc < 0 ? rc : 0;
	return rc;
}

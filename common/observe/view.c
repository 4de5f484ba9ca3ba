#include "observe/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/ring.h"
#include "receive/deliver.h"
#include "shared_buffer.h"

void view_free(struct view *view)
{
	free(view->copy.bytes);
	memset(view, 0, sizeof(*view));
}

int view_to_head(struct channel *channel, struct view *view)
{
	const _Atomic uint64_t *head = &consumers_of(channel)->head;

	view->loaded = false;
	do {
		view->position = atomic_load_explicit(head, memory_order_acquire);
		if (view->position % RECORD_ALIGN == 0 &&
		    tail_now(channel) - view->position <= channel->segment.ring.capacity)
			return 0;
	} while (atomic_load_explicit(head, memory_order_acquire) != view->position);
	return -CHANNEL_EDAMAGED; /* head has not moved meanwhile */
}

/*
 * True if the bytes from this position on, which were read before this call, cannot have been
 * overwritten when they were read. Nothing at or after head is overwritten, because a group needs
 * it. What lies before head may be, but a producer first moves `frontier` over what it will write.
 */
static bool view_intact(struct channel *channel, uint64_t position)
{
	uint64_t capacity = channel->segment.ring.capacity;

	/*
	 * Pairs with the fence in frontier_publish(): a reader that has seen a producer's bytes
	 * sees the `frontier` that was stored before them.
	 */
	atomic_thread_fence(memory_order_acquire);
	return !position_before(position + capacity,
				atomic_load_explicit(&producers_of(channel)->frontier,
						     memory_order_relaxed)) ||
	       !position_before(position, atomic_load_explicit(&consumers_of(channel)->head,
							       memory_order_relaxed));
}

/* Reads the header of the record at this position. VIEW_RECORD, VIEW_PASSED or an error. */
static int header_read(struct channel *channel, uint64_t position, uint64_t tail,
		       struct record *record)
{
	const struct ring *ring = &channel->segment.ring;
	bool readable = tail - position <= ring->capacity;

	readable = readable && ring_get(ring, position, tail, record);
	if (!view_intact(channel, position))
		return VIEW_PASSED;
	return readable ? VIEW_RECORD : -CHANNEL_EDAMAGED;
}

/* Makes the copy hold at least `size` bytes; what was in it may be lost. 0 or -ENOMEM. */
static int copy_grow(struct view *view, size_t size)
{
	unsigned char *bytes;

	if (size <= view->copy_size)
		return 0;
	if (size < 2 * view->copy_size)
		size = 2 * view->copy_size;
	bytes = realloc(view->copy.bytes, size);
	if (bytes == NULL)
		return -ENOMEM;
	view->copy = (struct ring){ .bytes = bytes, .capacity = RING_CAPACITY_MIN };
	view->copy_size = size;
	return 0;
}

int view_load(struct channel *channel, struct view *view, uint64_t tail)
{
	struct record record;
	int rc;

	view->loaded = false;
	if (view->position == tail)
		return VIEW_NOTHING;
	rc = header_read(channel, view->position, tail, &record);
	if (rc != VIEW_RECORD)
		return rc;
	rc = copy_grow(view, sizeof(record) + record.size);
	if (rc < 0)
		return rc;
	memcpy(ring_payload(&view->copy, 0), ring_payload(&channel->segment.ring, view->position),
	       record.size);
	if (!view_intact(channel, view->position))
		return VIEW_PASSED;
	view->record = record;
	view->at = cursor_at(0);
	view->loaded = true;
	return VIEW_RECORD;
}

void view_next(struct view *view)
{
	view->position += ring_record_bytes(view->record.size);
	view->loaded = false;
}

int view_chain(struct channel *channel, const struct view *view, uint64_t tail, uint64_t *after)
{
	struct record record;

	*after = view->position;
	do {
		int rc = header_read(channel, *after, tail, &record);

		if (rc != VIEW_RECORD)
			return rc == VIEW_PASSED ? CHAIN_PASSED : rc;
		if (*after != view->position && ((record.flags & RECORD_CONTINUED) == 0 ||
						 record.sequence != view->record.sequence))
			return -CHANNEL_EDAMAGED;
		*after += ring_record_bytes(record.size);
		if ((record.flags & RECORD_ABORTED) != 0)
			return CHAIN_ABORTED;
	} while ((record.flags & RECORD_MORE) != 0 && *after != tail);
	return (record.flags & RECORD_MORE) != 0 ? CHAIN_OPEN : CHAIN_WHOLE;
}

bool view_skip(struct view *view, uint32_t count)
{
	return ring_skip(&view->copy, &view->record, count, &view->at);
}

int view_deliver(struct view *view, uint32_t most, struct channel_delivery *delivery)
{
	const struct record *record = &view->record;
	const struct claimed header = claimed_of(record);
	const unsigned char *payload = ring_payload(&view->copy, 0);
	struct cursor begin = view->at;
	uint32_t end, end_index;

	if (view_done(view) || !view_skip(view, most))
		return -CHANNEL_EDAMAGED;
	end = view_done(view) ? record_body_size(record) : view->at.offset;
	end_index = view_done(view) ? record->messages : view->at.index;
	*delivery = (struct channel_delivery){
		.bytes = payload + record->key_size + begin.offset,
		.size = end - begin.offset,
		.sequence = record->sequence + begin.index,
		.messages = end_index - begin.index,
		.attempts = 1,
	};
	delivery_describe(delivery, &header, payload);
	return CHANNEL_DELIVERED;
}

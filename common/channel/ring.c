#include "channel/ring.h"

#include "base/delimiter.h"
#include "shared_buffer.h"

uint64_t ring_block_max(uint64_t capacity)
{
	return capacity / 4 - sizeof(struct record);
}

bool record_valid_any(const struct record *header)
{
	bool piece = (header->flags & (RECORD_MORE | RECORD_CONTINUED)) != 0;

	if ((header->flags & ~(unsigned)RECORD_FLAGS) != 0 || header->producer >= SLOT_COUNT ||
	    header->key_size > header->size)
		return false;
	if ((header->flags & RECORD_ABORTED) != 0)
		return header->flags == (RECORD_ABORTED | RECORD_CONTINUED) && header->size == 0 &&
		       header->messages == 0 && header->delimiter_size == 0;
	if ((header->flags & RECORD_MORE) != 0 && (header->flags & RECORD_UNTERMINATED) != 0)
		return false;
	if (header->delimiter_size == 0)
		return (header->flags & RECORD_CONTINUED) == 0
			       ? header->messages == 1
			       : header->messages == 0 && header->key_size == 0;
	return !piece && header->messages > 0 && (header->flags & RECORD_UNTERMINATED) == 0 &&
	       record_body_size(header) / header->delimiter_size >= header->messages;
}

bool cursor_before(struct cursor a, struct cursor b)
{
	if (a.record != b.record)
		return position_before(a.record, b.record);
	return a.offset < b.offset || (a.offset == b.offset && a.index < b.index);
}

bool ring_skip(const struct ring *ring, const struct record *header, uint32_t count,
	       struct cursor *cursor)
{
	const unsigned char *body = ring_body(ring, cursor->record, header);
	uint32_t size = record_body_size(header);
	size_t skipped;

	if (cursor->offset > size || cursor->index > header->messages)
		return false;
	if (count >= header->messages - cursor->index) {
		*cursor = cursor_after(cursor->record, header);
		return true;
	}
	if (count == 0)
		return true;
	skipped =
		delimiter_skip(body + cursor->offset, size - cursor->offset,
			       body + size - header->delimiter_size, header->delimiter_size, count);
	if (skipped == 0 || cursor->offset + skipped >= size)
		return false; /* fewer than the header says: at least one should be left */
	cursor->offset += (uint32_t)skipped;
	cursor->index += count;
	return true;
}

/* Positions, records and cursors on a ring of one's own (channel/ring.h). */
#include <string.h>

#include "channel/claim.h"
#include "channel/ring.h"
#include "channel/validate.h"
#include "tests/support/ring_pages.h"
#include "tests/support/support.h"

enum { CAPACITY = 4096 };

/* Where records begin in these tests: at the ring's wrap, and where 32, 63, 64 bits end. */
static const uint64_t starts[] = {
	0,
	8,
	CAPACITY - 32,
	CAPACITY - 24,
	CAPACITY - 16,
	CAPACITY - 8,
	CAPACITY,
	3 * CAPACITY - 40,
	(UINT64_C(1) << 32) - 8,
	(UINT64_C(1) << 63) - 16,
	UINT64_C(0) - 2 * CAPACITY,
	UINT64_C(0) - CAPACITY,
	UINT64_C(0) - 48,
	UINT64_C(0) - 32,
	UINT64_C(0) - 24,
	UINT64_C(0) - 16,
	UINT64_C(0) - 8,
};

/* One of each kind of record that may be in a ring. */
static const struct record kinds[] = {
	{ .size = 0, .messages = 1 },
	{ .size = 1, .messages = 1 },
	{ .size = 13, .messages = 1, .sequence = 7, .producer = SLOT_COUNT - 1 },
	{ .size = 5, .messages = 1, .flags = RECORD_UNTERMINATED, .sequence = UINT64_MAX },
	{ .size = 6, .messages = 3, .delimiter_size = 1 },
	{ .size = 3, .messages = 3, .delimiter_size = 1 },
	{ .size = 510, .messages = 2, .delimiter_size = 255 },
	{ .size = 100, .messages = 1, .flags = RECORD_MORE },
	{ .size = 100, .messages = 0, .flags = RECORD_MORE | RECORD_CONTINUED },
	{ .size = 9, .messages = 0, .flags = RECORD_CONTINUED },
	{ .size = 0, .messages = 0, .flags = RECORD_CONTINUED },
	{ .size = 9, .messages = 0, .flags = RECORD_CONTINUED | RECORD_UNTERMINATED },
	{ .size = 0, .messages = 0, .flags = RECORD_ABORTED | RECORD_CONTINUED },
	{ .size = CAPACITY - sizeof(struct record), .messages = 1 },
	{ .size = 3, .messages = 1, .key_size = 3 },
	{ .size = 300, .messages = 1, .key_size = 255 },
	{ .size = 9, .messages = 3, .delimiter_size = 1, .key_size = 4 },
	{ .size = 100, .messages = 1, .flags = RECORD_MORE, .key_size = 100 },
};

/* ---- sizes ---- */

Test(ring, a_record_is_its_header_and_payload_in_multiples_of_8, .timeout = 10)
{
	cr_expect_eq(ring_record_bytes(0), 24);
	cr_expect_eq(ring_record_bytes(1), 32);
	cr_expect_eq(ring_record_bytes(8), 32);
	cr_expect_eq(ring_record_bytes(9), 40);
	for (uint64_t payload = 0; payload < 300; payload++) {
		uint64_t bytes = ring_record_bytes(payload);

		cr_assert_eq(bytes % 8, 0);
		cr_assert_geq(bytes, sizeof(struct record) + payload);
		cr_assert_lt(bytes, sizeof(struct record) + payload + 8);
	}
	/* no 32-bit overflow for the largest size a header can say */
	cr_expect_eq(ring_record_bytes(UINT32_MAX), (UINT64_C(1) << 32) + 24);
}

Test(ring, the_largest_message_fills_the_ring, .timeout = 10)
{
	for (uint64_t size = RING_CAPACITY_MIN; size <= RING_CAPACITY_MAX; size *= 2) {
		uint64_t block = ring_block_max(size);

		cr_assert_eq(ring_record_bytes(ring_message_max(size)), size);
		cr_assert_leq(ring_message_max(size), UINT32_MAX);
		cr_assert_gt(block, 0);
		cr_assert_eq(ring_record_bytes(block), size / 4);
	}
}

/* ---- positions and cursors ---- */

Test(ring, positions_are_ordered_across_2_to_the_64, .timeout = 10)
{
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint64_t at = starts[i];

		cr_expect_not(position_before(at, at));
		for (uint64_t step = 8; step <= RING_CAPACITY_MAX; step *= 2) {
			cr_expect(position_before(at, at + step));
			cr_expect(position_before(at - step, at));
			cr_expect_not(position_before(at + step, at));
			cr_expect_not(position_before(at, at - step));
		}
	}
	cr_expect(position_before(UINT64_MAX - 7, 0));
	cr_expect_not(position_before(0, UINT64_MAX - 7));
}

Test(ring, cursors_are_ordered_by_record_then_by_place_in_it, .timeout = 10)
{
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		/* each cursor is before all that follow */
		const struct cursor ordered[] = {
			{ .record = starts[i] - 32, .offset = 9, .index = 9 },
			{ .record = starts[i] },
			{ .record = starts[i], .index = 1 }, /* an empty message of -D '' */
			{ .record = starts[i], .offset = 1, .index = 1 },
			{ .record = starts[i], .offset = 1, .index = 2 },
			{ .record = starts[i], .offset = UINT32_MAX, .index = 1 },
			{ .record = starts[i] + 32 },
			{ .record = starts[i] + CAPACITY },
		};

		for (size_t a = 0; a < COUNT_OF(ordered); a++)
			for (size_t b = 0; b < COUNT_OF(ordered); b++) {
				cr_expect_eq(cursor_before(ordered[a], ordered[b]), a < b);
				cr_expect_eq(cursor_equal(ordered[a], ordered[b]), a == b);
			}
	}
}

Test(ring, the_cursor_after_a_record_is_the_start_of_the_next, .timeout = 10)
{
	for (size_t i = 0; i < COUNT_OF(starts); i++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			struct cursor after = cursor_after(starts[i], &kinds[k]);
			uint64_t end = starts[i] + ring_record_bytes(kinds[k].size);

			cr_expect(cursor_equal(after, cursor_at(end)));
			cr_expect_eq(after.offset, 0);
			cr_expect_eq(after.index, 0);
			cr_expect(cursor_before(cursor_at(starts[i]), after));
		}
}

Test(ring, a_cursor_is_within_head_and_tail_or_not, .timeout = 10)
{
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint64_t head = starts[i], tail = head + 64;
		struct cursor inside = { .record = head + 32, .offset = 3, .index = 1 };
		struct cursor at_head = { .record = head, .offset = 3, .index = 1 };

		cr_expect(cursor_within(cursor_at(head), head, tail));
		cr_expect(cursor_within(at_head, head, tail));
		cr_expect(cursor_within(inside, head, tail));
		cr_expect(cursor_within(cursor_at(tail), head, tail));
		cr_expect(cursor_within(cursor_at(head), head, head));

		cr_expect_not(cursor_within(cursor_at(head - 8), head, tail));
		cr_expect_not(cursor_within(cursor_at(tail + 8), head, tail));
		cr_expect_not(cursor_within(cursor_at(head + 8), head, head));
		for (uint64_t off = 1; off < 8; off++)
			cr_expect_not(cursor_within(cursor_at(head + off), head, tail));
		/* nothing begins at tail, so no cursor can be in the middle of it */
		cr_expect_not(
			cursor_within((struct cursor){ .record = tail, .offset = 1 }, head, tail));
		cr_expect_not(
			cursor_within((struct cursor){ .record = tail, .index = 1 }, head, tail));
	}
}

/* ---- records ---- */

static void expect_same(const struct record *read, const struct record *put)
{
	cr_expect_eq(read->size, put->size);
	cr_expect_eq(read->sequence, put->sequence);
	cr_expect_eq(read->messages, put->messages);
	cr_expect_eq(read->flags, put->flags);
	cr_expect_eq(read->delimiter_size, put->delimiter_size);
	cr_expect_eq(read->producer, put->producer);
	cr_expect_eq(read->key_size, put->key_size);
}

Test(ring, every_kind_of_record_is_read_back_at_every_position, .timeout = 20)
{
	struct ring ring = ring_new(CAPACITY);

	for (size_t i = 0; i < COUNT_OF(starts); i++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			uint64_t at = starts[i], end = at + ring_record_bytes(kinds[k].size);
			struct record header;

			ring_put(&ring, at, kinds[k]);
			cr_assert(ring_get(&ring, at, end, &header), "kind %zu at %llx", k,
				  (unsigned long long)at);
			expect_same(&header, &kinds[k]);
			/* more may follow the record, up to a full ring */
			cr_assert(ring_get(&ring, at, at + CAPACITY, &header));
			expect_same(&header, &kinds[k]);
		}
	ring_free(&ring);
}

Test(ring, records_are_read_back_at_each_multiple_of_8, .timeout = 20)
{
	struct ring ring = ring_new(CAPACITY);
	struct record block = { .size = 6, .messages = 3, .delimiter_size = 1 };
	struct record header;

	/* twice round the ring, ending twice round after 2^64 */
	for (uint64_t at = UINT64_C(0) - 2 * CAPACITY; at != 2 * CAPACITY; at += 8) {
		block.sequence = at;
		ring_put(&ring, at, block);
		cr_assert(ring_get(&ring, at, at + 32, &header));
		expect_same(&header, &block);
	}
	ring_free(&ring);
}

Test(ring, record_that_wraps_is_contiguous, .timeout = 20)
{
	struct ring ring = ring_new(CAPACITY);

	for (uint64_t back = 8; back <= 128; back += 8) {
		uint64_t at = UINT64_C(0) - back; /* the wrap of the ring and of the position */
		struct record record = { .size = 200, .messages = 1 };
		unsigned char *payload = ring_payload(&ring, at);
		struct record header;

		for (unsigned i = 0; i < record.size; i++)
			payload[i] = (unsigned char)(i + back);
		ring_put(&ring, at, record);
		cr_assert(ring_get(&ring, at, at + ring_record_bytes(record.size), &header));
		for (unsigned i = 0; i < record.size; i++) {
			uint64_t place = (at + sizeof(record) + i) % CAPACITY;

			cr_assert_eq(payload[i], (unsigned char)(i + back));
			cr_assert_eq(ring.bytes[place], (unsigned char)(i + back));
		}
	}
	ring_free(&ring);
}

Test(ring, put_writes_the_header_and_not_a_byte_more, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint64_t at = starts[i];

		memset(ring.bytes, 0x55, CAPACITY);
		ring_put(&ring, at, kinds[6]);
		for (uint64_t off = sizeof(struct record); off < CAPACITY; off++)
			cr_assert_eq(ring.bytes[(at + off) % CAPACITY], 0x55);
	}
	ring_free(&ring);
}

/* ---- damage: each kind is refused ---- */

static void expect_refused(const char *what, struct record record)
{
	struct ring ring = ring_new(CAPACITY);
	struct record header;

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		ring_put(&ring, starts[i], record);
		cr_expect_not(ring_get(&ring, starts[i], starts[i] + CAPACITY, &header),
			      "accepted %s at %llx", what, (unsigned long long)starts[i]);
	}
	ring_free(&ring);
}

Test(ring, get_refuses_a_wrong_check, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record header;

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		unsigned char *at = ring_payload(&ring, starts[i]) - sizeof(header);

		for (unsigned bit = 0; bit < 32; bit++) {
			ring_put(&ring, starts[i], kinds[2]);
			at[bit / 8] ^= (unsigned char)(1 << bit % 8);
			cr_expect_not(ring_get(&ring, starts[i], starts[i] + CAPACITY, &header));
		}
	}
	/* zeroes are no record anywhere, and a hole of zeroes is what a new ring is */
	memset(ring.bytes, 0, CAPACITY);
	for (uint64_t at = UINT64_C(0) - CAPACITY; at != CAPACITY; at += 8)
		cr_assert_not(ring_get(&ring, at, at + CAPACITY, &header));
	ring_free(&ring);
}

Test(ring, get_refuses_a_record_of_an_earlier_round_or_another_place, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record header;

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint64_t at = starts[i];

		ring_put(&ring, at, kinds[2]);
		for (uint64_t rounds = 1; rounds < 100; rounds++) {
			uint64_t later = at + rounds * CAPACITY, earlier = at - rounds * CAPACITY;

			cr_expect_not(ring_get(&ring, later, later + CAPACITY, &header));
			cr_expect_not(ring_get(&ring, earlier, earlier + CAPACITY, &header));
		}
		/* the same bytes, 512 bytes on */
		memcpy(ring_payload(&ring, at + 512) - sizeof(header),
		       ring_payload(&ring, at) - sizeof(header), sizeof(header));
		cr_expect_not(ring_get(&ring, at + 512, at + CAPACITY, &header));
	}
	ring_free(&ring);
}

Test(ring, get_refuses_a_size_beyond_tail, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);

	for (size_t i = 0; i < COUNT_OF(starts); i++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			uint64_t at = starts[i], bytes = ring_record_bytes(kinds[k].size);
			struct record header;

			ring_put(&ring, at, kinds[k]);
			for (uint64_t missing = 8; missing <= bytes; missing += 8)
				cr_assert_not(ring_get(&ring, at, at + bytes - missing, &header));
		}
	ring_free(&ring);
	expect_refused(
		"a size of one ring",
		(struct record){ .size = CAPACITY - sizeof(struct record) + 1, .messages = 1 });
	expect_refused("the largest size", (struct record){ .size = UINT32_MAX, .messages = 1 });
	/* 24 + size would be small in 32 bits */
	expect_refused("a size that overflows 32 bits",
		       (struct record){ .size = UINT32_MAX - 20, .messages = 1 });
}

Test(ring, get_refuses_unknown_flags, .timeout = 10)
{
	for (unsigned flag = RECORD_FLAGS + 1; flag <= 0x80; flag *= 2) {
		expect_refused("an unknown flag",
			       (struct record){ .messages = 1, .flags = (uint8_t)flag });
		expect_refused(
			"an unknown flag beside a known one",
			(struct record){ .messages = 1, .flags = (uint8_t)(flag | RECORD_MORE) });
	}
}

Test(ring, get_refuses_a_producer_that_is_no_slot, .timeout = 10)
{
	expect_refused("producer 64", (struct record){ .messages = 1, .producer = SLOT_COUNT });
	expect_refused("producer 255", (struct record){ .messages = 1, .producer = 255 });
}

Test(ring, get_refuses_numbers_of_messages_that_cannot_be, .timeout = 10)
{
	expect_refused("no message without a delimiter", (struct record){ .size = 4 });
	expect_refused("two messages without a delimiter",
		       (struct record){ .size = 4, .messages = 2 });
	expect_refused("a continued piece that counts as a message",
		       (struct record){ .size = 4, .messages = 1, .flags = RECORD_CONTINUED });
	expect_refused("a first piece that does not",
		       (struct record){ .size = 4, .messages = 0, .flags = RECORD_MORE });
	expect_refused("a block of no messages",
		       (struct record){ .size = 4, .messages = 0, .delimiter_size = 1 });
	expect_refused("more messages than delimiters fit",
		       (struct record){ .size = 4, .messages = 5, .delimiter_size = 1 });
	expect_refused("more messages than long delimiters fit",
		       (struct record){ .size = 11, .messages = 4, .delimiter_size = 3 });
	expect_refused("very many messages",
		       (struct record){ .size = 4, .messages = UINT32_MAX, .delimiter_size = 1 });
}

Test(ring, get_refuses_delimiters_that_cannot_be, .timeout = 10)
{
	expect_refused("a delimiter longer than the payload",
		       (struct record){ .size = 4, .messages = 1, .delimiter_size = 5 });
	expect_refused("a delimiter of an empty payload",
		       (struct record){ .size = 0, .messages = 1, .delimiter_size = 1 });
	expect_refused("a piece with a delimiter", (struct record){ .size = 4,
								    .messages = 1,
								    .delimiter_size = 1,
								    .flags = RECORD_MORE });
	expect_refused(
		"a continued piece with a delimiter",
		(struct record){
			.size = 4, .messages = 1, .delimiter_size = 1, .flags = RECORD_CONTINUED });
	expect_refused("an unterminated line with a delimiter",
		       (struct record){ .size = 4,
					.messages = 1,
					.delimiter_size = 1,
					.flags = RECORD_UNTERMINATED });
}

Test(ring, get_refuses_keys_that_cannot_be, .timeout = 10)
{
	unsigned aborted = RECORD_ABORTED | RECORD_CONTINUED;

	expect_refused("a key longer than the payload",
		       (struct record){ .size = 4, .messages = 1, .key_size = 5 });
	expect_refused("a key of an empty payload",
		       (struct record){ .messages = 1, .key_size = 1 });
	expect_refused("a key on a later piece",
		       (struct record){ .size = 4, .key_size = 1, .flags = RECORD_CONTINUED });
	expect_refused("a key on an aborted mark",
		       (struct record){ .key_size = 1, .flags = (uint8_t)aborted });
	expect_refused(
		"more messages than delimiters fit behind the key",
		(struct record){ .size = 6, .messages = 3, .delimiter_size = 1, .key_size = 4 });
}

Test(ring, get_refuses_aborted_marks_that_cannot_be, .timeout = 10)
{
	unsigned aborted = RECORD_ABORTED | RECORD_CONTINUED;

	expect_refused("an aborted mark with a payload",
		       (struct record){ .size = 1, .flags = (uint8_t)aborted });
	expect_refused("an aborted mark of no message", (struct record){ .flags = RECORD_ABORTED });
	expect_refused("an aborted mark that says more",
		       (struct record){ .flags = (uint8_t)(aborted | RECORD_MORE) });
	expect_refused("an aborted mark of an unterminated line",
		       (struct record){ .flags = (uint8_t)(aborted | RECORD_UNTERMINATED) });
}

Test(ring, get_refuses_a_misaligned_position, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record header;

	for (size_t i = 0; i < COUNT_OF(starts); i++)
		for (uint64_t off = 1; off < 8; off++) {
			uint64_t at = starts[i] + off;
			struct record record = kinds[2];

			/* ring_put() would write through a pointer that is not aligned */
			record.check = record_check(at);
			memcpy(ring_payload(&ring, at) - sizeof(record), &record, sizeof(record));
			cr_expect_not(ring_get(&ring, at, starts[i] + CAPACITY, &header));
		}
	ring_free(&ring);
}

Test(ring, get_refuses_a_position_that_is_not_in_the_ring, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record header;

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		uint64_t at = starts[i];

		ring_put(&ring, at, kinds[0]);
		cr_expect(ring_get(&ring, at, at + CAPACITY, &header));
		cr_expect_not(ring_get(&ring, at, at + CAPACITY + 8, &header));
		cr_expect_not(ring_get(&ring, at, at, &header));
		cr_expect_not(ring_get(&ring, at, at + 16, &header));
		for (uint64_t ahead = 8; ahead <= RING_CAPACITY_MAX; ahead *= 2)
			cr_expect_not(ring_get(&ring, at, at - ahead, &header));
	}
	ring_free(&ring);
}

/* ---- skipping messages ---- */

/* Puts a block of these messages, each followed by the delimiter, at this position, after a key. */
static struct record block_put(const struct ring *ring, uint64_t at, const char *key,
			       const char *delimiter, size_t delimiter_size,
			       const char *const *messages, uint32_t count)
{
	unsigned char *payload = ring_payload(ring, at);
	struct record record = { .size = (uint32_t)strlen(key),
				 .messages = count,
				 .delimiter_size = (uint8_t)delimiter_size,
				 .key_size = (uint8_t)strlen(key) };

	memcpy(payload, key, record.size);
	for (uint32_t i = 0; i < count; i++) {
		memcpy(payload + record.size, messages[i], strlen(messages[i]));
		record.size += (uint32_t)strlen(messages[i]);
		memcpy(payload + record.size, delimiter, delimiter_size);
		record.size += (uint32_t)delimiter_size;
	}
	ring_put(ring, at, record);
	return record;
}

/* Skips from each message of a block over each number of messages. */
static void expect_skips_behind(const char *key, const char *delimiter, size_t delimiter_size)
{
	static const char *const messages[] = { "one", "", "three", "x", "the fifth", "" };
	struct ring ring = ring_new(CAPACITY);
	const uint32_t count = COUNT_OF(messages);

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		struct record record = block_put(&ring, starts[i], key, delimiter, delimiter_size,
						 messages, count);
		struct cursor places[COUNT_OF(messages) + 1];

		places[0] = cursor_at(starts[i]);
		for (uint32_t m = 1; m <= count; m++) {
			places[m] = places[m - 1];
			places[m].index++;
			places[m].offset += (uint32_t)(strlen(messages[m - 1]) + delimiter_size);
		}
		cr_assert_eq(places[count].offset + strlen(key), record.size);
		places[count] = cursor_after(starts[i], &record); /* normalised */

		for (uint32_t from = 0; from < count; from++) {
			static const uint32_t beyond[] = { 7, 8, 1000, INT32_MAX, UINT32_MAX };
			struct cursor cursor;

			for (uint32_t to = from; to <= count; to++) {
				cursor = places[from];
				cr_assert(ring_skip(&ring, &record, to - from, &cursor));
				cr_assert(cursor_equal(cursor, places[to]), "from %u to %u", from,
					  to);
			}
			for (size_t b = 0; b < COUNT_OF(beyond); b++) {
				cursor = places[from];
				cr_assert(ring_skip(&ring, &record, beyond[b], &cursor));
				cr_assert(cursor_equal(cursor, places[count]));
			}
		}
	}
	ring_free(&ring);
}

static void expect_skips(const char *delimiter, size_t delimiter_size)
{
	expect_skips_behind("", delimiter, delimiter_size);
	expect_skips_behind("key", delimiter, delimiter_size);
	expect_skips_behind("a\nkey\r\n<end>=\n", delimiter, delimiter_size);
}

Test(ring, skip_moves_over_messages_with_a_delimiter_of_one_byte, .timeout = 20)
{
	expect_skips("\n", 1);
	expect_skips("\0", 1);
}

Test(ring, skip_moves_over_messages_with_a_delimiter_of_several_bytes, .timeout = 20)
{
	char longest[255];

	expect_skips("\r\n", 2);
	expect_skips("<end>", 5);
	expect_skips("\0\0\0", 3);
	memset(longest, '=', sizeof(longest));
	expect_skips(longest, sizeof(longest));
}

Test(ring, skip_takes_delimiters_leftmost_first, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record record = { .size = 5, .messages = 2, .delimiter_size = 2 };
	struct cursor cursor = cursor_at(0);

	memcpy(ring_payload(&ring, 0), "aa.aa", 5);
	cr_expect(ring_skip(&ring, &record, 1, &cursor));
	cr_expect_eq(cursor.offset, 2);
	memcpy(ring_payload(&ring, 0), "aaaaa", 5); /* the last message does not count */
	cursor = cursor_at(0);
	cr_expect(ring_skip(&ring, &record, 1, &cursor));
	cr_expect_eq(cursor.offset, 2);
	ring_free(&ring);
}

Test(ring, skip_over_the_one_message_without_a_delimiter_ends_at_the_next_record, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);

	for (size_t i = 0; i < COUNT_OF(starts); i++)
		for (size_t k = 0; k < COUNT_OF(kinds); k++) {
			struct cursor cursor = cursor_at(starts[i]);

			if (kinds[k].delimiter_size != 0)
				continue;
			cr_assert(ring_skip(&ring, &kinds[k], 1, &cursor));
			cr_assert(cursor_equal(cursor, cursor_after(starts[i], &kinds[k])));
			cursor = cursor_at(starts[i]);
			cr_assert(ring_skip(&ring, &kinds[k], UINT32_MAX, &cursor));
			cr_assert(cursor_equal(cursor, cursor_after(starts[i], &kinds[k])));
		}
	ring_free(&ring);
}

Test(ring, skip_refuses_a_payload_with_fewer_delimiters_than_its_header_says, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record record = { .size = 9, .messages = 4, .delimiter_size = 1 };

	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		struct cursor start = cursor_at(starts[i]), cursor = start;

		memcpy(ring_payload(&ring, starts[i]), "a;bcdefg;", 9); /* two messages of four */
		cr_expect(ring_skip(&ring, &record, 1, &cursor));
		cr_expect_eq(cursor.offset, 2);
		cursor = start;
		cr_expect_not(ring_skip(&ring, &record, 3, &cursor));
		cr_expect(cursor_equal(cursor, start), "a refusal moves nothing");
	}
	ring_free(&ring);
}

Test(ring, skip_refuses_a_cursor_outside_its_record, .timeout = 10)
{
	struct ring ring = ring_new(CAPACITY);
	struct record record = { .size = 4, .messages = 2, .delimiter_size = 1 };
	struct cursor offset = { .offset = 5 }, index = { .index = 3 };
	struct cursor huge = { .offset = UINT32_MAX, .index = UINT32_MAX };

	memcpy(ring_payload(&ring, 0), "a;b;", 4);
	for (uint32_t count = 0; count < 5; count++) {
		cr_expect_not(ring_skip(&ring, &record, count, &offset));
		cr_expect_not(ring_skip(&ring, &record, count, &index));
		cr_expect_not(ring_skip(&ring, &record, count, &huge));
	}
	ring_free(&ring);
}

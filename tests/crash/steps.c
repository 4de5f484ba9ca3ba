#include "tests/crash/steps.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "tests/crash/scene.h"

const char *const block_texts[BLOCK_COUNT] = { "b1", "b2", "b3", "b4", "b5" };
const char walk_key[] = "walk";
const char other_group[] = "other";

static char filler[RING_BYTES];
static unsigned char long_bytes[2 * RING_BYTES];

struct channel_options options_usual(void)
{
	return (struct channel_options){ .name = scene->name,
					 .owner = geteuid(),
					 .size = RING_BYTES,
					 .timeout_ns = 20 * NS_PER_SEC,
					 /* positions overflow on the way, and 0 is not valid */
					 .first_position = -(uint64_t)(RING_BYTES / 2) };
}

struct channel *attach_as(enum channel_role role, struct channel_options options)
{
	struct channel *channel = channel_new();
	int rc = channel_attach(channel, role, &options);

	if (rc < 0)
		fail("attach: %d", rc);
	return channel;
}

struct channel *attach_with(enum channel_role role, enum channel_when_full when_full)
{
	struct channel_options options = options_usual();

	options.when_full = when_full;
	return attach_as(role, options);
}

struct channel *attach(enum channel_role role)
{
	return attach_with(role, CHANNEL_FULL_BLOCK);
}

struct channel *attach_other(void)
{
	struct channel_options options = options_usual();

	options.group = other_group;
	return attach_as(CHANNEL_CONSUMER, options);
}

struct tap *tap_of(struct channel *channel, bool newest)
{
	struct channel_options options = options_usual();
	struct tap *tap = tap_new(channel);
	int rc;

	options.newest = newest;
	rc = tap_attach(tap, &options);
	if (rc < 0)
		fail("tap: %d", rc);
	return tap;
}

void send_text(struct channel *channel, const char *text)
{
	struct message *message = message_new(text);
	int rc = channel_send(channel, text, strlen(text), 0);

	if (rc < 0)
		fail("send \"%s\": %d", text, rc);
	atomic_store(&message->returned, 1);
}

void send_filler_bytes(struct channel *channel, size_t size)
{
	struct message *message = message_new("filler");
	int rc = channel_send(channel, filler, size, 0);

	if (rc != 0)
		fail("send filler: %d", rc);
	atomic_store(&message->returned, 1);
}

void send_filler(struct channel *channel)
{
	send_filler_bytes(channel, channel_message_max(channel));
}

void send_block(struct channel *channel)
{
	struct channel_block block = { .size = 15, .messages = BLOCK_COUNT, .delimiter_size = 1 };
	struct message *messages[BLOCK_COUNT];
	int rc;

	for (int i = 0; i < BLOCK_COUNT; i++)
		messages[i] = message_new(block_texts[i]);
	rc = channel_send_block(channel, "b1;b2;b3;b4;b5;", &block);
	if (rc < 0)
		fail("send block: %d", rc);
	for (int i = 0; i < BLOCK_COUNT; i++)
		atomic_store(&messages[i]->returned, 1);
}

static unsigned char long_byte(size_t i)
{
	return (unsigned char)(i * 7 % 251);
}

void bytes_make(void)
{
	memset(filler, 'f', sizeof(filler));
	for (size_t i = 0; i < sizeof(long_bytes); i++)
		long_bytes[i] = long_byte(i);
}

void send_piece(struct channel *channel, size_t from, size_t size, unsigned flags)
{
	struct channel_block piece = { .size = size, .messages = 1, .flags = flags };
	int rc;

	if (from == 0)
		message_new("long");
	rc = channel_send_block(channel, long_bytes + from, &piece);
	if (rc < 0 && rc != -CHANNEL_ELOST)
		fail("send piece: %d", rc);
}

/* Checks that a message that begins with "keyed" has the key, and any other none. */
static void key_check(const struct channel_delivery *delivery)
{
	bool keyed = delivery->size >= 5 && memcmp(delivery->bytes, "keyed", 5) == 0;
	size_t size = keyed ? strlen(walk_key) : 0;

	if (delivery->key_size != size || memcmp(delivery->key, walk_key, size) != 0)
		fail("a wrong key");
}

void note_delivery(const struct channel_delivery *delivery, size_t *at)
{
	char text[TEXT];

	key_check(delivery);
	if (!delivery->first || !delivery->last) {
		if (delivery->first)
			*at = 0;
		for (size_t i = 0; i < delivery->size; i++)
			if (delivery->bytes[i] != long_byte(*at + i)) {
				fail("torn piece at byte %zu", *at + i);
				return;
			}
		*at += delivery->size;
		if (delivery->last)
			delivered_add("long", delivery->sequence, delivery);
		return;
	}
	if (delivery->delimiter_size == 0) {
		if (delivery->size >= TEXT)
			snprintf(text, sizeof(text), "filler");
		else
			snprintf(text, sizeof(text), "%.*s", (int)delivery->size,
				 (const char *)delivery->bytes);
		for (size_t i = 0; delivery->size >= TEXT && i < delivery->size; i++)
			if (delivery->bytes[i] != 'f')
				fail("torn filler");
		delivered_add(text, delivery->sequence, delivery);
		return;
	}
	if (delivery->size != 3 * (size_t)delivery->messages)
		fail("torn block: %u messages, %zu bytes", delivery->messages, delivery->size);
	for (uint32_t i = 0; i < delivery->messages; i++) {
		snprintf(text, sizeof(text), "%.2s", (const char *)delivery->bytes + 3 * i);
		delivered_add(text, delivery->sequence + i, delivery);
	}
}

void mark_victims(size_t offset)
{
	for (int i = 0; i < atomic_load(&scene->delivery_count); i++) {
		struct message *message = message_find(scene->deliveries[i].text);

		if (message != NULL && scene->deliveries[i].complete &&
		    scene->deliveries[i].by_victim)
			atomic_store((atomic_int *)(void *)((char *)message + offset), 1);
	}
}

void mark_taken_over(void)
{
	mark_victims(offsetof(struct message, taken_over));
}

int receive_together(struct channel *channel, uint32_t most, size_t *at)
{
	struct channel_delivery delivery;
	int rc = channel_receive(channel, most, CHANNEL_DONTWAIT | CHANNEL_TOGETHER, 0, &delivery);

	while (rc == CHANNEL_DELIVERED) {
		note_delivery(&delivery, at);
		rc = channel_receive_more(channel, &delivery);
	}
	return rc;
}

bool is_one(const struct channel_delivery *delivery)
{
	return delivery->size == 3 && memcmp(delivery->bytes, "one", 3) == 0;
}

#include "tests/crash/operate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "observe/tap.h"
#include "tests/crash/scene.h"
#include "tests/crash/steps.h"

static struct channel *victim;
static struct tap *victim_tap;
static struct channel_delivery victim_delivery;
static size_t victim_at;

void prepare_nothing(void)
{
}

void prepare_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
}

/* Fills the ring, so that what is sent next has to wait. */
void prepare_full_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
	send_filler(victim);
}

void prepare_dropping_producer(void)
{
	victim = attach_with(CHANNEL_PRODUCER, CHANNEL_FULL_DROP_NEW);
	send_filler(victim);
}

void prepare_old_dropping_producer(void)
{
	victim = attach_with(CHANNEL_PRODUCER, CHANNEL_FULL_DROP_OLD);
}

void prepare_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
}

void prepare_other(void)
{
	victim = attach_other();
}

static void victim_receive(uint32_t most)
{
	if (channel_receive(victim, most, CHANNEL_DONTWAIT, 0, &victim_delivery) ==
	    CHANNEL_DELIVERED)
		note_delivery(&victim_delivery, &victim_at);
}

/* The victim has been quick so far, so it claims all that there is. */
void prepare_quick_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim->batch.records = 4;
}

void prepare_holder(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim_receive(UINT32_MAX);
}

void operate_attach_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
}

void operate_attach_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
}

void operate_attach_other(void)
{
	victim = attach_other();
}

void operate_attach_declaring(void)
{
	static const char *const groups[] = { other_group, NULL };
	struct channel_options options = options_usual();

	options.groups = groups;
	victim = attach_as(CHANNEL_PRODUCER, options);
}

/* Receives "one" in the second group. It is noted for that group only. */
void operate_receive_other(void)
{
	if (channel_receive(victim, UINT32_MAX, CHANNEL_DONTWAIT, 0, &victim_delivery) !=
		    CHANNEL_DELIVERED ||
	    !is_one(&victim_delivery))
		fail("nothing for the other group");
	atomic_store(&scene->other_waived, 1);
	if (channel_acknowledge(victim) < 0)
		fail("acknowledge");
}

/* The victim has a part of a block in hand. */
void prepare_part_holder(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim_receive(2);
}

void prepare_removing(void)
{
	atomic_store(&scene->other_waived, 1);
	victim = channel_new();
}

void operate_remove_group(void)
{
	struct channel_options options = options_usual();
	uint64_t messages;

	if (channel_group_remove(victim, &options, other_group, &messages) < 0 || messages != 1)
		fail("remove a group");
}

void operate_send(void)
{
	send_text(victim, "sent");
}

void operate_send_keyed(void)
{
	channel_key_set(victim, walk_key, strlen(walk_key));
	send_text(victim, "keyed");
}

void operate_send_block(void)
{
	send_block(victim);
}

/* What arrives must not be this message, and no other message may have its number. */
void operate_drop(void)
{
	message_new("dropped");
	if (channel_send(victim, "dropped", 7, 0) != CHANNEL_DROPPED)
		fail("not dropped");
}

static void may_drop(const char *text)
{
	struct message *message = message_find(text);

	if (message == NULL)
		fail("no \"%s\" to drop", text);
	else
		atomic_store(&message->may_drop, 1);
}

/* Sends a message that takes the place of the first three; two stay. */
void operate_drop_old(void)
{
	size_t left = RING_BYTES - 2 * ring_record_bytes(strlen(block_texts[0]));

	for (int i = 0; i < 3; i++)
		may_drop(block_texts[i]);
	send_filler_bytes(victim, left - sizeof(struct record));
}

/* Sends when the ring is full and another producer waits: that one has to get room first. */
void operate_drop_old_for_other(void)
{
	may_drop("filler");
	send_text(victim, "sent");
}

void operate_send_waiting(void)
{
	send_text(victim, "sent after waiting for room");
}

void prepare_in_long(void)
{
	victim = attach(CHANNEL_PRODUCER);
	send_piece(victim, 0, 900, CHANNEL_MORE);
}

void operate_send_piece(void)
{
	send_piece(victim, 900, 900, CHANNEL_MORE);
}

void operate_wait_consumers(void)
{
	if (channel_wait_consumers(victim, 1) < 0)
		fail("wait for a consumer");
}

void operate_receive(void)
{
	victim_receive(UINT32_MAX);
}

void operate_receive_part(void)
{
	victim_receive(2);
	mark_taken_over();
	victim_receive(2);
}

/* Receives one message after the other out of a block that other consumers work on, too. */
void operate_receive_shared(void)
{
	for (int i = 0; i < 3; i++) {
		mark_taken_over();
		if (channel_receive(victim, UINT32_MAX, CHANNEL_DONTWAIT | CHANNEL_SHARE, 0,
				    &victim_delivery) == CHANNEL_DELIVERED)
			note_delivery(&victim_delivery, &victim_at);
	}
}

void operate_receive_together(void)
{
	receive_together(victim, BLOCK_COUNT - 1, &victim_at);
	mark_taken_over();
	receive_together(victim, BLOCK_COUNT - 1, &victim_at);
}

/* Retries what is in hand, then acknowledges it. */
void operate_retry(void)
{
	uint32_t attempts;

	if (channel_retry(victim, &attempts) < 0 || attempts != 2)
		fail("retry");
	mark_taken_over();
	channel_acknowledge(victim);
}

/* Tries what is in hand, which is a part of a block; the try fails. */
void operate_try(void)
{
	mark_victims(offsetof(struct message, may_fail));
	if (channel_try(victim) < 0)
		fail("try");
	mark_victims(offsetof(struct message, must_fail));
	if (channel_tried(victim, true) < 0 || channel_give_back(victim, 0) < 0)
		fail("tried");
}

void operate_receive_several(void)
{
	for (int i = 0; i < BLOCK_COUNT; i++) {
		mark_taken_over();
		victim_receive(UINT32_MAX);
	}
}

/* The victim is in the middle of a claim of several records. */
void prepare_quick_holder(void)
{
	prepare_quick_consumer();
	victim_receive(UINT32_MAX);
	mark_taken_over();
	victim_receive(UINT32_MAX);
}

void operate_acknowledge(void)
{
	mark_taken_over();
	if (channel_acknowledge(victim) < 0)
		fail("acknowledge");
}

void operate_give_back(void)
{
	if (channel_give_back(victim, 0) < 0)
		fail("give back");
}

void operate_detach(void)
{
	channel_detach(victim, 0);
}

/*
 * Receives the end after a producer's death. Until the victim has left, another consumer still has
 * to report it.
 */
void operate_end(void)
{
	if (channel_receive(victim, 1, CHANNEL_DONTWAIT, 0, &victim_delivery) != CHANNEL_ENDED ||
	    !channel_incomplete(victim))
		fail("not the end of a stream whose producer was killed");
	atomic_store(&scene->reported, 1);
	channel_detach(victim, 0);
}

void operate_follow_through(void)
{
	if (channel_receive(victim, 1, CHANNEL_DONTWAIT | CHANNEL_FOLLOW, 0, &victim_delivery) !=
	    -EAGAIN)
		fail("a follower does not go on");
	channel_detach(victim, 0);
}

void prepare_tap(void)
{
	victim = channel_new();
	victim_tap = tap_of(victim, true);
}

void operate_tap(void)
{
	struct channel_delivery delivery;

	if (tap_receive(victim_tap, UINT32_MAX, 0, 0, &delivery) != CHANNEL_DELIVERED ||
	    delivery.size != 3 || memcmp(delivery.bytes, "one", 3) != 0)
		fail("tap: not what was sent");
	channel_detach(victim, 0);
}

void operate_tap_oldest(void)
{
	victim = channel_new();
	victim_tap = tap_of(victim, false);
	operate_tap();
}

void operate_look(void)
{
	victim->looked_ns = 0;
	if (channel_look_after(victim) < 0)
		fail("look after");
}

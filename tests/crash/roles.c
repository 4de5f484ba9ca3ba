#include "tests/crash/roles.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/side.h"
#include "observe/tap.h"
#include "tests/crash/scene.h"
#include "tests/crash/steps.h"

void role_consumer(int self)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;
	int rc;

	atomic_store(&scene->ready[self], 1);
	while ((rc = channel_receive(channel, UINT32_MAX, 0, 0, &delivery)) != CHANNEL_ENDED) {
		if (rc == CHANNEL_DELIVERED) {
			note_delivery(&delivery, &at);
		} else if (rc != -CHANNEL_EABORTED) {
			fail("receive: %d", rc);
			break;
		}
	}
	if (rc == CHANNEL_ENDED && !channel_incomplete(channel) && !atomic_load(&scene->newcomer) &&
	    !scene->stream_ended)
		fail("a clean end was seen, though nobody came to a clean end");
	if (rc == CHANNEL_ENDED && channel_incomplete(channel))
		atomic_store(&scene->reported, 1);
	atomic_fetch_add(&scene->missed, (int)channel_missed(channel));
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_tap(int self)
{
	struct channel *channel = channel_new();
	struct tap *tap = tap_of(channel, true);
	struct channel_delivery delivery;
	int rc;

	atomic_store(&scene->ready[self], 1);
	do
		rc = tap_receive(tap, UINT32_MAX, 0, 0, &delivery);
	while (rc == CHANNEL_DELIVERED || rc == -CHANNEL_EABORTED);
	if (rc != CHANNEL_ENDED)
		fail("tap: %d", rc);
	channel_detach(channel, 0);
	tap_free(tap);
	channel_free(channel);
}

void role_sharing_consumer(int self)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	if (channel_receive(channel, 1, CHANNEL_SHARE, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[self], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	while (channel_receive(channel, UINT32_MAX, CHANNEL_SHARE, 0, &delivery) ==
	       CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_idle_producer(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	atomic_store(&scene->ready[self], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_keeping_producer(int self)
{
	static const char *const groups[] = { "", NULL };
	struct channel_options options = options_usual();
	struct channel *channel;

	options.groups = groups;
	channel = attach_as(CHANNEL_PRODUCER, options);
	atomic_store(&scene->ready[self], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_waiting_producer(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	atomic_store(&scene->ready[self], 1);
	send_text(channel, "waited");
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_awaiting_producer(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);
	int rc;

	atomic_store(&scene->ready[self], 1);
	rc = channel_wait_consumers(channel, 1);
	if (rc < 0)
		fail("wait for a consumer: %d", rc);
	send_text(channel, "awaited");
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_newcomer_producer(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	(void)self;
	send_text(channel, "newcomer");
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_filler_sender(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_filler(channel);
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_block_sender(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_block(channel);
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_many_sender(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	for (int i = 0; i < BLOCK_COUNT; i++)
		send_text(channel, block_texts[i]);
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_one_sender(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_text(channel, "one");
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_declaring_sender(int self)
{
	static const char *const groups[] = { "", other_group, NULL };
	struct channel_options options = options_usual();
	struct channel *channel;

	options.groups = groups;
	channel = attach_as(CHANNEL_PRODUCER, options);
	send_text(channel, "one");
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_other_consumer(int self)
{
	struct channel *channel = attach_other();
	struct channel_delivery delivery;
	int rc;

	atomic_store(&scene->ready[self], 1);
	while ((rc = channel_receive(channel, UINT32_MAX, 0, 0, &delivery)) == CHANNEL_DELIVERED)
		if (is_one(&delivery))
			atomic_store(&scene->other_has_one, 1);
	if (rc != CHANNEL_ENDED)
		fail("receive in the other group: %d", rc);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_group_remover(int self)
{
	struct channel_options options = options_usual();
	struct channel *channel = channel_new();
	uint64_t messages;

	(void)self;
	channel_group_remove(channel, &options, other_group, &messages);
	channel_group_remove(channel, &options, "", &messages);
	channel_free(channel);
}

void role_dying_consumer(int self)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	if (channel_receive(channel, UINT32_MAX, 0, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[self], 1);
	raise(SIGKILL);
}

void role_dying_quick_consumer(int self)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	channel->batch.records = 4;
	if (channel_receive(channel, UINT32_MAX, 0, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[self], 1);
	raise(SIGKILL);
}

void role_dying_together_consumer(int self)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	size_t at = 0;

	receive_together(channel, BLOCK_COUNT - 1, &at);
	atomic_store(&scene->ready[self], 1);
	raise(SIGKILL);
}

/* Takes `most` messages in one delivery and gives them back. */
static void give_back_all(int self, uint32_t most)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;

	if (channel_receive(channel, most, CHANNEL_TOGETHER, 0, &delivery) != CHANNEL_DELIVERED)
		fail("nothing to give back");
	while (channel_receive_more(channel, &delivery) == CHANNEL_DELIVERED)
		;
	if (channel_give_back(channel, 0) < 0)
		fail("give back");
	atomic_store(&scene->ready[self], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

void role_giver(int self)
{
	give_back_all(self, BLOCK_COUNT);
}

void role_dying_producer(int self)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);
	struct deadline never = deadline_after(DEADLINE_NEVER, -ETIMEDOUT, NULL);

	send_piece(channel, 0, 500, CHANNEL_MORE);
	side_lock(channel, CHANNEL_PRODUCER, &never);
	atomic_store(&scene->ready[self], 1);
	raise(SIGKILL);
}

void role_killed_producer(int self)
{
	(void)self;
	attach(CHANNEL_PRODUCER);
	atomic_store(&scene->news, 1);
	raise(SIGKILL);
}

void role_last_consumer(int self)
{
	struct channel_options options = { .name = scene->name,
					   .owner = geteuid(),
					   .never_create = true };
	struct channel *channel = channel_new();
	struct channel_delivery delivery;
	size_t at = 0;

	(void)self;
	if (channel_attach(channel, CHANNEL_CONSUMER, &options) == 0) {
		while (channel_receive(channel, UINT32_MAX, CHANNEL_DONTWAIT, 0, &delivery) ==
		       CHANNEL_DELIVERED)
			note_delivery(&delivery, &at);
		atomic_fetch_add(&scene->missed, (int)channel_missed(channel));
		channel_detach(channel, 0);
	}
	channel_free(channel);
}

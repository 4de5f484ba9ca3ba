/*
 * The crash walk: runs one real operation under ptrace, single-steps it, and kills it with
 * SIGKILL after instruction 1, 2, 3, ... until it ends unharmed. After each kill the
 * survivors, which were asleep on the channel, and newcomers must go on within three
 * seconds, and every message is accounted for.
 *
 *   crash_walk [-s STRIDE] [-o NAME]...    STRIDE 1 (the default) is every instruction
 *
 * An attached endpoint cannot be forked, so a victim is a fresh child that attaches, stops
 * itself right before the operation, and is stepped from there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/endpoint.h"
#include "channel/owner.h"
#include "channel/ring.h"
#include "channel/side.h"
#include "observe/tap.h"
#include "tests/crash/stepper.h"
#include "tests/support/syscall_filter.h"

enum {
	TEXT = 32,
	MESSAGES_MAX = 64,
	DELIVERIES_MAX = 512,
	CHILDREN_MAX = 8,
	RING_BYTES = 4096,
	PROGRESS_MS = 3000,
	TICK_MS = 10,
	SLEEP_TICKS = 3, /* who has not stopped after so long is asleep in a system call */
	WORKERS_MAX = 16
};

/* ---- what all processes of one run share ---- */

struct message {
	char text[TEXT];
	atomic_int returned;   /* its send has returned */
	atomic_int taken_over; /* the victim had it in hand and began to acknowledge it */
	atomic_int may_drop;   /* the victim may drop it, and then consumers know that */
	atomic_int may_fail;   /* the victim has begun to begin a try with it ... */
	atomic_int must_fail;  /* ... and has begun it */
};

struct delivered {
	char text[TEXT];
	uint64_t sequence;
	uint32_t attempts, failures;
	bool by_victim;
	atomic_int complete; /* whoever wrote it was not killed over it */
};

struct scene {
	char name[64];
	atomic_int done;     /* the victim's operation has ended */
	atomic_int go;	     /* for those who wait for a sign */
	atomic_int newcomer; /* a newcomer may have attached */
	atomic_int ready[CHILDREN_MAX];
	bool stream_ended; /* before the walk somebody detached, or the victim may do it */
	atomic_int message_count, delivery_count;
	atomic_int missed;	  /* messages that consumers know to have been dropped */
	atomic_int other_has_one; /* the other group has got "one" ... */
	atomic_int other_waived;  /* ... or need not get it any more */
	atomic_int news;	  /* a producer has died that somebody has to be told of, ... */
	atomic_int reported;	  /* ... and somebody was */
	atomic_int failures;	  /* what a child found wrong */
	char failure[256];
	struct message messages[MESSAGES_MAX];
	struct delivered deliveries[DELIVERIES_MAX];
};

static struct scene *scene;
static bool is_victim; /* this process is the one that is stepped */

static uint64_t now_ms(void)
{
	return clock_now_ns() / NS_PER_MS;
}

static void pause_briefly(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	nanosleep(&pause, NULL);
}

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list arguments;

	if (atomic_fetch_add(&scene->failures, 1) > 0)
		return;
	va_start(arguments, format);
	vsnprintf(scene->failure, sizeof(scene->failure), format, arguments);
	va_end(arguments);
}

static struct message *message_new(const char *text)
{
	struct message *message = &scene->messages[atomic_fetch_add(&scene->message_count, 1)];

	snprintf(message->text, TEXT, "%s", text);
	return message;
}

static struct message *message_find(const char *text)
{
	for (int i = 0; i < atomic_load(&scene->message_count); i++)
		if (strcmp(scene->messages[i].text, text) == 0)
			return &scene->messages[i];
	return NULL;
}

static void delivered_add(const char *text, uint64_t sequence,
			  const struct channel_delivery *delivery)
{
	int i = atomic_fetch_add(&scene->delivery_count, 1);

	if (i >= DELIVERIES_MAX) {
		fail("more deliveries than there can be");
		return;
	}
	snprintf(scene->deliveries[i].text, TEXT, "%s", text);
	scene->deliveries[i].sequence = sequence;
	scene->deliveries[i].attempts = delivery->attempts;
	scene->deliveries[i].failures = delivery->failures;
	scene->deliveries[i].by_victim = is_victim;
	atomic_store(&scene->deliveries[i].complete, 1);
}

/* ---- steps that the roles are made of ---- */

static struct channel_options options_usual(void)
{
	return (struct channel_options){ .name = scene->name,
					 .owner = geteuid(),
					 .size = RING_BYTES,
					 .timeout_ns = 20 * NS_PER_SEC,
					 /* positions overflow on the way, and 0 is not valid */
					 .first_position = -(uint64_t)(RING_BYTES / 2) };
}

static struct channel *attach_as(enum channel_role role, struct channel_options options)
{
	struct channel *channel = channel_new();
	int rc = channel_attach(channel, role, &options);

	if (rc < 0)
		fail("attach: %d", rc);
	return channel;
}

static struct channel *attach_with(enum channel_role role, enum channel_when_full when_full)
{
	struct channel_options options = options_usual();

	options.when_full = when_full;
	return attach_as(role, options);
}

/* A consumer of the other group; without a name there is the first. */
static const char other_group[] = "other";

static struct channel *attach_other(void)
{
	struct channel_options options = options_usual();

	options.group = other_group;
	return attach_as(CHANNEL_CONSUMER, options);
}

static struct channel *attach(enum channel_role role)
{
	return attach_with(role, CHANNEL_FULL_BLOCK);
}

static void send_text(struct channel *channel, const char *text)
{
	struct message *message = message_new(text);
	int rc = channel_send(channel, text, strlen(text), 0);

	if (rc < 0)
		fail("send \"%s\": %d", text, rc);
	atomic_store(&message->returned, 1);
}

/* Made before the walk, as are long_bytes: filling it would be most of the instructions stepped. */
static char filler[RING_BYTES];

static void send_filler_bytes(struct channel *channel, size_t size)
{
	struct message *message = message_new("filler");
	int rc = channel_send(channel, filler, size, 0);

	if (rc != 0)
		fail("send filler: %d", rc);
	atomic_store(&message->returned, 1);
}

/* A message that fills the ring to its last bytes. */
static void send_filler(struct channel *channel)
{
	send_filler_bytes(channel, channel_message_max(channel));
}

static const char *const block_texts[] = { "b1", "b2", "b3", "b4", "b5" };
enum { BLOCK_COUNT = 5 };

static void send_block(struct channel *channel)
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

static unsigned char long_bytes[2 * RING_BYTES];

static void bytes_make(void)
{
	memset(filler, 'f', sizeof(filler));
	for (size_t i = 0; i < sizeof(long_bytes); i++)
		long_bytes[i] = long_byte(i);
}

static void send_piece(struct channel *channel, size_t from, size_t size, unsigned flags)
{
	struct channel_block piece = { .size = size, .messages = 1, .flags = flags };
	int rc;

	if (from == 0)
		message_new("long");
	rc = channel_send_block(channel, long_bytes + from, &piece);
	if (rc < 0 && rc != -CHANNEL_ELOST)
		fail("send piece: %d", rc);
}

static const char walk_key[] = "walk";

/* What begins with "keyed" has that key, nothing else has one. */
static void key_check(const struct channel_delivery *delivery)
{
	bool keyed = delivery->size >= 5 && memcmp(delivery->bytes, "keyed", 5) == 0;
	size_t size = keyed ? strlen(walk_key) : 0;

	if (delivery->key_size != size || memcmp(delivery->key, walk_key, size) != 0)
		fail("a wrong key");
}

/* Notes a delivery, taken apart, and checks its bytes. *at: how much of a long message came. */
static void note_delivery(const struct channel_delivery *delivery, size_t *at)
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

/* Sets one of the marks of each message that the victim has had in hand: at this offset. */
static void mark_victims(size_t offset)
{
	for (int i = 0; i < atomic_load(&scene->delivery_count); i++) {
		struct message *message = message_find(scene->deliveries[i].text);

		if (message != NULL && scene->deliveries[i].complete &&
		    scene->deliveries[i].by_victim)
			atomic_store((atomic_int *)(void *)((char *)message + offset), 1);
	}
}

/* The victim begins to acknowledge what it holds: from now on that may count as delivered. */
static void mark_taken_over(void)
{
	mark_victims(offsetof(struct message, taken_over));
}

/* Takes up to `most` messages in one delivery, out of several records. */
static int receive_together(struct channel *channel, uint32_t most, size_t *at)
{
	struct channel_delivery delivery;
	int rc = channel_receive(channel, most, CHANNEL_DONTWAIT | CHANNEL_TOGETHER, 0, &delivery);

	while (rc == CHANNEL_DELIVERED) {
		note_delivery(&delivery, at);
		rc = channel_receive_more(channel, &delivery);
	}
	return rc;
}

/* ---- roles ---- */

/* Receives and acknowledges until the stream ends. */
static void role_consumer(int who)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;
	int rc;

	atomic_store(&scene->ready[who], 1);
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

static struct tap *tap_of(struct channel *channel, bool newest)
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

/* Follows the stream to its end; takes nothing, so nothing is noted. */
static void role_tap(int who)
{
	struct channel *channel = channel_new();
	struct tap *tap = tap_of(channel, true);
	struct channel_delivery delivery;
	int rc;

	atomic_store(&scene->ready[who], 1);
	do
		rc = tap_receive(tap, UINT32_MAX, 0, 0, &delivery);
	while (rc == CHANNEL_DELIVERED || rc == -CHANNEL_EABORTED);
	if (rc != CHANNEL_ENDED)
		fail("tap: %d", rc);
	channel_detach(channel, 0);
	tap_free(tap);
	channel_free(channel);
}

/* Holds one message out of a block until the walk is over, then goes on. */
static void role_sharing_consumer(int who)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	if (channel_receive(channel, 1, CHANNEL_SHARE, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[who], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	while (channel_receive(channel, UINT32_MAX, CHANNEL_SHARE, 0, &delivery) ==
	       CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	channel_detach(channel, 0);
	channel_free(channel);
}

static void role_idle_producer(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	atomic_store(&scene->ready[who], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	channel_detach(channel, 0);
	channel_free(channel);
}

/* The same; the group without a name stays, so that what comes later is still for it. */
static void role_keeping_producer(int who)
{
	static const char *const groups[] = { "", NULL };
	struct channel_options options = options_usual();
	struct channel *channel;

	options.groups = groups;
	channel = attach_as(CHANNEL_PRODUCER, options);
	atomic_store(&scene->ready[who], 1);
	while (atomic_load(&scene->go) == 0)
		pause_briefly();
	channel_detach(channel, 0);
	channel_free(channel);
}

/* Asleep until there is room behind the filler. */
static void role_waiting_producer(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	atomic_store(&scene->ready[who], 1);
	send_text(channel, "waited");
	channel_detach(channel, 0);
	channel_free(channel);
}

/* Asleep until a consumer comes. */
static void role_awaiting_producer(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);
	int rc;

	atomic_store(&scene->ready[who], 1);
	rc = channel_wait_consumers(channel, 1);
	if (rc < 0)
		fail("wait for a consumer: %d", rc);
	send_text(channel, "awaited");
	channel_detach(channel, 0);
	channel_free(channel);
}

static void role_newcomer_producer(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	(void)who;
	send_text(channel, "newcomer");
	channel_detach(channel, 0);
	channel_free(channel);
}

/* These send something and leave it behind. */
static void role_filler_sender(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_filler(channel);
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

static void role_block_sender(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_block(channel);
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

/* Single messages, so that a lone consumer claims several records at once. */
static void role_many_sender(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	for (int i = 0; i < BLOCK_COUNT; i++)
		send_text(channel, block_texts[i]);
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

static void role_one_sender(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);

	send_text(channel, "one");
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

/* Of two groups that both shall have it. */
static void role_declaring_sender(int who)
{
	static const char *const groups[] = { "", other_group, NULL };
	struct channel_options options = options_usual();
	struct channel *channel;

	options.groups = groups;
	channel = attach_as(CHANNEL_PRODUCER, options);
	send_text(channel, "one");
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

static bool is_one(const struct channel_delivery *delivery)
{
	return delivery->size == 3 && memcmp(delivery->bytes, "one", 3) == 0;
}

/* Comes when the other group has lost a consumer, and takes what there is for it. */
static void role_other_consumer(int who)
{
	struct channel *channel = attach_other();
	struct channel_delivery delivery;
	int rc;

	atomic_store(&scene->ready[who], 1);
	while ((rc = channel_receive(channel, UINT32_MAX, 0, 0, &delivery)) == CHANNEL_DELIVERED)
		if (is_one(&delivery))
			atomic_store(&scene->other_has_one, 1);
	if (rc != CHANNEL_ENDED)
		fail("receive in the other group: %d", rc);
	channel_detach(channel, 0);
	channel_free(channel);
}

/* Durable groups would keep the object. */
static void role_group_remover(int who)
{
	struct channel_options options = options_usual();
	struct channel *channel = channel_new();
	uint64_t messages;

	(void)who;
	channel_group_remove(channel, &options, other_group, &messages);
	channel_group_remove(channel, &options, "", &messages);
	channel_free(channel);
}

/* Takes everything and dies with it in hand. */
static void role_dying_consumer(int who)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	if (channel_receive(channel, UINT32_MAX, 0, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[who], 1);
	raise(SIGKILL);
}

/* The same with one of several that it has claimed. */
static void role_dying_quick_consumer(int who)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;
	size_t at = 0;

	channel->batch.records = 4;
	if (channel_receive(channel, UINT32_MAX, 0, 0, &delivery) == CHANNEL_DELIVERED)
		note_delivery(&delivery, &at);
	atomic_store(&scene->ready[who], 1);
	raise(SIGKILL);
}

/* The same with all of several records, as one. */
static void role_dying_together_consumer(int who)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	size_t at = 0;

	receive_together(channel, BLOCK_COUNT - 1, &at);
	atomic_store(&scene->ready[who], 1);
	raise(SIGKILL);
}

/* Dies inside a long message, holding the turn and the producers' mutex. */
/* Takes `most` messages, as one, and gives them back: they have been delivered once. */
static void give_back_all(int who, uint32_t most)
{
	struct channel *channel = attach(CHANNEL_CONSUMER);
	struct channel_delivery delivery;

	if (channel_receive(channel, most, CHANNEL_TOGETHER, 0, &delivery) != CHANNEL_DELIVERED)
		fail("nothing to give back");
	while (channel_receive_more(channel, &delivery) == CHANNEL_DELIVERED)
		;
	if (channel_give_back(channel, 0) < 0)
		fail("give back");
	atomic_store(&scene->ready[who], 1);
	channel_detach(channel, 0);
	channel_free(channel);
}

static void role_giver(int who)
{
	give_back_all(who, BLOCK_COUNT);
}

static void role_dying_producer(int who)
{
	struct channel *channel = attach(CHANNEL_PRODUCER);
	struct deadline never = deadline_after(DEADLINE_NEVER, -ETIMEDOUT, NULL);

	send_piece(channel, 0, 500, CHANNEL_MORE);
	side_lock(channel, CHANNEL_PRODUCER, &never);
	atomic_store(&scene->ready[who], 1);
	raise(SIGKILL);
}

/* It has nothing in hand, so all that it leaves is the news of its death. */
static void role_killed_producer(int who)
{
	(void)who;
	attach(CHANNEL_PRODUCER);
	atomic_store(&scene->news, 1);
	raise(SIGKILL);
}

/* ---- victims: `prepare` runs freely, `operate` is stepped ---- */

static struct channel *victim;
static struct tap *victim_tap;
static struct channel_delivery victim_delivery;
static size_t victim_at;

static void prepare_nothing(void)
{
}

static void prepare_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
}

/* The ring is full, so what is sent next has to wait. */
static void prepare_full_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
	send_filler(victim);
}

static void prepare_dropping_producer(void)
{
	victim = attach_with(CHANNEL_PRODUCER, CHANNEL_FULL_DROP_NEW);
	send_filler(victim);
}

static void prepare_old_dropping_producer(void)
{
	victim = attach_with(CHANNEL_PRODUCER, CHANNEL_FULL_DROP_OLD);
}

static void prepare_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
}

static void prepare_other(void)
{
	victim = attach_other();
}

static void victim_receive(uint32_t most)
{
	if (channel_receive(victim, most, CHANNEL_DONTWAIT, 0, &victim_delivery) ==
	    CHANNEL_DELIVERED)
		note_delivery(&victim_delivery, &victim_at);
}

/* It has been quick so far, so it claims all there is. */
static void prepare_quick_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim->batch.records = 4;
}

static void prepare_holder(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim_receive(UINT32_MAX);
}

static void operate_attach_producer(void)
{
	victim = attach(CHANNEL_PRODUCER);
}

static void operate_attach_consumer(void)
{
	victim = attach(CHANNEL_CONSUMER);
}

static void operate_attach_other(void)
{
	victim = attach_other();
}

static void operate_attach_declaring(void)
{
	static const char *const groups[] = { other_group, NULL };
	struct channel_options options = options_usual();

	options.groups = groups;
	victim = attach_as(CHANNEL_PRODUCER, options);
}

/* What it takes is noted for the other group only. */
static void operate_receive_other(void)
{
	if (channel_receive(victim, UINT32_MAX, CHANNEL_DONTWAIT, 0, &victim_delivery) !=
		    CHANNEL_DELIVERED ||
	    !is_one(&victim_delivery))
		fail("nothing for the other group");
	atomic_store(&scene->other_waived, 1);
	if (channel_acknowledge(victim) < 0)
		fail("acknowledge");
}

/* With a part of a block in hand. */
static void prepare_part_holder(void)
{
	victim = attach(CHANNEL_CONSUMER);
	victim_receive(2);
}

static void prepare_removing(void)
{
	atomic_store(&scene->other_waived, 1);
	victim = channel_new();
}

static void operate_remove_group(void)
{
	struct channel_options options = options_usual();
	uint64_t messages;

	if (channel_group_remove(victim, &options, other_group, &messages) < 0 || messages != 1)
		fail("remove a group");
}

static void operate_send(void)
{
	send_text(victim, "sent");
}

static void operate_send_keyed(void)
{
	channel_key_set(victim, walk_key, strlen(walk_key));
	send_text(victim, "keyed");
}

static void operate_send_block(void)
{
	send_block(victim);
}

/* What comes is not this one, and its number is nobody else's. */
static void operate_drop(void)
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

/* Takes the place of the first three messages; two stay. */
static void operate_drop_old(void)
{
	size_t left = RING_BYTES - 2 * ring_record_bytes(strlen(block_texts[0]));

	for (int i = 0; i < 3; i++)
		may_drop(block_texts[i]);
	send_filler_bytes(victim, left - sizeof(struct record));
}

/* First there has to be room for somebody else. */
static void operate_drop_old_for_other(void)
{
	may_drop("filler");
	send_text(victim, "sent");
}

static void operate_send_waiting(void)
{
	send_text(victim, "sent after waiting for room");
}

static void prepare_in_long(void)
{
	victim = attach(CHANNEL_PRODUCER);
	send_piece(victim, 0, 900, CHANNEL_MORE);
}

static void operate_send_piece(void)
{
	send_piece(victim, 900, 900, CHANNEL_MORE);
}

static void operate_wait_consumers(void)
{
	if (channel_wait_consumers(victim, 1) < 0)
		fail("wait for a consumer");
}

static void operate_receive(void)
{
	victim_receive(UINT32_MAX);
}

static void operate_receive_part(void)
{
	victim_receive(2);
	mark_taken_over();
	victim_receive(2);
}

/* One after the other out of a block that others work on, too. */
static void operate_receive_shared(void)
{
	for (int i = 0; i < 3; i++) {
		mark_taken_over();
		if (channel_receive(victim, UINT32_MAX, CHANNEL_DONTWAIT | CHANNEL_SHARE, 0,
				    &victim_delivery) == CHANNEL_DELIVERED)
			note_delivery(&victim_delivery, &victim_at);
	}
}

static void operate_receive_together(void)
{
	receive_together(victim, BLOCK_COUNT - 1, &victim_at);
	mark_taken_over();
	receive_together(victim, BLOCK_COUNT - 1, &victim_at);
}

/* Another attempt at what is in hand, then one message after the other. */
static void operate_retry(void)
{
	uint32_t attempts;

	if (channel_retry(victim, &attempts) < 0 || attempts != 2)
		fail("retry");
	mark_taken_over();
	channel_acknowledge(victim);
}

/* A try with what is in hand, which is a part of a block; it fails. */
static void operate_try(void)
{
	mark_victims(offsetof(struct message, may_fail));
	if (channel_try(victim) < 0)
		fail("try");
	mark_victims(offsetof(struct message, must_fail));
	if (channel_tried(victim, true) < 0 || channel_give_back(victim, 0) < 0)
		fail("tried");
}

static void operate_receive_several(void)
{
	for (int i = 0; i < BLOCK_COUNT; i++) {
		mark_taken_over();
		victim_receive(UINT32_MAX);
	}
}

/* In the middle of a claim of several records. */
static void prepare_quick_holder(void)
{
	prepare_quick_consumer();
	victim_receive(UINT32_MAX);
	mark_taken_over();
	victim_receive(UINT32_MAX);
}

static void operate_acknowledge(void)
{
	mark_taken_over();
	if (channel_acknowledge(victim) < 0)
		fail("acknowledge");
}

static void operate_give_back(void)
{
	if (channel_give_back(victim, 0) < 0)
		fail("give back");
}

static void operate_detach(void)
{
	channel_detach(victim, 0);
}

/* Until it leaves, somebody else has to be told. */
static void operate_end(void)
{
	if (channel_receive(victim, 1, CHANNEL_DONTWAIT, 0, &victim_delivery) != CHANNEL_ENDED ||
	    !channel_incomplete(victim))
		fail("not the end of a stream whose producer was killed");
	atomic_store(&scene->reported, 1);
	channel_detach(victim, 0);
}

static void operate_follow_through(void)
{
	if (channel_receive(victim, 1, CHANNEL_DONTWAIT | CHANNEL_FOLLOW, 0, &victim_delivery) !=
	    -EAGAIN)
		fail("a follower does not go on");
	channel_detach(victim, 0);
}

static void prepare_tap(void)
{
	victim = channel_new();
	victim_tap = tap_of(victim, true);
}

static void operate_tap(void)
{
	struct channel_delivery delivery;

	if (tap_receive(victim_tap, UINT32_MAX, 0, 0, &delivery) != CHANNEL_DELIVERED ||
	    delivery.size != 3 || memcmp(delivery.bytes, "one", 3) != 0)
		fail("tap: not what was sent");
	channel_detach(victim, 0);
}

static void operate_tap_oldest(void)
{
	victim = channel_new();
	victim_tap = tap_of(victim, false);
	operate_tap();
}

static void operate_look(void)
{
	victim->looked_ns = 0;
	if (channel_look_after(victim) < 0)
		fail("look after");
}

/* Who is there before the victim, what it does, and who comes when it sleeps. */
struct operation {
	const char *name;
	void (*before[3])(int who); /* started one after the other, each settled before the next */
	void (*prepare)(void);
	void (*behind[2])(int who); /* started when the victim is prepared: they fall asleep */
	void (*operate)(void);
	void (*release)(int who); /* started when the operation sleeps */
	bool clean_end;		  /* a producer leaves in good order before the newcomers come */
	bool groups;		  /* there are, or may be, two */
	bool other_owed;	  /* the other group has a right to "one" */
	bool first_dies_twice;	  /* another victim is killed in the same operation before */
	bool named;		  /* nobody can make objects that have no name */
};

static const struct operation operations[] = {
	{ .name = "attach, creating",
	  .prepare = prepare_nothing,
	  .operate = operate_attach_producer },
	{ .name = "attach, creating by a private name",
	  .named = true,
	  .prepare = prepare_nothing,
	  .operate = operate_attach_producer },
	{ .name = "attach, existing",
	  .clean_end = true,
	  .before = { role_idle_producer },
	  .prepare = prepare_nothing,
	  .operate = operate_attach_consumer },
	{ .name = "attach, consumer asleep",
	  .before = { role_consumer },
	  .prepare = prepare_nothing,
	  .operate = operate_attach_producer },
	{ .name = "attach, producer waits for it",
	  .clean_end = true,
	  .before = { role_awaiting_producer },
	  .prepare = prepare_nothing,
	  .operate = operate_attach_consumer },
	{ .name = "wait for consumers, awake",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .operate = operate_wait_consumers },
	{ .name = "wait for consumers, asleep",
	  .prepare = prepare_producer,
	  .operate = operate_wait_consumers,
	  .release = role_consumer },
	{ .name = "send, consumer asleep",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .operate = operate_send },
	{ .name = "send, beside another producer",
	  .before = { role_consumer, role_idle_producer },
	  .prepare = prepare_producer,
	  .operate = operate_send },
	{ .name = "send with a key",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .operate = operate_send_keyed },
	{ .name = "send a block",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .operate = operate_send_block },
	{ .name = "send, waiting for room",
	  .prepare = prepare_full_producer,
	  .operate = operate_send_waiting,
	  .release = role_consumer },
	{ .name = "drop, the ring is full",
	  .prepare = prepare_dropping_producer,
	  .operate = operate_drop },
	{ .name = "drop, beside another producer",
	  .before = { role_idle_producer },
	  .prepare = prepare_dropping_producer,
	  .operate = operate_drop },
	{ .name = "drop the oldest",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_old_dropping_producer,
	  .operate = operate_drop_old },
	{ .name = "drop the oldest, beside another",
	  .clean_end = true,
	  .before = { role_many_sender, role_idle_producer },
	  .prepare = prepare_old_dropping_producer,
	  .operate = operate_drop_old },
	{ .name = "drop the oldest for who waits",
	  .clean_end = true,
	  .before = { role_filler_sender },
	  .prepare = prepare_old_dropping_producer,
	  .behind = { role_waiting_producer },
	  .operate = operate_drop_old_for_other },
	{ .name = "piece of a long message",
	  .before = { role_consumer },
	  .prepare = prepare_in_long,
	  .operate = operate_send_piece },
	{ .name = "send, consumer and tap asleep",
	  .before = { role_consumer, role_tap },
	  .prepare = prepare_producer,
	  .operate = operate_send },
	{ .name = "piece, consumer and tap asleep",
	  .before = { role_consumer, role_tap },
	  .prepare = prepare_in_long,
	  .operate = operate_send_piece },
	{ .name = "tap, attaching and leaving",
	  .clean_end = true,
	  .before = { role_one_sender },
	  .prepare = prepare_nothing,
	  .operate = operate_tap_oldest },
	{ .name = "tap, asleep",
	  .clean_end = true,
	  .before = { role_consumer },
	  .prepare = prepare_tap,
	  .operate = operate_tap,
	  .release = role_one_sender },
	{ .name = "receive",
	  .clean_end = true,
	  .before = { role_one_sender },
	  .prepare = prepare_consumer,
	  .operate = operate_receive },
	{ .name = "receive several at once",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_quick_consumer,
	  .operate = operate_receive_several },
	{ .name = "acknowledge, producer asleep",
	  .clean_end = true,
	  .before = { role_filler_sender },
	  .prepare = prepare_holder,
	  .behind = { role_waiting_producer },
	  .operate = operate_acknowledge },
	{ .name = "part of a block",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_consumer,
	  .operate = operate_receive_part },
	{ .name = "part of a block that was given back",
	  .clean_end = true,
	  .before = { role_block_sender, role_giver },
	  .prepare = prepare_consumer,
	  .operate = operate_receive_part },
	{ .name = "one of a block, beside others",
	  .clean_end = true,
	  .before = { role_block_sender, role_sharing_consumer },
	  .prepare = prepare_consumer,
	  .operate = operate_receive_shared },
	{ .name = "several together",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_consumer,
	  .operate = operate_receive_together },
	{ .name = "several together, adopted",
	  .clean_end = true,
	  .before = { role_many_sender, role_dying_together_consumer },
	  .prepare = prepare_consumer,
	  .operate = operate_receive_together },
	{ .name = "try again",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_holder,
	  .behind = { role_consumer },
	  .operate = operate_retry },
	{ .name = "a try that fails",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_part_holder,
	  .behind = { role_consumer },
	  .operate = operate_try },
	{ .name = "give back",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_holder,
	  .behind = { role_consumer },
	  .operate = operate_give_back },
	{ .name = "give back one of several",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_quick_holder,
	  .behind = { role_consumer },
	  .operate = operate_give_back },
	{ .name = "adopt an orphan",
	  .clean_end = true,
	  .before = { role_block_sender, role_dying_consumer },
	  .prepare = prepare_consumer,
	  .operate = operate_receive },
	{ .name = "detach",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_holder,
	  .behind = { role_consumer },
	  .operate = operate_detach },
	{ .name = "end, after a death",
	  .before = { role_killed_producer },
	  .prepare = prepare_consumer,
	  .operate = operate_end },
	{ .name = "end, followed through",
	  .before = { role_killed_producer },
	  .prepare = prepare_consumer,
	  .operate = operate_follow_through },
	{ .name = "attach, a new group",
	  .clean_end = true,
	  .groups = true,
	  .before = { role_keeping_producer, role_consumer },
	  .prepare = prepare_nothing,
	  .operate = operate_attach_other },
	{ .name = "attach, declaring a group",
	  .clean_end = true,
	  .groups = true,
	  .before = { role_keeping_producer, role_consumer },
	  .prepare = prepare_nothing,
	  .operate = operate_attach_declaring },
	{ .name = "receive, one of two groups",
	  .clean_end = true,
	  .groups = true,
	  .other_owed = true,
	  .before = { role_declaring_sender },
	  .prepare = prepare_other,
	  .operate = operate_receive_other },
	{ .name = "detach, the last of a group",
	  .clean_end = true,
	  .groups = true,
	  .before = { role_keeping_producer, role_consumer },
	  .prepare = prepare_other,
	  .operate = operate_detach },
	{ .name = "remove a group",
	  .clean_end = true,
	  .groups = true,
	  .before = { role_declaring_sender },
	  .prepare = prepare_removing,
	  .operate = operate_remove_group },
	{ .name = "last detach, removing",
	  .clean_end = true,
	  .prepare = prepare_producer,
	  .operate = operate_detach },
	{ .name = "repair after a consumer",
	  .clean_end = true,
	  .before = { role_block_sender },
	  .prepare = prepare_consumer,
	  .behind = { role_dying_consumer },
	  .operate = operate_look },
	{ .name = "repair after a quick consumer",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_producer, /* a second consumer, and it would claim but one */
	  .behind = { role_dying_quick_consumer },
	  .operate = operate_look },
	{ .name = "repair after several together",
	  .clean_end = true,
	  .before = { role_many_sender },
	  .prepare = prepare_producer,
	  .behind = { role_dying_together_consumer },
	  .operate = operate_look },
	{ .name = "repair after one of several adopted",
	  .clean_end = true,
	  .before = { role_many_sender, role_giver },
	  .prepare = prepare_producer,
	  .behind = { role_dying_consumer },
	  .operate = operate_look },
	{ .name = "repair after a producer",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .behind = { role_dying_producer },
	  .operate = operate_look },
	{ .name = "repair of a repair",
	  .before = { role_consumer },
	  .prepare = prepare_producer,
	  .behind = { role_dying_producer },
	  .operate = operate_look,
	  .first_dies_twice = true },
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* ---- one kill point ---- */

struct child {
	pid_t pid;
	void (*role)(int who);
};

struct run {
	const struct operation *operation;
	struct child children[CHILDREN_MAX];
	int child_count;
	bool hung;
	uint64_t slowest_ms;
};

static const char *object_name(void)
{
	static char name[SEGMENT_NAME_MAX];

	owner_object_name(name, geteuid(), scene->name);
	return name;
}

/* The object, if it is there and made as far as its size. */
static struct shared_buffer *object_map(void)
{
	struct stat status;
	void *shared = MAP_FAILED;
	int fd = shm_open(object_name(), O_RDWR, 0);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && (size_t)status.st_size >= sizeof(struct shared_buffer))
		shared = mmap(NULL, sizeof(struct shared_buffer), PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
	close(fd);
	return shared == MAP_FAILED ? NULL : shared;
}

static bool somebody_waits(bool producer)
{
	struct shared_buffer *shared = object_map();
	bool waits = false;

	if (shared == NULL)
		return false;
	if (producer)
		waits = (atomic_load(&shared->producers.room_wanted) |
			 atomic_load(&shared->producers.waiting_consumers)) != 0;
	else
		waits = (atomic_load(&shared->consumers.waiting_data) |
			 atomic_load(&shared->consumers.waiting_piece)) != 0;
	munmap(shared, sizeof(*shared));
	return waits;
}

static bool child_ended(const struct child *child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

/* Ends waitpid() now and then, so that a victim that sleeps is noticed. */
static volatile int ticks;

static void on_tick(int number)
{
	(void)number;
	ticks = ticks + 1;
}

static void ticks_start(void)
{
	const struct itimerval tick = { .it_interval = { .tv_usec = TICK_MS * 1000 },
					.it_value = { .tv_usec = TICK_MS * 1000 } };
	struct sigaction action = { .sa_handler = on_tick }; /* no SA_RESTART */

	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
}

/* A role has come to where the operation needs it: asleep, gone, dead or idle. */
static bool settled(const struct child *child, int who)
{
	if (child->role == role_consumer || child->role == role_tap)
		return atomic_load(&scene->ready[who]) && somebody_waits(false);
	if (child->role == role_waiting_producer || child->role == role_awaiting_producer)
		return atomic_load(&scene->ready[who]) && somebody_waits(true);
	if (child->role == role_idle_producer || child->role == role_keeping_producer ||
	    child->role == role_sharing_consumer)
		return atomic_load(&scene->ready[who]);
	return child_ended(child);
}

/* Without /proc, or with a file system that cannot do it: no unnamed file ever gets a name. */
static void child_limit(const struct operation *operation)
{
	if (operation->named && !syscall_filter(FILTER_UNNAMED | FILTER_LINK))
		fail("no system call can be taken away here");
}

static int child_start(struct run *run, void (*role)(int who))
{
	int who = run->child_count++;
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		child_limit(run->operation);
		role(who);
		_exit(0);
	}
	run->children[who] = (struct child){ .pid = pid, .role = role };
	return who;
}

static bool child_settle(struct run *run, int who)
{
	uint64_t until = now_ms() + PROGRESS_MS;

	while (!settled(&run->children[who], who)) {
		if (now_ms() > until) {
			run->hung = true;
			return false;
		}
		pause_briefly();
	}
	return true;
}

/* All children have to end by themselves, soon after `since`. */
static void children_end(struct run *run, uint64_t since)
{
	for (int who = 0; who < run->child_count; who++) {
		struct child *child = &run->children[who];

		while (!child_ended(child) && now_ms() - since <= PROGRESS_MS)
			pause_briefly();
		if (!child_ended(child)) {
			run->hung = true;
			kill(child->pid, SIGKILL);
		}
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	run->child_count = 0;
	if (now_ms() - since > run->slowest_ms)
		run->slowest_ms = now_ms() - since;
}

/* A victim, stopped right before its operation. */
static pid_t victim_start(const struct operation *operation)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		is_victim = true;
		child_limit(operation);
		operation->prepare();
		raise(SIGSTOP);
		operation->operate();
		atomic_store(&scene->done, 1);
		for (;;)
			pause();
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSTOPPED(status) ? pid : -1;
}

/* What stepper.c has to know to let a victim go on. */
struct victim_run {
	struct run *run;
	pid_t pid;
	bool released;
	bool dead;
};

/*
 * Lets the victim go on until it stops. A victim asleep in a system call stays there if
 * that is its last step, else somebody is started who wakes it.
 */
static bool victim_resume(void *context, enum stepper_reach reach, bool last)
{
	struct victim_run *victim_run = context;
	struct run *run = victim_run->run;
	int began = ticks;
	int status;

	if (atomic_load(&scene->done) ||
	    ptrace(reach == STEPPER_ONE_STEP ? PTRACE_SINGLESTEP : PTRACE_CONT, victim_run->pid,
		   NULL, NULL) != 0)
		return false;
	while (waitpid(victim_run->pid, &status, 0) < 0) { /* a tick: it sleeps, or is not run */
		if (ticks - began < SLEEP_TICKS)
			continue;
		if (atomic_load(&scene->done))
			return false;
		if (last)
			return true;
		if (!victim_run->released && run->operation->release != NULL) {
			child_start(run, run->operation->release);
			victim_run->released = true;
		}
		if (ticks - began > 2 * PROGRESS_MS / TICK_MS) {
			run->hung = true;
			return false;
		}
	}
	victim_run->dead = !WIFSTOPPED(status);
	return !victim_run->dead;
}

enum arrival { ARRIVED, ENDED_BEFORE, WENT_ANOTHER_WAY };

/*
 * Lets the victim do `steps` instructions and kills it. NOTED_ALL of them: it notes its
 * path until its operation has ended.
 */
enum { NOTED_ALL = INT_MAX };
static enum arrival victim_step_and_kill(struct run *run, pid_t pid, int steps, struct path *path)
{
	struct victim_run victim_run = { .run = run, .pid = pid };
	struct stepper stepper = { pid, victim_resume, &victim_run };
	enum arrival arrival = ENDED_BEFORE;

	if (path != NULL && steps != NOTED_ALL)
		arrival = stepper_follow(&stepper, steps, path) ? ARRIVED : WENT_ANOTHER_WAY;
	else if (stepper_walk(&stepper, steps, path) == steps)
		arrival = ARRIVED;
	if (victim_run.dead)
		return arrival;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return arrival;
}

/* Takes what is left, if the newcomers missed each other. */
static void role_sweeper(int who)
{
	struct channel_options options = { .name = scene->name,
					   .owner = geteuid(),
					   .never_create = true };
	struct channel *channel = channel_new();
	struct channel_delivery delivery;
	size_t at = 0;

	(void)who;
	if (channel_attach(channel, CHANNEL_CONSUMER, &options) == 0) {
		while (channel_receive(channel, UINT32_MAX, CHANNEL_DONTWAIT, 0, &delivery) ==
		       CHANNEL_DELIVERED)
			note_delivery(&delivery, &at);
		atomic_fetch_add(&scene->missed, (int)channel_missed(channel));
		channel_detach(channel, 0);
	}
	channel_free(channel);
}

struct tally {
	int points, hung, lost, doubled, wrong, left;
	int last; /* the step at which the operation had ended */
	uint64_t slowest_ms;
	char example[320];
};

/* A try that began has failed, once, if it did not end well; being in hand is none. */
static void failures_check(const struct message *message, const struct delivered *delivered)
{
	bool must = !delivered->by_victim && atomic_load(&message->must_fail);

	if (delivered->failures > (uint32_t)atomic_load(&message->may_fail) ||
	    (must && delivered->failures == 0))
		fail("\"%s\" comes with %u failures", message->text, delivered->failures);
}

/*
 * Is every message accounted for? What only the victim saw counts as delivered if it had
 * begun to acknowledge it; what it had not must have come again.
 */
static void account(struct tally *tally)
{
	int deliveries = atomic_load(&scene->delivery_count);
	int messages = atomic_load(&scene->message_count);
	int dropped = 0;
	bool may_drop = false;

	for (int m = 0; m < messages; m++) {
		const struct message *message = &scene->messages[m];
		bool newcomer = strcmp(message->text, "newcomer") == 0;
		int times = 0, first_times = 0;
		uint64_t sequence = 0;

		for (int d = 0; d < deliveries; d++) {
			const struct delivered *delivered = &scene->deliveries[d];

			if (!atomic_load(&delivered->complete) ||
			    strcmp(delivered->text, message->text) != 0)
				continue;
			times += !delivered->by_victim || atomic_load(&message->taken_over);
			first_times += delivered->attempts == 1;
			failures_check(message, delivered);
			if (sequence != 0 && delivered->sequence != sequence)
				fail("\"%s\" has two sequence numbers", message->text);
			sequence = delivered->sequence;
		}
		tally->doubled += first_times > 1;
		may_drop |= atomic_load(&message->may_drop);
		if (times == 0 && atomic_load(&message->may_drop)) {
			dropped++;
		} else if (times == 0 && atomic_load(&message->returned)) {
			tally->lost++;
			fail("\"%s\" is lost", message->text);
		}
		if (first_times > 1)
			fail("\"%s\" is doubled", message->text);
		/* The newcomer's message may be in another channel than the rest. */
		for (int d = 0; d < deliveries && sequence != 0 && !newcomer; d++)
			if (atomic_load(&scene->deliveries[d].complete) &&
			    scene->deliveries[d].sequence == sequence &&
			    strcmp(scene->deliveries[d].text, message->text) != 0 &&
			    strcmp(scene->deliveries[d].text, "newcomer") != 0)
				fail("\"%s\" and \"%s\" have one sequence number", message->text,
				     scene->deliveries[d].text);
		if (sequence > (uint64_t)messages)
			fail("\"%s\" has the number %llu, so some were skipped", message->text,
			     (unsigned long long)sequence);
	}
	if (may_drop && atomic_load(&scene->missed) != dropped)
		fail("%d were dropped, and consumers know of %d", dropped,
		     atomic_load(&scene->missed));
}

/* A private name that the victim gave the object that it made, and that nobody removed. */
static bool private_remains(pid_t victim_pid)
{
	const struct dirent *entry;
	char prefix[80];
	bool found = false;
	DIR *folder = opendir("/dev/shm");

	snprintf(prefix, sizeof(prefix), ".shm-channel-new.%lu.%ld.", (unsigned long)geteuid(),
		 (long)victim_pid);
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		found |= strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (folder != NULL)
		closedir(folder);
	return found;
}

/* The object has to be gone, and so has one that nobody has finished. */
static void remains(struct tally *tally, pid_t victim_pid)
{
	if (private_remains(victim_pid)) {
		tally->left++;
		fail("an unfinished object was left behind");
	}
	if (shm_unlink(object_name()) != 0)
		return;
	tally->left++;
	fail("the object was left behind");
}

/*
 * Wakes the consumers that sleep, as time would: what they make of the death alone must be
 * right before anybody comes and repairs. A few looks' time is enough; it need not be exact.
 */
static void survivors_nudge(void)
{
	struct shared_buffer *shared = object_map();

	if (shared == NULL)
		return;
	for (int i = 0; i < SLOT_COUNT; i++)
		if ((atomic_load(&shared->consumers.side.attached) >> i & 1) != 0)
			semaphore_post(&shared->consumers.side.slots[i].wakeup);
	munmap(shared, sizeof(*shared));
	for (int i = 0; i < 5; i++)
		pause_briefly();
}

/* It must not come when all is over, and wait for the next stream. */
static void consumer_join(struct run *run, void (*role)(int who), uint64_t since)
{
	int who = child_start(run, role);

	while (!atomic_load(&scene->ready[who]) && now_ms() - since <= PROGRESS_MS)
		pause_briefly();
}

/*
 * One run of an operation with a kill after `steps` instructions. With a path it runs most
 * of the way; with NOTED_ALL it makes the path and ends unharmed.
 */
static enum arrival walk_point(const struct operation *operation, int steps, struct path *path,
			       struct tally *tally)
{
	static unsigned serial;
	struct run run = { .operation = operation };
	uint64_t since;
	enum arrival arrival;
	pid_t pid;

	memset(scene, 0, sizeof(*scene));
	scene->stream_ended = operation->clean_end;
	snprintf(scene->name, sizeof(scene->name), "walk-%ld-%u", (long)getpid(), serial++);
	for (int i = 0; i < 3 && operation->before[i] != NULL; i++)
		child_settle(&run, child_start(&run, operation->before[i]));
	pid = victim_start(operation);
	for (int i = 0; i < 2 && operation->behind[i] != NULL; i++)
		child_settle(&run, child_start(&run, operation->behind[i]));
	if (operation->first_dies_twice) {
		/* Another one repairs first, and dies somewhere in it. */
		victim_step_and_kill(&run, victim_start(operation), 1 + steps % 1500 * 37 % 1500,
				     NULL);
		atomic_store(&scene->done, 0);
	}
	arrival = victim_step_and_kill(&run, pid, steps, path);

	survivors_nudge();
	since = now_ms();
	atomic_store(&scene->go, 1);
	consumer_join(&run, role_consumer, since);
	if (operation->groups)
		consumer_join(&run, role_other_consumer, since);
	atomic_store(&scene->newcomer, 1);
	child_start(&run, role_newcomer_producer);
	children_end(&run, since);
	child_start(&run, role_sweeper);
	children_end(&run, now_ms());
	if (operation->groups)
		child_start(&run, role_group_remover);
	children_end(&run, now_ms());
	account(tally);
	if (operation->other_owed && !atomic_load(&scene->other_waived) &&
	    !atomic_load(&scene->other_has_one)) {
		tally->lost++;
		fail("\"one\" is lost for the other group");
	}
	if (atomic_load(&scene->news) && !atomic_load(&scene->reported))
		fail("nobody was told that a producer had died");
	remains(tally, pid);

	if (run.hung)
		fail("somebody did not go on");
	tally->points++;
	tally->hung += run.hung;
	tally->wrong += atomic_load(&scene->failures) > 0;
	if (atomic_load(&scene->failures) > 0 && tally->example[0] == '\0')
		snprintf(tally->example, sizeof(tally->example), "after %d: %.250s", steps,
			 scene->failure);
	if (run.slowest_ms > tally->slowest_ms)
		tally->slowest_ms = run.slowest_ms;
	return arrival;
}

/* ---- the walk ---- */

/* One worker's share of the kill points: every count-th from its own first one. */
static void work(const struct operation *operation, int stride, int worker, int count,
		 struct tally *tally)
{
	int steps = 1 + (worker - count) * stride;
	enum arrival arrival;
	cpu_set_t processor;
	struct path *path;

	/*
	 * On one processor with its victim: a step is then a switch between two processes,
	 * several times cheaper than a wake across processors.
	 */
	CPU_ZERO(&processor);
	CPU_SET((size_t)worker, &processor);
	sched_setaffinity(0, sizeof(processor), &processor);
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (scene == MAP_FAILED)
		_exit(1);
	ticks_start();
	path = path_new();
	if (path == NULL)
		_exit(1);
	walk_point(operation, NOTED_ALL, path, tally);
	do {
		steps += count * stride;
		arrival = walk_point(operation, steps, path, tally);
		if (arrival == WENT_ANOTHER_WAY) /* then every step of the way, to be sure */
			arrival = walk_point(operation, steps, NULL, tally);
	} while (arrival == ARRIVED);
	path_free(path);
	tally->last = steps;
	_exit(0);
}

static bool walk(const struct operation *operation, int stride, struct tally *tallies)
{
	struct tally sum = { 0 };
	int workers = (int)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t began = now_ms();

	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	memset(tallies, 0, WORKERS_MAX * sizeof(*tallies));
	for (int i = 0; i < workers; i++)
		if (fork() == 0)
			work(operation, stride, i, workers, &tallies[i]);
	for (int i = 0; i < workers; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			sum.wrong++;
	}
	for (int i = 0; i < workers; i++) {
		const struct tally *tally = &tallies[i];

		sum.points += tally->points;
		sum.hung += tally->hung;
		sum.lost += tally->lost;
		sum.doubled += tally->doubled;
		sum.wrong += tally->wrong;
		if (sum.last == 0 || tally->last < sum.last)
			sum.last = tally->last;
		if (tally->slowest_ms > sum.slowest_ms)
			sum.slowest_ms = tally->slowest_ms;
		if (sum.example[0] == '\0')
			memcpy(sum.example, tally->example, sizeof(sum.example));
	}
	printf("%-30s %7d %7d %6d %5d %8d %6d %7llu ms %6llu s%s%s\n", operation->name,
	       sum.last - 1, sum.points, sum.hung, sum.lost, sum.doubled, sum.wrong,
	       (unsigned long long)sum.slowest_ms, (unsigned long long)(now_ms() - began) / 1000,
	       sum.example[0] != '\0' ? "  " : "", sum.example);
	fflush(stdout);
	return sum.wrong == 0;
}

int main(int argc, char **argv)
{
	const char *only[OPERATIONS];
	int only_count = 0, stride = 1, key;
	struct tally *tallies;
	bool good = true;

	while ((key = getopt(argc, argv, "s:o:")) != -1) {
		if (key == 's' && atoi(optarg) > 0)
			stride = atoi(optarg);
		else if (key == 'o' && only_count < OPERATIONS)
			only[only_count++] = optarg;
		else
			return 2;
	}
	tallies = mmap(NULL, WORKERS_MAX * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		return 1;
	bytes_make();
	printf("%-30s %7s %7s %6s %5s %8s %6s %10s %8s\n", "operation", "instr.", "kills", "hung",
	       "lost", "doubled", "wrong", "slowest", "time");
	for (int i = 0; i < OPERATIONS; i++) {
		bool wanted = only_count == 0;

		for (int k = 0; k < only_count; k++)
			wanted |= strstr(operations[i].name, only[k]) != NULL;
		if (wanted)
			good &= walk(&operations[i], stride, tallies);
	}
	return good ? 0 : 1;
}

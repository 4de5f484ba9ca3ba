/*
 * Many producers and consumers in one process, for the thread sanitizer: each message has to
 * arrive once, or again with attempts > 1, and those of one producer in their order.
 *
 *   stress [MESSAGES [PRODUCERS [CONSUMERS [SEED]]]]
 *
 * Endpoints of one process map the object each for itself, so two threads would see one byte
 * at two addresses and the sanitizer could not relate them. Here segment_open() maps it once
 * and gives all of them that mapping; the rest is what the tools run, attaching included.
 * (The sanitizer still takes the second mapping of the ring for other bytes than the first.
 * A record has one address for everybody, but one that passes the ring's end is not compared
 * with those that come to lie there after it.)
 *
 * A plain main: gcc's thread sanitizer and Criterion do not go together. What the program
 * keeps for itself is relaxed, so that it orders nothing that the channel ought to order.
 *
 * Exit status: 0, or 1 if something was lost, doubled, torn, out of order or stuck; the
 * sanitizer has its own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/segment.h"
#include "channel/validate.h"

/* All of segment.c, but for the two functions that are replaced below. */
#define segment_open  segment_open_own
#define segment_close segment_close_own
#include "channel/segment.c" // NOLINT(bugprone-suspicious-include)
#undef segment_open
#undef segment_close

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif
#ifdef THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

enum {
	RING_SIZE = 65536,
	HEADER_SIZE = 16, /* head of a message: its number and size, 8 hexadecimal digits each */
	SMALL_MAX = 300,
	LARGE_MIN = 17000, /* copied without the mutex */
	LARGE_MAX = 40000,
	LONG_MAX_SIZE = 3 * RING_SIZE,
	BLOCK_LINES = 16,
	QUOTA = 400,	   /* of one attachment, at most */
	STUCK_S = 60,	   /* no wait lasts that long */
	SEATS_MAX = 60,	   /* of one role; the channel has 64 places */
	ENDS_AFTER_S = 300 /* whatever happens */
};

/* ---- one mapping for all ---- */

static struct segment mapped; /* filled in before the first thread begins */

int segment_open(struct segment *segment, const struct channel_options *options,
		 const struct deadline *deadline, struct channel_report *report)
{
	int rc;

	if (mapped.shared == NULL) {
		rc = segment_open_own(&mapped, options, deadline, report);
		*segment = mapped;
		return rc;
	}
	*segment = mapped;
	/* A descriptor of its own, because flock does not keep processes apart that share one. */
	segment->fd = shm_open(mapped.name, O_RDWR, 0);
	if (segment->fd < 0)
		return -errno;
	rc = segment_lock(segment, deadline);
	if (rc == 0 && segment_check(segment) == -CHANNEL_EREMOVED)
		rc = -ENOENT;
	if (rc < 0)
		close(segment->fd);
	return rc;
}

void segment_close(struct segment *segment)
{
	segment_unlock(segment);
	close(segment->fd);
	segment->fd = -1;
}

/* ---- what the sanitizer does not know ---- */

#ifdef THREAD_SANITIZER
/*
 * Until LLVM 18 and gcc 14 the sanitizer does not know this function and would miss that the mutex
 * is held (llvm-project issue 62623). It knows pthread_mutex_timedlock().
 */
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
	struct timespec now, real;
	int64_t left_ns;

	clock_gettime(clock, &now);
	clock_gettime(CLOCK_REALTIME, &real);
	left_ns = (until->tv_sec - now.tv_sec) * (int64_t)NS_PER_SEC + until->tv_nsec - now.tv_nsec;
	left_ns += real.tv_nsec;
	if (left_ns < 0)
		left_ns = 0;
	real.tv_sec += left_ns / (int64_t)NS_PER_SEC;
	real.tv_nsec = left_ns % (int64_t)NS_PER_SEC;
	return pthread_mutex_timedlock(mutex, &real);
}
#endif

/* The calling thread dies with its endpoint: the caller returns from the thread at once. */
static void die_attached(struct channel *channel)
{
#ifdef THREAD_SANITIZER
	/*
	 * The kernel unlocks `alive` when the thread ends, and a thread that gets EOWNERDEAD runs
	 * after that; the sanitizer does not see what the kernel does.
	 */
	struct locks *locks = channel->role == CHANNEL_PRODUCER ? &producers_of(channel)->locks
								: &consumers_of(channel)->locks;

	__tsan_mutex_pre_unlock(&locks->alive[channel->slot].mutex, 0);
	__tsan_mutex_post_unlock(&locks->alive[channel->slot].mutex, 0);
#endif
	close(channel->segment.fd); /* the kernel would do it for a process */
}

/* ---- messages ---- */

enum fate { FATE_UNSENT, FATE_SENT, FATE_LOST, FATE_ABORTED };

struct message {
	_Atomic unsigned char fate, came;
	_Atomic uint64_t sequence; /* with which it was delivered */
};

static struct message *messages;
static uint32_t message_count;
static struct channel_options options;
static atomic_bool all_sent;

static struct {
	_Atomic uint64_t deliveries, again, lives, deaths, given_back, interrupted, lost;
} counts;

static void count_one(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
	va_list arguments;

	fputs("stress: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	shm_unlink(mapped.name);
	_exit(1);
}

static void fail_channel(const struct channel *channel, const char *what, int error)
{
	char cause[256];

	fail("%s: %s", what, channel_explain(channel, error, cause, sizeof(cause)));
}

static void *allocate(size_t count, size_t size)
{
	void *bytes = calloc(count, size);

	if (bytes == NULL)
		fail("out of memory");
	return bytes;
}

/* Returns a random number from 0 to below - 1: xorshift64* (Vigna, 2014). */
static uint32_t random_below(uint64_t *state, uint32_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

static unsigned char filler(uint32_t number, size_t i)
{
	return (unsigned char)('a' + (number + i) % 26);
}

static void message_write(unsigned char *at, uint32_t number, size_t size)
{
	char header[HEADER_SIZE + 1];

	snprintf(header, sizeof(header), "%08x%08x", number, (unsigned)size);
	memcpy(at, header, HEADER_SIZE);
	for (size_t i = HEADER_SIZE; i < size; i++)
		at[i] = filler(number, i);
}

/* Notes that a whole message has come. */
static void message_check(const unsigned char *bytes, size_t size, uint64_t sequence,
			  uint32_t attempts, uint64_t *last_sequence)
{
	char header[HEADER_SIZE + 1] = "";
	uint64_t value;
	uint32_t number;
	char *end;

	if (size < HEADER_SIZE)
		fail("a message of %zu bytes", size);
	memcpy(header, bytes, HEADER_SIZE);
	value = strtoull(header, &end, 16);
	number = (uint32_t)(value >> 32);
	if (*end != '\0' || number >= message_count || (uint32_t)value != size)
		fail("torn: %zu bytes that begin \"%s\"", size, header);
	for (size_t i = HEADER_SIZE; i < size; i++)
		if (bytes[i] != filler(number, i))
			fail("torn: byte %zu of message %u", i, number);

	atomic_store_explicit(&messages[number].sequence, sequence, memory_order_relaxed);
	count_one(&counts.deliveries);
	if (atomic_fetch_add_explicit(&messages[number].came, 1, memory_order_relaxed) == 0 &&
	    attempts == 1) {
		if (sequence <= *last_sequence)
			fail("out of order: %llu after %llu", (unsigned long long)sequence,
			     (unsigned long long)*last_sequence);
		*last_sequence = sequence;
	} else if (attempts == 1) {
		fail("message %u came again as if for the first time", number);
	} else {
		count_one(&counts.again);
	}
}

/* ---- seats: each is taken by one endpoint after the other, in a thread of its own ---- */

struct seat {
	pthread_t thread;
	uint64_t random;
	struct channel *channel; /* the endpoint there now */
	unsigned char *bytes;	 /* LONG_MAX_SIZE */
	size_t part;		 /* consumer: bytes of a long message that have come */
	uint32_t next, end;	 /* producer: its messages that are not sent yet */
	enum channel_role role;
	bool done;
};

static void fates_set(struct seat *seat, uint32_t count, enum fate fate)
{
	for (; count > 0; count--)
		atomic_store_explicit(&messages[seat->next++].fate, (unsigned char)fate,
				      memory_order_relaxed);
}

/* Sends a block of lines with a newline after each. */
static int send_lines(struct seat *seat)
{
	uint32_t count = 1 + random_below(&seat->random, BLOCK_LINES);
	struct channel_block block = { .delimiter_size = 1 };
	int rc;

	if (count > seat->end - seat->next)
		count = seat->end - seat->next;
	for (; block.messages < count; block.messages++) {
		size_t size = HEADER_SIZE + random_below(&seat->random, SMALL_MAX);

		message_write(seat->bytes + block.size, seat->next + block.messages, size);
		seat->bytes[block.size + size] = '\n';
		block.size += size + 1;
	}
	rc = channel_send_block(seat->channel, seat->bytes, &block);
	if (rc == 0)
		fates_set(seat, count, FATE_SENT);
	return rc;
}

static int send_one(struct seat *seat, size_t size)
{
	int rc;

	message_write(seat->bytes, seat->next, size);
	rc = channel_send(seat->channel, seat->bytes, size, 0);
	if (rc == 0 || rc == -CHANNEL_ELOST)
		fates_set(seat, 1, rc == 0 ? FATE_SENT : FATE_LOST);
	return rc;
}

/* Writes into the ring itself, and now and then cancels it. */
static int send_in_place(struct seat *seat, size_t size)
{
	struct channel_block block = { .size = size, .messages = 1 };
	unsigned char *at;
	size_t room;
	int rc = channel_reserve(seat->channel, size, size, &at, &room);

	if (rc < 0)
		return rc;
	message_write(at, seat->next, size);
	if (random_below(&seat->random, 4) == 0)
		return channel_cancel(seat->channel);
	rc = channel_commit(seat->channel, &block);
	if (rc == 0)
		fates_set(seat, 1, FATE_SENT);
	return rc;
}

/* Sends the first piece of a message that will not be finished. */
static int send_begin(struct seat *seat)
{
	struct channel_block piece = { .size = channel_block_max(seat->channel),
				       .messages = 1,
				       .flags = CHANNEL_MORE };
	int rc;

	message_write(seat->bytes, seat->next, piece.size);
	rc = channel_send_block(seat->channel, seat->bytes, &piece);
	if (rc == 0)
		fates_set(seat, 1, FATE_ABORTED);
	return rc;
}

static int send_something(struct seat *seat)
{
	uint32_t kind = random_below(&seat->random, 300);
	size_t small = HEADER_SIZE + random_below(&seat->random, SMALL_MAX);

	if (kind == 0)
		return send_one(seat,
				RING_SIZE + random_below(&seat->random, LONG_MAX_SIZE - RING_SIZE));
	if (kind < 10)
		return send_one(seat,
				LARGE_MIN + random_below(&seat->random, LARGE_MAX - LARGE_MIN));
	if (kind < 80)
		return send_lines(seat);
	if (kind < 110)
		return send_in_place(seat, small);
	return send_one(seat, small);
}

static void produce(struct seat *seat)
{
	struct channel *channel = seat->channel;
	uint32_t quota = random_below(&seat->random, QUOTA);
	uint32_t farewell;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < quota && seat->next < seat->end; i++)
		rc = send_something(seat);
	if (rc < 0 && rc != -CHANNEL_ELOST)
		fail_channel(channel, "send", rc);
	farewell = rc < 0 ? 9 : random_below(&seat->random, 10);
	if (farewell < 2 && seat->next < seat->end) {
		rc = send_begin(seat);
		if (rc < 0)
			fail_channel(channel, "send a piece", rc);
	}
	seat->done = seat->next == seat->end;
	if (farewell % 2 == 0) {
		count_one(&counts.deaths);
		die_attached(channel);
	} else {
		channel_detach(channel, 0);
	}
}

/* Takes a delivery apart and notes its messages. */
static void delivery_check(struct seat *seat, const struct channel_delivery *delivery,
			   uint64_t *last_sequence)
{
	const unsigned char *at = delivery->bytes;
	const unsigned char *end = at + delivery->size;

	if (delivery->delimiter_size > 0) {
		for (uint32_t i = 0; i < delivery->messages; i++) {
			const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));

			if (newline == NULL)
				fail("torn: a block without its delimiters");
			message_check(at, (size_t)(newline - at), delivery->sequence + i,
				      delivery->attempts, last_sequence);
			at = newline + 1;
		}
		if (at != end)
			fail("torn: a block with %zu bytes too many", (size_t)(end - at));
		return;
	}
	if (delivery->first)
		seat->part = 0;
	if (delivery->size > LONG_MAX_SIZE - seat->part)
		fail("torn: a message that is too long");
	memcpy(seat->bytes + seat->part, at, delivery->size);
	seat->part += delivery->size;
	if (delivery->last)
		message_check(seat->bytes, seat->part, delivery->sequence, delivery->attempts,
			      last_sequence);
}

/* True if there was a delivery, which is in hand then; at an end the seat is done. */
static bool receive_one(struct seat *seat, uint64_t *last_sequence,
			struct channel_delivery *delivery, unsigned flags)
{
	uint32_t most = random_below(&seat->random, 2) == 0
				? UINT32_MAX
				: 1 + random_below(&seat->random, BLOCK_LINES);

	for (;;) {
		int rc = channel_receive(seat->channel, most, flags, NS_PER_SEC / 2, delivery);

		switch (rc) {
		case CHANNEL_DELIVERED:
			delivery_check(seat, delivery, last_sequence);
			return true;
		case CHANNEL_ENDED:
		case -EAGAIN:
			seat->done = true;
			return false;
		case -EINTR:
			count_one(&counts.interrupted);
			return false;
		case -ETIMEDOUT: /* it may have come after another consumer had seen the end */
			seat->done = atomic_load_explicit(&all_sent, memory_order_relaxed);
			if (seat->done)
				return false;
			break;
		case -CHANNEL_EABORTED:
			break;
		default:
			fail_channel(seat->channel, "receive", rc);
		}
	}
}

static void consume(struct seat *seat, unsigned flags)
{
	struct channel *channel = seat->channel;
	uint32_t quota = flags != 0 ? UINT32_MAX : 1 + random_below(&seat->random, QUOTA);
	struct channel_delivery delivery = { 0 };
	uint64_t last_sequence = 0;
	bool in_hand = true;
	int rc = 0;

	for (uint32_t i = 0; in_hand && i < quota; i++)
		in_hand = receive_one(seat, &last_sequence, &delivery, flags);
	switch (in_hand ? random_below(&seat->random, 5) : 0) {
	case 0:
		rc = channel_acknowledge(channel);
		break;
	case 1:
		count_one(&counts.given_back);
		rc = channel_give_back(channel, random_below(&seat->random, delivery.messages + 1));
		break;
	case 2: /* detach gives it back */
		count_one(&counts.given_back);
		break;
	default:
		count_one(&counts.deaths);
		atomic_fetch_add_explicit(&counts.lost, channel_lost(channel),
					  memory_order_relaxed);
		die_attached(channel);
		return;
	}
	if (rc < 0)
		fail_channel(channel, "acknowledge", rc);
	atomic_fetch_add_explicit(&counts.lost, channel_lost(channel), memory_order_relaxed);
	channel_detach(channel, 0);
}

/* One attachment, from the beginning of its thread to the end. */
static void *life(void *argument)
{
	struct seat *seat = argument;
	int rc = channel_attach(seat->channel, seat->role, &options);

	if (rc == -ENOENT && atomic_load_explicit(&all_sent, memory_order_relaxed)) {
		seat->done = true; /* the last consumer has removed it */
	} else if (rc == -EINTR) {
		count_one(&counts.interrupted);
	} else if (rc < 0) {
		fail_channel(seat->channel, "attach", rc);
	} else if (seat->role == CHANNEL_PRODUCER) {
		produce(seat);
	} else {
		consume(seat, 0);
	}
	return NULL;
}

static void *seat_main(void *argument)
{
	struct seat *seat = argument;

	while (!seat->done) {
		bool interrupt =
			seat->role == CHANNEL_CONSUMER && random_below(&seat->random, 8) == 0;
		pthread_t thread;

		count_one(&counts.lives);
		seat->part = 0;
		seat->channel = channel_new();
		if (seat->channel == NULL || pthread_create(&thread, NULL, life, seat) != 0)
			fail("cannot start a thread");
		if (interrupt)
			channel_interrupt(seat->channel);
		pthread_join(thread, NULL);
		channel_free(seat->channel);
	}
	return NULL;
}

static void seats_start(struct seat *seats, uint32_t count, enum channel_role role, uint64_t seed)
{
	for (uint32_t i = 0; i < count; i++) {
		struct seat *seat = &seats[i];

		seat->role = role;
		seat->random = (seed + i + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)role;
		seat->bytes = allocate(1, LONG_MAX_SIZE);
		seat->next = (uint32_t)((uint64_t)message_count * i / count);
		seat->end = (uint32_t)((uint64_t)message_count * (i + 1) / count);
		if (pthread_create(&seat->thread, NULL, seat_main, seat) != 0)
			fail("cannot start a thread");
	}
}

static void seats_join(struct seat *seats, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		pthread_join(seats[i].thread, NULL);
		free(seats[i].bytes);
	}
}

/* ---- from the first to the last ---- */

/* Receives what the consumers that left last may have given back. */
static void drain(uint64_t seed)
{
	struct seat seat = { .role = CHANNEL_CONSUMER,
			     .random = seed | 1,
			     .bytes = allocate(1, LONG_MAX_SIZE),
			     .channel = channel_new() };
	int rc = seat.channel == NULL ? -ENOMEM
				      : channel_attach(seat.channel, CHANNEL_CONSUMER, &options);

	if (rc == 0)
		consume(&seat, CHANNEL_DONTWAIT);
	else if (rc != -ENOENT)
		fail("attach once more: %s", strerror(-rc));
	channel_free(seat.channel);
	free(seat.bytes);
}

/* Checks that each message has come, in the order in which it was sent. */
static void account(const struct seat *producers, uint32_t producer_count)
{
	uint64_t fates[FATE_ABORTED + 1] = { 0 };

	for (uint32_t i = 0; i < producer_count; i++) {
		uint32_t begin = i == 0 ? 0 : producers[i - 1].end;
		uint64_t last = 0;

		for (uint32_t number = begin; number < producers[i].end; number++) {
			const struct message *message = &messages[number];
			unsigned fate = atomic_load(&message->fate);
			bool came = atomic_load(&message->came) > 0;
			uint64_t sequence = atomic_load(&message->sequence);

			fates[fate]++;
			/*
			 * It is missing: perhaps its consumer had all of it, but did not live to
			 * note it.
			 */
			if (fate != FATE_LOST && came != (fate == FATE_SENT))
				fail("message %u: %s", number,
				     came ? "came, but was given up" : "lost");
			if (came && sequence <= last)
				fail("message %u is not behind the one before it", number);
			if (came)
				last = sequence;
		}
	}
	if (fates[FATE_UNSENT] != 0 || counted(&counts.lost) < fates[FATE_LOST] ||
	    counted(&counts.lost) > fates[FATE_LOST] + fates[FATE_ABORTED])
		fail("%llu unsent, %llu lost for producers, %llu for consumers",
		     (unsigned long long)fates[FATE_UNSENT], (unsigned long long)fates[FATE_LOST],
		     (unsigned long long)counted(&counts.lost));
	printf("%u messages: %llu delivered, %llu of them again, %llu given up by their producers, "
	       "%llu longer than the ring cut short by deaths of consumers\n",
	       message_count, (unsigned long long)counted(&counts.deliveries),
	       (unsigned long long)counted(&counts.again), (unsigned long long)fates[FATE_ABORTED],
	       (unsigned long long)fates[FATE_LOST]);
	printf("%llu endpoints: %llu died, %llu gave back, %llu were interrupted\n",
	       (unsigned long long)counted(&counts.lives),
	       (unsigned long long)counted(&counts.deaths),
	       (unsigned long long)counted(&counts.given_back),
	       (unsigned long long)counted(&counts.interrupted));
}

static uint32_t number_argument(int argc, char **argv, int index, uint32_t otherwise, uint32_t most)
{
	unsigned long number = otherwise;
	char *end = "";

	if (index < argc)
		number = strtoul(argv[index], &end, 10);
	if (*end != '\0' || number < 1 || number > most) {
		fprintf(stderr, "usage: %s [MESSAGES [PRODUCERS [CONSUMERS [SEED]]]]\n", argv[0]);
		exit(2);
	}
	return (uint32_t)number;
}

int main(int argc, char **argv)
{
	static struct seat producers[SEATS_MAX], consumers[SEATS_MAX];
	uint32_t producer_count = number_argument(argc, argv, 2, 4, SEATS_MAX);
	uint32_t consumer_count = number_argument(argc, argv, 3, 4, SEATS_MAX);
	uint64_t seed = number_argument(argc, argv, 4, (uint32_t)getpid(), UINT32_MAX);
	struct channel *holder = channel_new();
	char name[64];
	int fd, rc;

	message_count = number_argument(argc, argv, 1, 400000, 100000000);
	messages = allocate(message_count, sizeof(*messages));
	printf("%u producers, %u consumers, seed %llu\n", producer_count, consumer_count,
	       (unsigned long long)seed);
	fflush(stdout);
	alarm(ENDS_AFTER_S);

	snprintf(name, sizeof(name), "test-stress.%ld", (long)getpid());
	options.name = name;
	options.owner = geteuid();
	options.size = RING_SIZE;
	options.timeout_ns = STUCK_S * NS_PER_SEC;
	/*
	 * As long as this producer is attached, no consumer sees an end. It also makes the mapping.
	 */
	rc = holder == NULL ? -ENOMEM : channel_attach(holder, CHANNEL_PRODUCER, &options);
	if (rc < 0)
		fail("attach: %s", strerror(-rc));
	seats_start(consumers, consumer_count, CHANNEL_CONSUMER, seed);
	seats_start(producers, producer_count, CHANNEL_PRODUCER, seed);
	seats_join(producers, producer_count);
	atomic_store_explicit(&all_sent, true, memory_order_relaxed);
	channel_detach(holder, 0);
	seats_join(consumers, consumer_count);
	drain(seed);

	account(producers, producer_count);
	if (!ring_valid_records(&mapped.ring, mapped.shared))
		fail("what is left in the ring makes no sense");
	fd = shm_open(mapped.name, O_RDONLY, 0);
	if (fd >= 0)
		fail("the channel was left behind");
	segment_unmap(&mapped);
	channel_free(holder);
	free(messages);
	return 0;
}

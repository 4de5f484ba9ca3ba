/*
 * Hostile contents: an input is a short program that works on a channel with one or two
 * endpoints and writes into the object's bytes between any two steps. Whatever it does, each
 * call must return, with a known error or with success, and what it hands out must lie in the
 * ring. As long as no step has written into the object, nothing may be called damaged.
 *
 * The pages of the mutexes are left alone: a process that may write those can crash their
 * holder.
 *
 *   fuzz_attach CORPUS [-max_total_time=N]    built with -fsanitize=fuzzer: libFuzzer
 *   fuzz_attach FILE|FOLDER...                built with -DREPLAY: each file once
 *   fuzz_attach --layout                      with -DREPLAY: the areas that may be written, one
 *                                             a line: name, offset, bytes (of the ring: 0)
 *
 * An input: a byte of options, then steps of three bytes {step, endpoint and flags, argument}, the
 * patches among them followed by {offset: 2 bytes, bytes or a number: 8 bytes}.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel.h"
#include "channel/endpoint.h"
#include "channel/owner.h"
#include "channel/segment.h"
#include "channel/side.h"
#include "frame/read_lines.h"
#include "frame/write.h"
#include "observe/peek.h"
#include "observe/snapshot.h"
#include "observe/tap.h"
#include "tests/fuzz/replay.h"

enum {
	STEPS_MAX = 40,
	WAIT_US = 200,	  /* the longest that an endpoint waits */
	PATIENT_MS = 500, /* limit where nothing should wait, but the machine may be busy */
	SLOW_MS = 500,	  /* a nonblocking endpoint may wait a second for another to move on */
	STUCK_MS = 3000,  /* for one step on a machine that is not busy */
	RECORDS_MAX = 65536 / 24, /* in the largest ring */
	MESSAGE_MAX = 255 * 128
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the input ---- */

struct input {
	const uint8_t *at, *end;
};

static unsigned input_byte(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0U;
}

/* ---- what may be written ---- */

struct area {
	const char *name;
	size_t offset, size;
};

/* clang-format off */
#define AREA(field) \
	{ #field, offsetof(struct shared_buffer, field), sizeof(((struct shared_buffer *)0)->field) }
#define SPAN(name, first, end) \
	{ name, offsetof(struct shared_buffer, first), (end) - offsetof(struct shared_buffer, first) }
/* clang-format on */

/* Everything but the mutexes, and a second time the words that matter most. */
static const struct area areas[] = {
	SPAN("header", header, offsetof(struct shared_buffer, producers)),
	SPAN("producers", producers.tail, offsetof(struct shared_buffer, consumers)),
	SPAN("consumers", consumers.head, sizeof(struct shared_buffer)),
	{ "ring", 0, 0 },
	AREA(header.magic),
	AREA(header.capacity),
	AREA(producers.tail),
	AREA(producers.marks),
	AREA(producers.turn_next),
	AREA(producers.room_wanted),
	AREA(producers.turn),
	AREA(producers.waiting_turn),
	AREA(producers.waiting_ack),
	AREA(producers.events),
	AREA(producers.side.attached),
	AREA(producers.side.slots),
	AREA(consumers.head),
	AREA(consumers.groups[0].next),
	AREA(consumers.groups[0].next_selector),
	AREA(consumers.groups[0].claims_used),
	AREA(consumers.groups[0].claims),
	AREA(consumers.groups[0].claims[0]),
	AREA(consumers.groups[0].claims[1]),
	AREA(consumers.waiting_data),
	AREA(consumers.waiting_piece),
	AREA(consumers.groups[0].told),
	AREA(consumers.groups[0].empty_end),
	AREA(consumers.side.attached),
	AREA(consumers.side.slots),
	{ "ring", 0, 0 },
	{ "ring", 0, 0 },
};
enum { AREA_COUNT = sizeof(areas) / sizeof(areas[0]) };

static size_t ring_offset(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct shared_buffer) + page - 1) / page * page;
}

/* ---- endpoints ---- */

struct endpoint {
	struct channel *channel;
	uint64_t size, first, timeout_ns;
	bool nonblock;
	enum channel_when_full when_full;
	bool inside; /* a long message: only its pieces may follow */
};

static char name[64], path[SEGMENT_NAME_MAX + 16];
static bool slow;    /* a step took long: no further steps */
static bool written; /* the program has changed a byte: damage has to be expected */
static int null_fd = -1;
static unsigned char message[MESSAGE_MAX];

static const char *current = "input"; /* the file that is replayed */

static void wrong(const char *what)
{
	fprintf(stderr, "fuzz_attach: %s: %s\n", current, what);
	unlink(path);
	abort();
}

/* Checks that a result is one that the header promises. */
static int result(int rc)
{
	if (rc == -CHANNEL_EDAMAGED && !written)
		wrong("a channel that nobody touched is called damaged");
	if (rc > CHANNEL_DELIVERED || (rc < -4095 && rc > -CHANNEL_EFOREIGN) ||
	    rc < -CHANNEL_EBEHIND)
		wrong("not a result");
	return rc;
}

/* Checks that every byte of a delivery is in the ring and can be read. */
static void expect_in_ring(const struct endpoint *endpoint, const unsigned char *at, size_t size)
{
	const struct ring *ring = &endpoint->channel->segment.ring;
	volatile unsigned char sum = 0;

	if (at < ring->bytes || size > ring->capacity ||
	    (size_t)(at - ring->bytes) > 2 * (size_t)ring->capacity - size)
		wrong("what was handed out is not in the ring");
	for (size_t i = 0; i < size; i++)
		sum = (unsigned char)(sum + at[i]);
}

/*
 * Releases what a detach that failed leaves to the process's end, so that the next input can run.
 */
static void forget(struct endpoint *endpoint)
{
	struct segment *segment = &endpoint->channel->segment;
	enum channel_role role = endpoint->channel->role;

	if (segment->shared == NULL)
		return;
	pthread_mutex_unlock(
		role == CHANNEL_PRODUCER
			? &segment->shared->producers.locks.alive[endpoint->channel->slot].mutex
			: &segment->shared->consumers.locks.alive[endpoint->channel->slot].mutex);
	segment_close(segment);
}

static void detach(struct endpoint *endpoint, unsigned flags)
{
	bool attached = endpoint->channel->attached;

	channel_detach(endpoint->channel, flags);
	if (attached)
		forget(endpoint);
	endpoint->inside = false;
}

enum attach_flags { ATTACH_FRESH = 4, ATTACH_EXISTING = 8, ATTACH_GATHERING = 16 };

static void attach(struct endpoint *endpoint, enum channel_role role, unsigned flags)
{
	struct channel_options options = { .name = name,
					   .owner = geteuid(),
					   .size = endpoint->size,
					   .first_position = endpoint->first,
					   .timeout_ns = endpoint->timeout_ns,
					   .nonblock = endpoint->nonblock,
					   .when_full = endpoint->when_full,
					   .share = flags >> 5,
					   .gather_ns =
						   (flags & ATTACH_GATHERING) != 0 ? NS_PER_MS : 0,
					   .fresh = (flags & ATTACH_FRESH) != 0,
					   .never_create = (flags & ATTACH_EXISTING) != 0 };
	char text[256];

	detach(endpoint, 0);
	result(channel_attach(endpoint->channel, role, &options));
	channel_explain(endpoint->channel, channel_report(endpoint->channel)->error, text,
			sizeof(text));
}

/* Attaches in that role unless it is attached; true if it is now. */
static bool is(struct endpoint *endpoint, enum channel_role role)
{
	if (!endpoint->channel->attached || endpoint->channel->role != role)
		attach(endpoint, role, 0);
	return endpoint->channel->attached;
}

/* ---- the steps ---- */

enum step {
	STEP_ATTACH_PRODUCER,
	STEP_ATTACH_CONSUMER,
	STEP_SEND,
	STEP_SEND_LONG,
	STEP_BLOCK,
	STEP_PIECE,
	STEP_LAST_PIECE,
	STEP_RESERVE,
	STEP_WAIT_ACKNOWLEDGED,
	STEP_SEND_FILE,
	STEP_RECEIVE,
	STEP_RECEIVE_AND_WRITE,
	STEP_RECEIVE_ALL,
	STEP_ACKNOWLEDGE,
	STEP_GIVE_BACK,
	STEP_LOOK_AFTER,
	STEP_DETACH,
	STEP_DIE,
	STEP_PATCH,
	STEP_PATCH_LATE, /* more of these, so that a random step is often one */
	STEP_ADD,
	STEP_ADD_LATE,
	STEP_RESIZE,
	STEP_COUNT
};

/* Gives some of what is sent a key. */
static void key_set(struct endpoint *endpoint, unsigned flags)
{
	result(channel_key_set(endpoint->channel, message, (flags & 8) != 0 ? flags : 0));
}

static void send_whole(struct endpoint *endpoint, size_t size, unsigned flags)
{
	if (!is(endpoint, CHANNEL_PRODUCER) || endpoint->inside)
		return;
	key_set(endpoint, flags);
	result(channel_send(endpoint->channel, message, size,
			    (flags & 4) != 0 ? CHANNEL_UNTERMINATED : 0));
	/* A message longer than the ring may have been left in the middle. */
	endpoint->inside = endpoint->channel->sending.inside;
}

/*
 * Sends a block. argument: how many lines; the flags: how long the lines and their delimiter are.
 */
static void send_lines(struct endpoint *endpoint, unsigned argument, unsigned flags)
{
	struct channel_block block = { .delimiter_size = (uint8_t)(flags >> 2 & 3),
				       .messages = argument % 32 + 1 };
	unsigned char lines[32 * 19];
	size_t length = flags >> 4;

	if (!is(endpoint, CHANNEL_PRODUCER) || endpoint->inside)
		return;
	if (block.delimiter_size == 0)
		block.messages = 1;
	key_set(endpoint, flags);
	memset(lines, 'a', sizeof(lines));
	for (unsigned i = 0; i < block.messages; i++) {
		block.size += length;
		memset(lines + block.size, ';', block.delimiter_size);
		block.size += block.delimiter_size;
	}
	result(channel_send_block(endpoint->channel, lines, &block));
}

static void send_piece(struct endpoint *endpoint, size_t size, unsigned flags, bool more)
{
	struct channel_block piece = { .size = size,
				       .messages = 1,
				       .flags = more ? CHANNEL_MORE : 0 };
	int rc;

	if (!is(endpoint, CHANNEL_PRODUCER) || endpoint->nonblock)
		return;
	if (!endpoint->inside)
		key_set(endpoint, flags);
	rc = result(channel_send_block(endpoint->channel, message, &piece));
	if (rc == 0)
		endpoint->inside = more;
}

static void reserve(struct endpoint *endpoint, unsigned argument, unsigned flags)
{
	struct channel_block block = { .messages = 1 };
	unsigned char *at;
	size_t room;

	if (!is(endpoint, CHANNEL_PRODUCER) || endpoint->inside)
		return;
	key_set(endpoint, flags);
	if (result(channel_reserve(endpoint->channel, (size_t)argument * 8, (size_t)argument * 32,
				   &at, &room)) < 0)
		return;
	expect_in_ring(endpoint, at, room);
	memset(at, 'r', room);
	block.size = room;
	if ((flags & 4) != 0)
		result(channel_cancel(endpoint->channel));
	else
		result(channel_commit(endpoint->channel, &block));
	channel_cancel(endpoint->channel);
}

static void send_file(struct endpoint *endpoint, unsigned argument, unsigned flags)
{
	struct delimiter delimiter = { .bytes = ";\n", .size = flags >> 2 & 1 };
	struct frame_input input = { .delimiter = &delimiter };
	unsigned char bytes[255 * 32];
	size_t size = (size_t)argument * 32;

	if (!is(endpoint, CHANNEL_PRODUCER) || endpoint->inside)
		return;
	for (size_t i = 0; i < size; i++)
		bytes[i] = i % (2 + (flags >> 3)) == 0 ? ';' : 'f';
	input.fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (input.fd < 0)
		return;
	if (write(input.fd, bytes, size) == (ssize_t)size && lseek(input.fd, 0, SEEK_SET) == 0) {
		result(frame_send(endpoint->channel, &input));
		endpoint->inside = endpoint->channel->sending.inside;
	}
	close(input.fd);
}

static void expect_delivery(struct endpoint *endpoint, const struct channel_delivery *delivery)
{
	expect_in_ring(endpoint, delivery->bytes, delivery->size);
	expect_in_ring(endpoint, delivery->delimiter, delivery->delimiter_size);
	expect_in_ring(endpoint, delivery->key, delivery->key_size);
	if (delivery->delimiter_size > DELIMITER_MAX)
		wrong("a delimiter that is too long");
}

/* True if something came. */
static bool receive(struct endpoint *endpoint, unsigned argument, unsigned flags, bool write_it)
{
	struct delimiter delimiter = { .bytes = ";;", .size = argument % 3 };
	struct frame_output output = { .fd = null_fd, .delimiter = &delimiter };
	struct channel_delivery delivery;
	uint32_t done, attempts;
	int rc;

	if (!is(endpoint, CHANNEL_CONSUMER))
		return false;
	if (result(channel_receive(endpoint->channel, argument == 0 ? UINT32_MAX : argument,
				   ((flags & 4) != 0 ? CHANNEL_DONTWAIT : 0) |
					   ((flags & 8) != 0 ? CHANNEL_FOLLOW : 0) |
					   ((flags & 16) != 0 ? CHANNEL_SHARE : 0) |
					   ((flags & 32) != 0 ? CHANNEL_TOGETHER : 0),
				   0, &delivery)) != CHANNEL_DELIVERED)
		return false;
	expect_delivery(endpoint, &delivery);
	if (write_it)
		result(frame_write(endpoint->channel, &output, &delivery, &done));
	for (int parts = 0;
	     (rc = channel_receive_more(endpoint->channel, &delivery)) == CHANNEL_DELIVERED;
	     parts++) {
		expect_delivery(endpoint, &delivery);
		if (parts > RECORDS_MAX)
			wrong("more parts than there are records");
	}
	result(rc);
	if ((flags & 64) != 0)
		result(channel_retry(endpoint->channel, &attempts));
	return true;
}

/*
 * Reads a delivery, and writes it as a tool would: all its bytes are in memory of ours, or a
 * sanitizer tells.
 */
static void copy_write(struct channel *channel, const struct channel_delivery *delivery)
{
	struct delimiter delimiter = { .bytes = ";;", .size = 1 };
	struct frame_output output = { .fd = null_fd, .delimiter = &delimiter };
	volatile unsigned char sum = 0;
	uint32_t done;

	for (size_t i = 0; i < delivery->size; i++)
		sum = (unsigned char)(sum + delivery->bytes[i]);
	for (size_t i = 0; i < delivery->delimiter_size; i++)
		sum = (unsigned char)(sum + delivery->delimiter[i]);
	for (size_t i = 0; i < delivery->key_size; i++)
		sum = (unsigned char)(sum + delivery->key[i]);
	result(frame_write(channel, &output, delivery, &done));
}

/*
 * Inspects the object from outside: whatever state it is in has a name, and what is said of it can
 * be printed.
 */
static void snapshot_take(void)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));
	int rc = snapshot == NULL ? -ENOMEM : snapshot_read(snapshot, name, geteuid());

	if (rc != 0 && rc != -ENOENT)
		wrong("no snapshot");
	if (rc == 0 && snapshot->kind != SNAPSHOT_CHANNEL && !written)
		wrong("a channel that nobody touched is called something else");
	if (rc == 0 &&
	    (snapshot->used > snapshot->capacity ||
	     snapshot->endpoint_count > SNAPSHOT_ENDPOINTS_MAX ||
	     snapshot->group_count > SNAPSHOT_GROUPS_MAX || snapshot_state(snapshot)[0] == '\0'))
		wrong("a snapshot that cannot be");
	for (unsigned i = 0; rc == 0 && i < snapshot->group_count; i++)
		if (snapshot->groups[i].name[0] != '\0' && snapshot->groups[i].name[0] != '?' &&
		    !channel_group_valid(snapshot->groups[i].name))
			wrong("a group's name that cannot be printed");
	free(snapshot);
}

/* Peeks, and looks at all that is there as a tap. No other endpoint of this thread is attached. */
static void look_on(struct endpoint *endpoint)
{
	struct channel_options options = { .name = name,
					   .owner = geteuid(),
					   .timeout_ns = endpoint->timeout_ns,
					   .never_create = true };
	struct peek *peek = peek_new(endpoint->channel);
	struct tap *tap = tap_new(endpoint->channel);
	struct channel_delivery delivery;

	if (peek == NULL || tap == NULL)
		wrong("out of memory");
	if (result(peek_open(peek, &options)) == 0) {
		while (result(peek_next(peek, 3, &delivery)) == CHANNEL_DELIVERED)
			copy_write(endpoint->channel, &delivery);
		peek_close(peek);
	}
	if (result(tap_attach(tap, &options)) == 0)
		while (result(tap_receive(tap, 3, CHANNEL_DONTWAIT, 0, &delivery)) ==
		       CHANNEL_DELIVERED)
			copy_write(endpoint->channel, &delivery);
	detach(endpoint, 0);
	tap_free(tap);
	peek_free(peek);
}

static void step_do(struct endpoint *endpoint, enum step step, unsigned flags, unsigned argument)
{
	struct deadline deadline = deadline_after(NS_PER_SEC, -ETIMEDOUT, NULL);
	struct channel *channel = endpoint->channel;

	switch (step) {
	case STEP_ATTACH_PRODUCER:
		attach(endpoint, CHANNEL_PRODUCER, flags);
		break;
	case STEP_ATTACH_CONSUMER:
		attach(endpoint, CHANNEL_CONSUMER, flags);
		break;
	case STEP_SEND:
		send_whole(endpoint, argument, flags);
		break;
	case STEP_SEND_LONG:
		send_whole(endpoint, (size_t)argument * 128, flags);
		break;
	case STEP_BLOCK:
		send_lines(endpoint, argument, flags);
		break;
	case STEP_PIECE:
		send_piece(endpoint, (size_t)argument * 8, flags, true);
		break;
	case STEP_LAST_PIECE:
		send_piece(endpoint, argument, flags, false);
		break;
	case STEP_RESERVE:
		reserve(endpoint, argument, flags);
		break;
	case STEP_WAIT_ACKNOWLEDGED:
		if (is(endpoint, CHANNEL_PRODUCER))
			result(channel_wait_acknowledged(channel));
		break;
	case STEP_SEND_FILE:
		send_file(endpoint, argument, flags);
		break;
	case STEP_RECEIVE:
		receive(endpoint, argument, flags, false);
		break;
	case STEP_RECEIVE_AND_WRITE:
		receive(endpoint, argument, flags, true);
		break;
	case STEP_RECEIVE_ALL:
		for (int i = 0; i < RECORDS_MAX && receive(endpoint, 0, flags | 4, true); i++)
			;
		break;
	case STEP_ACKNOWLEDGE:
		if (channel->attached && channel->role == CHANNEL_CONSUMER)
			result(channel_acknowledge(channel));
		break;
	case STEP_GIVE_BACK:
		if (channel->attached && channel->role == CHANNEL_CONSUMER)
			result(channel_give_back(channel, argument));
		break;
	case STEP_LOOK_AFTER:
		if (channel->attached) {
			channel->looked_ns = 0;
			result(channel_look_after(channel));
		}
		snapshot_take();
		break;
	case STEP_DETACH:
		detach(endpoint, flags >> 2 & (CHANNEL_FAILED | CHANNEL_END));
		break;
	case STEP_DIE: /* holding one of the mutexes, or none */
		if (channel->attached && (flags & 4) != 0)
			result(side_lock(channel,
					 (flags & 8) != 0 ? CHANNEL_PRODUCER : CHANNEL_CONSUMER,
					 &deadline));
		break;
	default:
		break;
	}
}

static uint64_t now_ms(void)
{
	return clock_now_ns() / NS_PER_MS;
}

/* Returns how long a step may take: the longer, the more processes want the processors. */
static uint64_t stuck_ms(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	double load;

	if (getloadavg(&load, 1) != 1 || processors < 1)
		return STUCK_MS;
	return (uint64_t)(STUCK_MS * (1 + load / (double)processors));
}

static void obey(struct endpoint *endpoint, enum step step, unsigned flags, unsigned argument)
{
	uint64_t began = now_ms();
	uint64_t took;

	step_do(endpoint, step, flags, argument);
	took = now_ms() - began;
	if (took > SLOW_MS)
		slow = true;
	if (took > STUCK_MS && took > stuck_ms())
		wrong("this took too long");
}

/*
 * Robust mutexes belong to a thread, so the second endpoint has a thread of its own. It works only
 * while the first one waits: so an input always does the same.
 */
struct partner {
	struct endpoint endpoint;
	pthread_t thread;
	sem_t go, done;
	bool alive;
	enum step step;
	unsigned flags, argument;
};

static void *partner_run(void *context)
{
	struct partner *partner = context;
	bool more = true;

	while (more) {
		while (sem_wait(&partner->go) != 0)
			;
		more = partner->step != STEP_COUNT && partner->step != STEP_DIE;
		if (partner->step == STEP_COUNT)
			detach(&partner->endpoint, 0);
		else
			obey(&partner->endpoint, partner->step, partner->flags, partner->argument);
		sem_post(&partner->done);
	}
	return NULL;
}

static void partner_do(struct partner *partner, enum step step, unsigned flags, unsigned argument)
{
	struct channel *channel = partner->endpoint.channel;

	if (!partner->alive) {
		if (step == STEP_COUNT || step == STEP_DIE)
			return;
		if (pthread_create(&partner->thread, NULL, partner_run, partner) != 0)
			return;
		partner->alive = true;
	}
	partner->step = step;
	partner->flags = flags;
	partner->argument = argument;
	sem_post(&partner->go);
	while (sem_wait(&partner->done) != 0)
		;
	if (step != STEP_COUNT && step != STEP_DIE)
		return;
	pthread_join(partner->thread, NULL);
	partner->alive = false;
	partner->endpoint.inside = false;
	if (channel->attached) {
		/* The kernel has released its mutexes. Only now may the mapping go. */
		channel->attached = false;
		atomic_store(&channel->wakeup, NULL);
		segment_close(&channel->segment);
	}
}

/* Writes into the object, or adds to the word at that place. */
static void patch(struct input *input, bool add, unsigned flags, unsigned argument)
{
	const struct area *area = &areas[argument % AREA_COUNT];
	size_t size = (flags >> 2) % 8 + 1, at, offset = area->offset, room = area->size;
	unsigned char bytes[8];
	uint64_t word = 0, number = 0;
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	at = input_byte(input);
	at |= (size_t)input_byte(input) << 8;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (unsigned char)input_byte(input);
		number |= (uint64_t)bytes[i] << 8 * i;
	}
	if (fd < 0)
		return;
	if (room == 0 && fstat(fd, &status) == 0 && (size_t)status.st_size > ring_offset()) {
		offset = ring_offset();
		room = (size_t)status.st_size - offset;
	}
	if (room > 0) {
		at %= room;
		if (add) {
			at &= ~(size_t)7;
			size = sizeof(word);
		}
		if (size > room - at)
			size = room - at;
		if (add && pread(fd, &word, size, (off_t)(offset + at)) == (ssize_t)size) {
			word += number;
			memcpy(bytes, &word, sizeof(word));
		}
		if (pwrite(fd, bytes, size, (off_t)(offset + at)) == (ssize_t)size)
			written = true;
	}
	close(fd);
}

/* Changes the object's length; only when no endpoint maps it. */
static void resize(unsigned flags, unsigned argument)
{
	struct stat status;

	if (stat(path, &status) == 0) {
		off_t by = (off_t)argument * ((flags & 4) != 0 ? 4096 : 1);

		if ((flags & 8) != 0 && by <= status.st_size)
			by = -by;
		if (truncate(path, status.st_size + by) == 0 && by != 0)
			written = true;
	}
}

static void begin(void)
{
	char object[SEGMENT_NAME_MAX];

	if (null_fd >= 0)
		return;
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null_fd < 0)
		wrong("cannot open /dev/null");
	snprintf(name, sizeof(name), "test-fuzz-%ld", (long)getpid());
	owner_object_name(object, geteuid(), name);
	snprintf(path, sizeof(path), "/dev/shm%s", object);
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = i % 7 == 0 ? ';' : 'm';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .at = data, .end = data + size };
	struct endpoint endpoint = { .channel = channel_new() };
	struct partner partner = { .endpoint = { .channel = channel_new() } };
	unsigned options;

	begin();
	options = input_byte(&input);
	written = slow = false;
	if (endpoint.channel == NULL || partner.endpoint.channel == NULL ||
	    sem_init(&partner.go, 0, 0) != 0 || sem_init(&partner.done, 0, 0) != 0)
		wrong("out of memory");
	endpoint.size = (options & 1) != 0 ? 8192 : (options & 16) != 0 ? 65536 : 4096;
	partner.endpoint.size = endpoint.size;
	endpoint.timeout_ns = partner.endpoint.timeout_ns = WAIT_US * (NS_PER_MS / 1000);
	endpoint.nonblock = (options & 2) != 0;
	partner.endpoint.nonblock = (options & 4) != 0;
	endpoint.when_full = (options & 32) != 0    ? CHANNEL_FULL_DROP_NEW
			     : (options & 64) != 0  ? CHANNEL_FULL_FAIL
			     : (options & 128) != 0 ? CHANNEL_FULL_DROP_OLD
						    : CHANNEL_FULL_BLOCK;
	/* so that positions overflow soon */
	endpoint.first = partner.endpoint.first = (options & 8) != 0 ? UINT64_MAX - 1023 : 0;
	for (int i = 0; i < STEPS_MAX && !slow && input.at < input.end; i++) {
		enum step step = (enum step)(input_byte(&input) % STEP_COUNT);
		unsigned flags = input_byte(&input);
		unsigned argument = input_byte(&input);
		bool in_use = endpoint.channel->attached || partner.endpoint.channel->attached;

		if (step == STEP_PATCH || step == STEP_PATCH_LATE)
			patch(&input, false, flags, argument);
		else if (step == STEP_ADD || step == STEP_ADD_LATE)
			patch(&input, true, flags, argument);
		else if (step == STEP_RESIZE && !in_use)
			resize(flags, argument);
		else if (step == STEP_DIE || (flags & 1) != 0)
			partner_do(&partner, step, flags, argument);
		else
			obey(&endpoint, step, flags, argument);
	}
	/* Newcomers attach, whatever there is now. */
	partner_do(&partner, STEP_COUNT, 0, 0);
	detach(&endpoint, 0);
	snapshot_take();
	look_on(&endpoint);
	if (!written)
		endpoint.timeout_ns = PATIENT_MS * NS_PER_MS;
	obey(&endpoint, STEP_RECEIVE_ALL, 0, 0); /* there must be room for one more */
	obey(&endpoint, STEP_LOOK_AFTER, 0, 0);
	obey(&endpoint, STEP_SEND, 0, 5);
	obey(&endpoint, STEP_LOOK_AFTER, 0, 0);
	obey(&endpoint, STEP_RECEIVE_ALL, 0, 0);
	obey(&endpoint, STEP_LOOK_AFTER, 0, 0);
	obey(&endpoint, STEP_RECEIVE, 4, 1);
	detach(&endpoint, 0);
	if (!written && access(path, F_OK) == 0)
		wrong("everything was received, and the channel is still there");
	unlink(path);
	sem_destroy(&partner.go);
	sem_destroy(&partner.done);
	channel_free(partner.endpoint.channel);
	channel_free(endpoint.channel);
	return 0;
}

#ifdef REPLAY

static void replay_input(const char *file, const uint8_t *bytes, size_t size)
{
	current = file;
	LLVMFuzzerTestOneInput(bytes, size);
}

int main(int argc, char **argv)
{
	unsigned replayed = 0;

	if (argc == 2 && strcmp(argv[1], "--layout") == 0) {
		for (int i = 0; i < AREA_COUNT; i++)
			printf("%s %zu %zu\n", areas[i].name,
			       areas[i].size == 0 ? ring_offset() : areas[i].offset, areas[i].size);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		replayed += replay(argv[i], replay_input);
	printf("%u inputs replayed\n", replayed);
	return 0;
}

#endif

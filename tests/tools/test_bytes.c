/*
 * The bytes that go in come out: whole inputs through the two tools, in both start orders, from
 * files and from pipes, with each tool's own delimiter. What must come out is computed here.
 */
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * 1024 };

/* ---- bytes ---- */

struct bytes {
	unsigned char *at;
	size_t size, allocated;
};

static void bytes_put(struct bytes *bytes, const void *from, size_t size)
{
	if (bytes->size + size > bytes->allocated) {
		bytes->allocated = 2 * (bytes->size + size);
		bytes->at = realloc(bytes->at, bytes->allocated);
		cr_assert_not_null(bytes->at);
	}
	if (size > 0)
		memcpy(bytes->at + bytes->size, from, size);
	bytes->size += size;
}

static void bytes_fill(struct bytes *bytes, int byte, size_t size)
{
	for (; size > 0; size--) {
		unsigned char one = (unsigned char)byte;

		bytes_put(bytes, &one, 1);
	}
}

/* Returns the next random number; repeatable: xorshift64. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void bytes_random(struct bytes *bytes, size_t size, uint64_t seed)
{
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	while (size > 0) {
		uint64_t word = random_next(&state);
		size_t part = size < sizeof(word) ? size : sizeof(word);

		bytes_put(bytes, &word, part);
		size -= part;
	}
}

/* Makes a line that is different at each place: text that counts, without a newline. */
static void bytes_text(struct bytes *bytes, size_t size)
{
	char number[32];
	size_t begin = bytes->size;

	while (bytes->size - begin < size) {
		int length = snprintf(number, sizeof(number), "%zu,", bytes->size);
		size_t left = size - (bytes->size - begin);

		bytes_put(bytes, number, (size_t)length < left ? (size_t)length : left);
	}
}

static void bytes_free(struct bytes *bytes)
{
	free(bytes->at);
	memset(bytes, 0, sizeof(*bytes));
}

/* Fails and names the first byte that differs. */
static void bytes_expect(const char *what, const void *got, size_t got_size, const void *expected,
			 size_t expected_size)
{
	const unsigned char *a = got, *b = expected;
	size_t least = got_size < expected_size ? got_size : expected_size;
	size_t at = 0;

	if (got_size == expected_size && (got_size == 0 || memcmp(a, b, got_size) == 0))
		return;
	while (at < least && a[at] == b[at])
		at++;
	cr_assert_fail("%s: %zu bytes came, %zu expected; the first difference is at %zu: "
		       "came 0x%02x, expected 0x%02x",
		       what, got_size, expected_size, at, at < got_size ? a[at] : 0u,
		       at < expected_size ? b[at] : 0u);
}

/* ---- one input through the two tools ---- */

enum order { PRODUCER_FIRST, CONSUMER_FIRST };
enum source { FROM_FILE, FROM_CAT, FROM_ODD_WRITES };

struct passage {
	const char *size; /* --size */
	enum order order;
	enum source source;
	const char *in_text, *out_text; /* -D of the producer, of the consumer; NULL: default */
	struct bytes in, out;		/* the same as bytes */
};

/* Writes into a pipe in chunks of 1 to 600 bytes, like a slow program. */
struct writer {
	pthread_t thread;
	int fd;
	const struct bytes *input;
};

static void *writer_main(void *argument)
{
	struct writer *writer = argument;
	size_t at = 0, step = 1;
	sigset_t pipe_signal;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	while (at < writer->input->size) {
		size_t left = writer->input->size - at;
		ssize_t put = write(writer->fd, writer->input->at + at, step < left ? step : left);

		if (put < 0 && errno != EINTR)
			break;
		if (put > 0)
			at += (size_t)put;
		step = step * 7 % 601;
	}
	close(writer->fd);
	return NULL;
}

/* Splits at the producer's delimiter, leftmost first, and joins with the consumer's. */
static struct bytes reference(const struct passage *passage, const struct bytes *input)
{
	const struct bytes *in = &passage->in, *out = &passage->out;
	const unsigned char *at = input->at, *limit = input->at + input->size, *found;
	struct bytes result = { 0 };

	if (in->size == 0) { /* all of it is one message, ended by the consumer's delimiter */
		bytes_put(&result, at, input->size);
		bytes_put(&result, out->at, out->size);
		return result;
	}
	while (at < limit && (found = memmem(at, (size_t)(limit - at), in->at, in->size)) != NULL) {
		bytes_put(&result, at, (size_t)(found - at));
		bytes_put(&result, out->at, out->size);
		at = found + in->size;
	}
	if (at < limit) /* a last line that was not ended gets no end */
		bytes_put(&result, at, (size_t)(limit - at));
	return result;
}

static struct tool produce_start(const struct passage *passage, const char *name, int input)
{
	return tool_start_fds(input, -1, "shm-produce", "-C", name, "--size", passage->size, "-D",
			      passage->in_text, NULL);
}

static struct tool consume_start(const struct passage *passage, const char *name)
{
	return tool_start("shm-consume", "-C", name, "--size", passage->size, "-D",
			  passage->out_text, NULL);
}

/* True if the producer has done what it can do without a consumer. */
static bool producer_stuck(const struct tool *producer, const char *name)
{
	struct object_view view = object_look(name);

	return tool_ended(producer) || (view.room_wanted & 1) != 0 || view.waiting_ack != 0;
}

static void pass(const char *what, struct passage passage, const struct bytes *input)
{
	static unsigned char newline_byte = '\n';
	static const struct bytes newline = { .at = &newline_byte, .size = 1 };
	struct tool producer, consumer, cat = { 0 };
	struct writer writer = { .input = input };
	struct bytes expected;
	char name[NAME_SIZE], *got;
	size_t got_size;
	int source, ends[2];

	if (passage.in_text == NULL) {
		passage.in_text = "\\n";
		passage.in = newline;
	}
	if (passage.out_text == NULL) {
		passage.out_text = "\\n";
		passage.out = newline;
	}
	channel_name(name);
	source = bytes_file(input->at, input->size);
	if (passage.source != FROM_FILE) {
		cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
		if (passage.source == FROM_CAT) {
			cat = tool_start_fds(source, ends[1], "cat", NULL);
			close(ends[1]);
		}
		close(source);
		source = ends[0];
	}
	if (passage.order == CONSUMER_FIRST) {
		consumer = consume_start(&passage, name);
		WAIT_FOR(object_look(name).consumers == 1);
		producer = produce_start(&passage, name, source);
	} else {
		producer = produce_start(&passage, name, source);
	}
	close(source);
	if (passage.source == FROM_ODD_WRITES) {
		writer.fd = ends[1];
		cr_assert_eq(pthread_create(&writer.thread, NULL, writer_main, &writer), 0);
	}
	if (passage.order == PRODUCER_FIRST) {
		WAIT_FOR(producer_stuck(&producer, name));
		consumer = consume_start(&passage, name);
	}
	cr_assert_eq(tool_end(&producer), 0, "%s: shm-produce: %s", what, tool_errors(&producer));
	cr_assert_eq(tool_end(&consumer), 0, "%s: shm-consume: %s", what, tool_errors(&consumer));
	if (passage.source == FROM_ODD_WRITES)
		pthread_join(writer.thread, NULL);
	if (cat.pid != 0) {
		cr_assert_eq(tool_end(&cat), 0);
		tool_free(&cat);
	}

	expected = reference(&passage, input);
	got = tool_output(&consumer, &got_size);
	bytes_expect(what, got, got_size, expected.at, expected.size);
	free(got);
	got = tool_errors(&producer);
	cr_assert_str_empty(got, "%s: shm-produce said: %s", what, got);
	free(got);
	got = tool_errors(&consumer);
	cr_assert_str_empty(got, "%s: shm-consume said: %s", what, got);
	free(got);
	bytes_free(&expected);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name), "%s: the object is still there", what);
}

/* ---- the inputs ---- */

typedef void (*use_input)(const char *what, const struct bytes *input, void *context);

struct inputs {
	use_input use;
	void *context;
	unsigned count;
};

static void input_use(struct inputs *inputs, const char *what, struct bytes *input)
{
	inputs->use(what, input, inputs->context);
	inputs->count++;
	bytes_free(input);
}

static void inputs_simple(struct inputs *inputs, size_t ring)
{
	static const char *const texts[] = { "",       "a",	  "\n",	     "\n\n\n\n\n",   "abc",
					     "abc\n",  "\n\nabc", "abc\n\n", "\nabc\n\ndef", "\r\n",
					     "a\r\nb", "--\n-c\n" };
	struct bytes input = { 0 };
	uint64_t state = 7;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bytes_put(&input, texts[i], strlen(texts[i]));
		input_use(inputs, "a short text", &input);
	}
	bytes_fill(&input, 0, 1);
	input_use(inputs, "one NUL", &input);
	bytes_fill(&input, 0, ring / 2);
	input_use(inputs, "NULs, half a ring", &input);
	bytes_fill(&input, 0, 3 * ring + 1);
	input_use(inputs, "NULs, three rings", &input);
	for (int i = 0; i < 3000; i++)
		bytes_put(&input, i % 3 != 0 ? "\0\n" : "\n\0", 2);
	input_use(inputs, "NULs and newlines", &input);
	bytes_fill(&input, '\n', 10000);
	input_use(inputs, "10000 newlines", &input);
	bytes_fill(&input, '\n', 2 * ring + 3);
	input_use(inputs, "two rings of newlines", &input);
	for (int i = 0; i < 1024; i++)
		bytes_fill(&input, i % 256, 1);
	input_use(inputs, "every byte", &input);
	for (size_t i = 0; i < 4 * ring / 7; i++) {
		char line[16];

		snprintf(line, sizeof(line), "%06zu\n", i % 1000000);
		bytes_put(&input, line, 7);
	}
	input_use(inputs, "7-byte lines", &input);
	for (size_t i = 0; i < 200; i++) {
		bytes_text(&input, i);
		bytes_fill(&input, '\n', 1);
	}
	input_use(inputs, "longer and longer lines", &input);
	for (size_t i = 0; i < 12; i++) {
		static const size_t lines[] = { 0, 1, 3, 100, 7, 2 };

		bytes_text(&input, i % 3 == 2 ? ring + ring / 2 * (i / 3) + i : lines[i % 6]);
		bytes_fill(&input, '\n', 1);
		bytes_text(&input, i);
		bytes_fill(&input, '\n', i % 3);
	}
	input_use(inputs, "lines longer than the ring among short ones", &input);
	for (size_t i = 0; i < 40; i++) {
		bytes_text(&input, random_next(&state) % (ring / 2));
		bytes_fill(&input, '\n', 1);
	}
	input_use(inputs, "lines of random length", &input);
	bytes_random(&input, ring, 1);
	input_use(inputs, "random bytes, one ring", &input);
	bytes_random(&input, 5 * ring + 13, 2);
	input_use(inputs, "random bytes, five rings", &input);
	bytes_random(&input, 3 * ring, 3);
	for (size_t i = 0; i < input.size; i++)
		if (input.at[i] == '\n')
			input.at[i] = 'n';
	input_use(inputs, "random bytes without a newline", &input);
	for (size_t rings = 2; rings <= 6; rings += 2)
		for (int ended = 0; ended < 2; ended++) {
			bytes_text(&input, rings * ring + 5);
			bytes_fill(&input, '\n', (size_t)ended);
			input_use(inputs, "one line of several rings", &input);
		}
	bytes_text(&input, 2 * ring);
	bytes_fill(&input, '\n', 3);
	bytes_text(&input, 2 * ring);
	input_use(inputs, "two long lines, empty ones between, the last not ended", &input);
}

/* Tests one line of about `size` bytes: alone, not ended, and between others. */
static void inputs_near(struct inputs *inputs, const char *of, size_t size, int from, int to)
{
	for (int off = from; off <= to; off++) {
		size_t line = size + (size_t)off;
		struct bytes input = { 0 };
		char what[100];

		snprintf(what, sizeof(what), "a line of %s %+d", of, off);
		switch ((off - from) % 3) {
		case 0:
			bytes_text(&input, line);
			bytes_fill(&input, '\n', 1);
			break;
		case 1:
			bytes_text(&input, line);
			break;
		default:
			bytes_put(&input, "before\n", 7);
			bytes_text(&input, line);
			bytes_put(&input, "\nafter\n", 7);
			bytes_text(&input, line);
			bytes_put(&input, "\nend\n", 5);
			break;
		}
		input_use(inputs, what, &input);
	}
}

static void inputs_all(struct inputs *inputs, size_t ring)
{
	inputs_simple(inputs, ring);
	inputs_near(inputs, "the ring's size", ring, -40, 40);
	inputs_near(inputs, "half the ring", ring / 2, -3, 3);
	inputs_near(inputs, "a quarter of the ring", ring / 4, -30, 5);
	inputs_near(inputs, "two rings", 2 * ring, -3, 3);
}

static void use_pass(const char *what, const struct bytes *input, void *context)
{
	const struct passage *passage = context;

	pass(what, *passage, input);
}

static void pass_all(const char *size, size_t ring, enum order order, enum source source)
{
	struct passage passage = { .size = size, .order = order, .source = source };
	struct inputs inputs = { .use = use_pass, .context = &passage };

	inputs_all(&inputs, ring);
	cr_assert_geq(inputs.count, 60u);
}

#define TEST_BYTES(name, size, ring, order, source)                                                \
	Test(bytes, name, .timeout = 240)                                                          \
	{                                                                                          \
		pass_all(size, ring, order, source);                                               \
	}

TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_a_file_producer_first, "4K", 4 * KIB, PRODUCER_FIRST,
	   FROM_FILE)
TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_a_file_consumer_first, "4K", 4 * KIB, CONSUMER_FIRST,
	   FROM_FILE)
TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_cat_producer_first, "4K", 4 * KIB, PRODUCER_FIRST,
	   FROM_CAT)
TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_cat_consumer_first, "4K", 4 * KIB, CONSUMER_FIRST,
	   FROM_CAT)
TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_odd_writes_producer_first, "4K", 4 * KIB,
	   PRODUCER_FIRST, FROM_ODD_WRITES)
TEST_BYTES(in_are_bytes_out_of_a_4K_ring_from_odd_writes_consumer_first, "4K", 4 * KIB,
	   CONSUMER_FIRST, FROM_ODD_WRITES)
TEST_BYTES(in_are_bytes_out_of_a_64K_ring_from_a_file_producer_first, "64K", 64 * KIB,
	   PRODUCER_FIRST, FROM_FILE)
TEST_BYTES(in_are_bytes_out_of_a_64K_ring_from_a_file_consumer_first, "64K", 64 * KIB,
	   CONSUMER_FIRST, FROM_FILE)
TEST_BYTES(in_are_bytes_out_of_a_64K_ring_from_cat_producer_first, "64K", 64 * KIB, PRODUCER_FIRST,
	   FROM_CAT)
TEST_BYTES(in_are_bytes_out_of_a_64K_ring_from_odd_writes_consumer_first, "64K", 64 * KIB,
	   CONSUMER_FIRST, FROM_ODD_WRITES)
TEST_BYTES(in_are_bytes_out_of_the_default_ring_from_a_file_producer_first, "1M", MIB,
	   PRODUCER_FIRST, FROM_FILE)
TEST_BYTES(in_are_bytes_out_of_the_default_ring_from_cat_consumer_first, "1M", MIB, CONSUMER_FIRST,
	   FROM_CAT)

Test(bytes, of_50_MiB_random_binary_come_out_the_same, .timeout = 120)
{
	struct bytes input = { 0 };

	bytes_random(&input, 50 * MIB, 50);
	for (int i = 0; i < 4; i++)
		pass("50 MiB of random bytes",
		     (struct passage){ .size = i < 2 ? "1M" : "64K",
				       .order = i % 2 == 0 ? PRODUCER_FIRST : CONSUMER_FIRST,
				       .source = i % 3 == 0 ? FROM_FILE : FROM_CAT },
		     &input);
	bytes_free(&input);
}

Test(bytes, of_one_50_MiB_line_come_out_the_same, .timeout = 120)
{
	struct bytes input = { 0 };

	bytes_random(&input, 50 * MIB, 51);
	for (size_t i = 0; i < input.size; i++)
		if (input.at[i] == '\n')
			input.at[i] = '\r';
	for (int i = 0; i < 4; i++)
		pass("a line of 50 MiB",
		     (struct passage){ .size = i < 2 ? "1M" : "64K",
				       .order = i % 2 == 0 ? PRODUCER_FIRST : CONSUMER_FIRST,
				       .source = i % 3 == 0 ? FROM_FILE : FROM_CAT },
		     &input);
	bytes_free(&input);
}

/* ---- delimiters ---- */

struct delimiter_text {
	const char *text;
	struct bytes bytes;
};

static struct delimiter_text delimiter_of(const char *text, const char *bytes, size_t size)
{
	struct delimiter_text delimiter = { .text = text };

	bytes_put(&delimiter.bytes, bytes, size);
	return delimiter;
}

/* Makes a text full of what the delimiter begins with, and of delimiters. */
static void bytes_teasing(struct bytes *bytes, const struct bytes *delimiter, size_t size,
			  uint64_t seed)
{
	uint64_t state = seed * 77777 + 1;
	size_t begin = bytes->size;

	while (bytes->size - begin < size) {
		uint64_t dice = random_next(&state) % 20;

		if (dice == 0 || delimiter->size == 0)
			bytes_put(bytes, "x\ny", 3);
		else if (dice < 3)
			bytes_put(bytes, delimiter->at, delimiter->size);
		else if (dice < 12)
			bytes_put(bytes, delimiter->at,
				  random_next(&state) % (delimiter->size + 1));
		else
			bytes_fill(bytes, delimiter->at[0], random_next(&state) % 40);
	}
}

/* Each of these as the producer's delimiter, with each of the others as the consumer's. */
static void pass_delimiters(const struct delimiter_text *delimiters, size_t count, const char *size,
			    size_t ring, enum source source)
{
	for (size_t i = 0; i < count * count; i++) {
		const struct delimiter_text *in = &delimiters[i / count];
		const struct delimiter_text *out = &delimiters[i % count];
		struct passage passage = { .size = size,
					   .source = source,
					   .in_text = in->text,
					   .out_text = out->text,
					   .in = in->bytes,
					   .out = out->bytes };
		struct bytes inputs[5] = { 0 };
		char what[700];

		bytes_teasing(&inputs[0], &in->bytes, 100, i);
		bytes_teasing(&inputs[1], &in->bytes, 3 * ring, i + 1);
		bytes_put(&inputs[1], in->bytes.at, in->bytes.size);
		bytes_random(&inputs[2], ring + 100, i); /* mostly one long message */
		bytes_put(&inputs[2], in->bytes.at, in->bytes.size);
		/* the delimiter's first byte all over, the delimiter now and then */
		for (size_t part = 0; part < 5; part++) {
			bytes_fill(&inputs[3], in->bytes.size > 0 ? in->bytes.at[0] : 'a',
				   ring * part / 2 + part);
			bytes_put(&inputs[3], in->bytes.at, in->bytes.size);
		}
		snprintf(what, sizeof(what), "-D '%.300s' into -D '%.300s'", in->text, out->text);
		for (size_t input = 0; input < 5; input++) { /* the last message is empty */
			passage.order = (i + input) % 2 == 0 ? PRODUCER_FIRST : CONSUMER_FIRST;
			pass(what, passage, &inputs[input]);
			bytes_free(&inputs[input]);
		}
	}
}

static size_t delimiters_make(struct delimiter_text delimiters[10])
{
	static char longest[256], longer[256];
	size_t count = 0;

	memset(longest, 'x', 254);
	longest[254] = 'y';
	for (size_t i = 0; i < 200; i++)
		longer[i] = "<=>|"[i % 4];
	delimiters[count++] = delimiter_of("\\n", "\n", 1);
	delimiters[count++] = delimiter_of("\\0", "", 1);
	delimiters[count++] = delimiter_of("", "", 0);
	delimiters[count++] = delimiter_of("aab", "aab", 3);
	delimiters[count++] = delimiter_of("aa", "aa", 2);
	delimiters[count++] = delimiter_of("\\r\\n", "\r\n", 2);
	delimiters[count++] = delimiter_of("\\x00\\xFf\\\\\\t", "\0\xff\\\t", 4);
	delimiters[count++] = delimiter_of(longest, longest, 255);
	delimiters[count++] = delimiter_of(longer, longer, 200);
	return count;
}

#define TEST_DELIMITERS(name, size, ring, source)                                                  \
	Test(bytes, name, .timeout = 240)                                                          \
	{                                                                                          \
		struct delimiter_text delimiters[10];                                              \
		size_t count = delimiters_make(delimiters);                                        \
                                                                                                   \
		pass_delimiters(delimiters, count, size, ring, source);                            \
		for (size_t i = 0; i < count; i++)                                                 \
			bytes_free(&delimiters[i].bytes);                                          \
	}

TEST_DELIMITERS(between_all_pairs_of_delimiters_from_a_file, "4K", 4 * KIB, FROM_FILE)
TEST_DELIMITERS(between_all_pairs_of_delimiters_from_odd_writes, "4K", 4 * KIB, FROM_ODD_WRITES)
TEST_DELIMITERS(between_all_pairs_of_delimiters_through_a_64K_ring, "64K", 64 * KIB, FROM_CAT)

/*
 * Tests every place in which a delimiter can lie across the ends of blocks, of pieces and of the
 * ring.
 */
static void pass_delimiter_everywhere(const char *delimiter, enum source source, size_t from,
				      size_t to, size_t step)
{
	struct passage passage = {
		.size = "4K", .source = source, .in_text = delimiter, .out_text = "|"
	};

	bytes_put(&passage.in, delimiter, strlen(delimiter));
	bytes_put(&passage.out, "|", 1);
	for (size_t size = from; size < to; size += step) {
		struct bytes input = { 0 };
		char what[100];

		snprintf(what, sizeof(what), "%zu times '%c', then \"%s\"", size, delimiter[0],
			 delimiter);
		bytes_fill(&input, delimiter[0], size);
		bytes_put(&input, delimiter, strlen(delimiter));
		bytes_put(&input, "and more", 8);
		bytes_put(&input, delimiter, strlen(delimiter));
		passage.order = (size - from) / step % 2 == 0 ? PRODUCER_FIRST : CONSUMER_FIRST;
		pass(what, passage, &input);
		bytes_free(&input);
	}
	bytes_free(&passage.in);
	bytes_free(&passage.out);
}

Test(bytes, with_a_delimiter_across_any_boundary_of_the_first_ring, .timeout = 120)
{
	pass_delimiter_everywhere("aaaaaaab", FROM_CAT, 4096 - 50, 4096 + 10, 1);
	pass_delimiter_everywhere("aab", FROM_ODD_WRITES, 3 * 1024 - 20, 3 * 1024 + 10, 1);
}

Test(bytes, with_a_delimiter_across_any_boundary_of_the_pieces, .timeout = 120)
{
	/* pieces are 1024 bytes, and this comes after all that was read before the first */
	pass_delimiter_everywhere("aaaaaaab", FROM_FILE, 70 * 1024, 71 * 1024, 3);
	pass_delimiter_everywhere("aaaaaaab", FROM_CAT, 70 * 1024, 71 * 1024, 7);
}

static void write_and_wait_until_read(const int ends[2], const void *bytes, size_t size)
{
	int unread;

	cr_assert_eq(write(ends[1], bytes, size), (ssize_t)size);
	WAIT_FOR(ioctl(ends[0], FIONREAD, &unread) == 0 && unread == 0);
}

/* The producer has read `before` bytes, then `cut` bytes of the delimiter, then gets the rest. */
static void delimiter_in_two_reads(const char *delimiter, size_t before, size_t cut)
{
	struct bytes text = { 0 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *got;
	size_t size;
	int ends[2];

	bytes_fill(&text, delimiter[0], before);
	channel_name(name);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	consumer = tool_start("shm-consume", "-C", name, "-s", "4K", "-D", "|", NULL);
	producer = tool_start_fds(ends[0], -1, "shm-produce", "-C", name, "-s", "4K", "-D",
				  delimiter, NULL);
	write_and_wait_until_read(ends, text.at, text.size);
	write_and_wait_until_read(ends, delimiter, cut);
	cr_assert_eq(write(ends[1], delimiter + cut, strlen(delimiter) - cut),
		     (ssize_t)(strlen(delimiter) - cut));
	cr_assert_eq(write(ends[1], "more", 4), 4);
	write_and_wait_until_read(ends, delimiter, strlen(delimiter));
	close(ends[0]);
	close(ends[1]);
	cr_assert_eq(tool_end(&producer), 0);
	cr_assert_eq(tool_end(&consumer), 0);
	tool_free(&producer);
	got = tool_output(&consumer, &size);
	bytes_put(&text, "|more|", 6);
	bytes_expect(delimiter, got, size, text.at, text.size);
	free(got);
	tool_free(&consumer);
	bytes_free(&text);
	cr_assert(!object_exists(name));
}

Test(bytes, with_a_delimiter_that_comes_in_two_reads, .timeout = 120)
{
	static const size_t before[] = { 1, 5, 1000, 1500, 4060, 4096, 5000, 9000 };
	static const char *const delimiters[] = { "aab", "abcd", "ababac" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		for (size_t j = 0; j < sizeof(delimiters) / sizeof(delimiters[0]); j++)
			for (size_t cut = 1; cut < strlen(delimiters[j]); cut++)
				delimiter_in_two_reads(delimiters[j], before[i], cut);
}

Test(bytes, ended_by_NUL_are_the_same_with_the_short_option, .timeout = 30)
{
	static const char text[] = "one\0two\nlines\0\0end";
	int input = bytes_file(text, sizeof(text) - 1);
	struct tool producer, consumer;
	char name[NAME_SIZE], *output;
	size_t size;

	channel_name(name);
	producer = tool_start_fds(input, -1, "shm-produce", "-C", name, "-0", NULL);
	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "--null"), 0);
	output = tool_output(&consumer, &size);
	bytes_expect("-0", output, size, text, sizeof(text) - 1);
	free(output);
	tool_free(&producer);
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* ---- last lines without a newline ---- */

static void produce_bytes(const char *name, const char *bytes)
{
	int input = bytes_file(bytes, strlen(bytes));
	struct tool producer = tool_start_fds(input, -1, "shm-produce", "-C", name, NULL);

	close(input);
	cr_assert_eq(tool_end(&producer), 0);
	tool_free(&producer);
}

Test(bytes, of_three_lines_without_newline_come_as_three_lines, .timeout = 30)
{
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	for (int i = 0; i < 3; i++)
		produce_bytes(name, "a");
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "a\na\na");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(bytes, of_an_unended_line_get_their_newline_from_whatever_follows, .timeout = 30)
{
	static const struct {
		const char *parts[4];
		const char *expected;
	} cases[] = {
		{ { "a", "b\nc\n" }, "a\nb\nc\n" },
		{ { "a\nb", "", "\n", "c" }, "a\nb\n\nc" },
		{ { "a", "", "", "" }, "a" },
		{ { "a\n", "b" }, "a\nb" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tool consumer;
		char name[NAME_SIZE];

		channel_name(name);
		for (int part = 0; part < 4 && cases[i].parts[part] != NULL; part++)
			produce_bytes(name, cases[i].parts[part]);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
		expect_output(&consumer, cases[i].expected);
		tool_free(&consumer);
		cr_assert(!object_exists(name));
	}
}

Test(bytes, of_an_unended_line_get_their_newline_where_another_consumer_goes_on, .timeout = 30)
{
	struct tool consumer;
	char name[NAME_SIZE];

	channel_name(name);
	produce_bytes(name, "a");
	produce_bytes(name, "b\n");
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-c", "1"), 0);
	expect_output(&consumer, "a\n");
	tool_free(&consumer);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name), 0);
	expect_output(&consumer, "b\n");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

Test(bytes, of_an_operand_end_with_the_delimiter_and_unended_lines_before_it_too, .timeout = 30)
{
	struct tool producer, consumer;
	char name[NAME_SIZE];

	channel_name(name);
	produce_bytes(name, "a");
	cr_assert_eq(tool_run(&producer, "shm-produce", "-C", name, "b", ""), 0);
	tool_free(&producer);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-D", "; "), 0);
	expect_output(&consumer, "a; b; ; ");
	tool_free(&consumer);
	cr_assert(!object_exists(name));
}

/* ---- -c inside blocks ---- */

/* Runs consumers in turn, each of which takes some; together they must have everything. */
static void take_turns(const char *producer_text, const char *consumer_text, const char *line_end,
		       const char *expected_end)
{
	static const unsigned takes[] = { 1, 2, 1, 7, 100, 999, 3, 64, 1, 1500, 322, 1, 999 };
	const size_t take_count = sizeof(takes) / sizeof(takes[0]);
	struct bytes input = { 0 }, expected = { 0 }, output = { 0 };
	struct tool producer, consumer;
	unsigned made = 0, taken = 0;
	char name[NAME_SIZE], line[64], count[16], *part;
	size_t size;
	int source;

	for (size_t i = 0; i < take_count; i++)
		made += takes[i];
	for (unsigned i = 0; i < made; i++) {
		int length = snprintf(line, sizeof(line), "line %u%.*s", i, (int)(i % 20),
				      "....................");

		bytes_put(&input, line, (size_t)length);
		bytes_put(&input, line_end, strlen(line_end));
		bytes_put(&expected, line, (size_t)length);
		bytes_put(&expected, expected_end, strlen(expected_end));
	}
	channel_name(name);
	source = bytes_file(input.at, input.size);
	producer = tool_start_fds(source, -1, "shm-produce", "-C", name, "-D", producer_text, NULL);
	close(source);
	cr_assert_eq(tool_end(&producer), 0);
	for (size_t i = 0; i < take_count; i++) {
		snprintf(count, sizeof(count), "%u", takes[i]);
		cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", "-D",
				      consumer_text, "-c", count),
			     0, "-c %s after %u of %u messages", count, taken, made);
		part = tool_output(&consumer, &size);
		bytes_put(&output, part, size);
		free(part);
		tool_free(&consumer);
		taken += takes[i];
		bytes_expect("taken in turn", output.at, output.size, expected.at, output.size);
	}
	bytes_expect("taken in turn", output.at, output.size, expected.at, expected.size);
	/* Everything is taken, but no consumer has been told of the end. */
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e", "-c", "1"), 3);
	expect_output(&consumer, "");
	tool_free(&consumer);
	tool_free(&producer);
	bytes_free(&input);
	bytes_free(&expected);
	bytes_free(&output);
	cr_assert(!object_exists(name));
}

Test(bytes, taken_by_consumers_in_turn_make_the_whole, .timeout = 60)
{
	take_turns("\\n", "\\n", "\n", "\n");
}

Test(bytes, taken_in_turn_with_another_delimiter_make_the_whole, .timeout = 60)
{
	take_turns("aab", "|", "aab", "|");
}

Test(bytes, taken_in_turn_with_a_longer_delimiter_make_the_whole, .timeout = 60)
{
	take_turns("\\n", " END\\n", "\n", " END\n");
}

Test(bytes, taken_in_turn_while_the_producer_waits_make_the_whole, .timeout = 120)
{
	struct bytes input = { 0 }, output = { 0 };
	struct tool producer, consumer;
	char name[NAME_SIZE], *part;
	size_t size;
	int source, status = 0;

	for (int i = 0; i < 300; i++) {
		bytes_text(&input, (size_t)(i * i) % 3000);
		bytes_fill(&input, '\n', 1);
		if (i % 60 == 59) {
			bytes_text(&input, 10000); /* longer than the ring */
			bytes_fill(&input, '\n', 1);
		}
	}
	channel_name(name);
	source = bytes_file(input.at, input.size);
	producer = tool_start_fds(source, -1, "shm-produce", "-C", name, "-s", "4K", NULL);
	close(source);
	WAIT_FOR(object_look(name).producers == 1);
	for (int taken = 0; taken < 305 && status == 0; taken += 5) {
		consumer = tool_start("shm-consume", "-C", name, "-c", "5", NULL);
		status = tool_end(&consumer);
		part = tool_output(&consumer, &size);
		bytes_put(&output, part, size);
		free(part);
		tool_free(&consumer);
	}
	cr_assert_eq(status, 0);
	bytes_expect("five at a time", output.at, output.size, input.at, input.size);
	cr_assert_eq(tool_end(&producer), 0);
	cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), 0);
	expect_output(&consumer, "");
	tool_free(&consumer);
	tool_free(&producer);
	bytes_free(&input);
	bytes_free(&output);
	cr_assert(!object_exists(name));
}

/* ---- files as messages ---- */

Test(bytes, of_a_file_are_one_message_whatever_its_size, .timeout = 60)
{
	static const size_t sizes[] = { 0, 1, 4096 - 40, 4096 - 24, 4096 - 23, 4096, 5000, 300000 };
	struct tool producer, consumer;
	char name[NAME_SIZE], path[] = "/tmp/shm-channel-test-XXXXXX", *output;
	size_t size;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes input = { 0 };
		int fd;

		strcpy(strrchr(path, '-'), "-XXXXXX");
		fd = mkstemp(path);
		cr_assert_geq(fd, 0);
		bytes_random(&input, sizes[i], i);
		cr_assert_eq(write(fd, input.at, input.size), (ssize_t)input.size);
		close(fd);
		channel_name(name);
		producer = tool_start("shm-produce", "-C", name, "-s", "4K", "-i", path, "-i", path,
				      NULL);
		consumer = tool_start("shm-consume", "-C", name, "-s", "4K", "-D", "", "-c", "2",
				      NULL);
		cr_assert_eq(tool_end(&consumer), 0);
		cr_assert_eq(tool_end(&producer), 0);
		unlink(path);
		output = tool_output(&consumer, &size);
		bytes_put(&input, input.at, 0);
		cr_assert_eq(size, 2 * sizes[i]);
		bytes_expect("the first time", output, size / 2, input.at, input.size);
		bytes_expect("the second time", output + size / 2, size / 2, input.at, input.size);
		free(output);
		bytes_free(&input);
		tool_free(&producer);
		tool_free(&consumer);
		/* with -c the end is not reported, so no consumer was told of it */
		if (object_exists(name)) {
			cr_assert_eq(tool_run(&consumer, "shm-consume", "-C", name, "-e"), 0);
			tool_free(&consumer);
		}
		cr_assert(!object_exists(name));
	}
}

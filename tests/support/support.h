/*
 * What the tests share: channels with names of their own, the tools as other processes, waiting
 * for a state with a deadline, and a look into a live object.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared_buffer.h"

enum { NAME_SIZE = 64, DEADLINE_S = 20 };

/* Waits until the expression is true; fails the test after DEADLINE_S. */
#define WAIT_FOR(expression)                                                                       \
	do {                                                                                       \
		uint64_t until_ = test_now_ms() + DEADLINE_S * 1000;                               \
		while (!(expression)) {                                                            \
			cr_assert(test_now_ms() < until_, "waited in vain for: %s", #expression);  \
			test_pause();                                                              \
		}                                                                                  \
	} while (0)

/*
 * Prints a note for the reader of the output. Not cr_log_warn(): with a warning Criterion's runner
 * fails.
 */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the test, which then neither passes nor fails, and prints why. */
#define test_skip(reason)                                                                          \
	do {                                                                                       \
		test_note("skipped: %s", reason);                                                  \
		cr_skip_test("%s", reason);                                                        \
	} while (0)

/* Skips the test where there are no pseudo-terminals, as in a root without /dev/pts. */
void terminal_needed(void);

uint64_t test_now_ms(void);
void test_pause(void); /* sleeps a millisecond, before the state is looked at again */

/* Stores and returns a channel name that no other test uses. */
const char *channel_name(char name[NAME_SIZE]);

/* ---- the object from outside ---- */

/* True if the shared-memory object of this channel exists. */
bool object_exists(const char *name);

/* Returns the object's path under /dev/shm (static buffer). */
const char *object_path(const char *name);

/* Returns all bytes of the object; to be freed. */
unsigned char *object_contents(const char *name, size_t *size);

/* Makes an object under the channel's name that holds these bytes and is no channel. */
void object_plant(const char *name, const void *bytes, size_t size);

/* Removes the object, for tests that leave one on purpose. */
void object_remove(const char *name);

/* Writes a value into a live object, at OFFSET(producers.tail) for example. */
void object_write(const char *name, size_t offset, const void *value, size_t size);
#define OFFSET(field) offsetof(struct shared_buffer, field)

/* What a live object contains; all 0 if there is none. */
struct object_view {
	bool exists;
	unsigned producers, consumers; /* slots in use */
	uint64_t head, tail;
	uint64_t waiting_turn, waiting_ack, waiting_consumers, waiting_data, waiting_piece;
	uint64_t room_wanted;
	unsigned turn;
	unsigned groups, claims, orphans; /* claims: of the first group */
	uint64_t events, told;
	uint32_t producer_tid[SLOT_COUNT], consumer_tid[SLOT_COUNT];
};
struct object_view object_look(const char *name);

/* ---- tools as other processes ---- */

struct tool {
	pid_t pid;
	int output, errors; /* memory files */
};

/* The path of a tool, or of "tests/NAME", in the folder under test (static buffers, four of them). */
const char *tool_path(const char *name);

/*
 * Starts TOOLS/name (or the program of that path, if it has a slash) with the arguments up
 * to NULL; standard input is /dev/null. It dies with the test.
 */
struct tool tool_start(const char *name, ...) __attribute__((sentinel));

/*
 * Like tool_start(), but with that standard input (not closed here) and, if not -1, that standard
 * output.
 */
struct tool tool_start_fds(int input, int output, const char *name, ...) __attribute__((sentinel));
struct tool tool_start_argv(int input, int output, const char *const *argv);

/* Returns a memory file with these bytes, to be read from its start. */
int bytes_file(const void *bytes, size_t size);

/*
 * Waits for the tool's end. Returns its exit status, or 128 + the signal that killed it. Fails the
 * test after DEADLINE_S seconds (tool_end_within: after `seconds`).
 */
int tool_end(struct tool *tool);
int tool_end_within(struct tool *tool, unsigned seconds);

/* True if the tool has ended. Does not reap it. */
bool tool_ended(const struct tool *tool);

/* Kills the tool with -9 and waits for its end. */
void tool_kill(struct tool *tool);

/*
 * Returns a copy of what the tool has written so far, ended by a NUL; to be freed. *size may be
 * NULL.
 */
char *tool_output(const struct tool *tool, size_t *size);
char *tool_errors(const struct tool *tool);

/* Closes the memory files. */
void tool_free(struct tool *tool);

/* Runs a tool to its end and returns its status like tool_end(). What it wrote stays in *tool. */
#define tool_run(tool, ...) (*(tool) = tool_start(__VA_ARGS__, NULL), tool_end(tool))

/* Asserts what the tool has written. */
void expect_output(const struct tool *tool, const char *expected);
void expect_bytes(const struct tool *tool, const void *expected, size_t size);
void expect_errors_contain(const struct tool *tool, const char *part);

/* True if the tool has written this to standard error so far. */
bool errors_contain(const struct tool *tool, const char *part);

/* Returns how often the tool has written this to standard error so far. */
int errors_count(const struct tool *tool, const char *part);

/* True if this is all that the tool has written to standard output so far. */
bool output_is(const struct tool *tool, const char *expected);

#endif

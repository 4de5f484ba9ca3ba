/* What many tests begin or end with: something is sent, a tool ends, the rest is taken. */
#ifndef SUPPORT_SCENES_H
#define SUPPORT_SCENES_H

#include <stdlib.h>

#include "tests/support/support.h"

/* Sends one message, or what it reads, with shm-produce. */
void message_send(const char *name, const char *message);
void lines_send(const char *name, const char *lines);
void bytes_send(const char *name, const void *bytes, size_t size);

/* "shm-consume -C NAME" with these words, up to NULL; at most CONSUMER_WORDS_MAX of them. */
enum { CONSUMER_WORDS_MAX = 16 };
struct tool consumer_start(const char *name, const char *const *words);

/* Takes what is left in a channel, which must be this; then the channel must be gone. */
void expect_rest(const char *name, int status, const char *expected);

/*
 * Waits for the tool's end. Its status must be this, and on standard error there must be one line
 * that contains `part`; NULL: nothing.
 */
void expect_end(struct tool tool, int status, const char *part);

/* Like expect_end() with status 1. */
void expect_failure(struct tool tool, const char *part);

/* Waits for the tool's end. It must have succeeded without a word but for this output. */
void expect_done(struct tool tool, const char *output);

/* `count` lines of different lengths that begin with a number from 0 on; to be freed. */
char *numbered_lines(int count, size_t *size);

/* Runs a tool to its end: its status and output must be these. */
#define EXPECT_RUN(status, output, ...)                                                            \
	do {                                                                                       \
		struct tool tool_ = tool_start(__VA_ARGS__, NULL);                                 \
		int got_ = tool_end(&tool_);                                                       \
		char *errors_ = tool_errors(&tool_);                                               \
                                                                                                   \
		cr_expect_eq(got_, status, "ended with %d, not %d: %s", got_, status, errors_);    \
		expect_output(&tool_, output);                                                     \
		free(errors_);                                                                     \
		tool_free(&tool_);                                                                 \
	} while (0)

/* Starts a shell with this script; what follows are its arguments. */
#define SHELL(script, ...) tool_start("sh", "-c", script, "sh", __VA_ARGS__, NULL)

#endif

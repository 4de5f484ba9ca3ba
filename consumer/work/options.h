/*
 * What a consumer that runs a command shall do: the options of `shm-consume -- COMMAND`.
 */
#ifndef WORK_H
#define WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/option_table.h"
#include "cli/progress.h"

enum { JOBS_MAX = 64, BATCH_MAX = 1000000, RETRIES_MAX = 1000000 };

/* What becomes of a message when its last attempt has failed. */
enum on_failure { FAILURE_STOP, FAILURE_SKIP, FAILURE_DEAD };

struct work {
	const struct cli_settings *settings;
	char *const *command; /* its words, up to NULL; NULL: there is none, messages are printed */
	bool placeholder;     /* there is a "{}" in it */

	uint32_t jobs;	    /* commands at once; 0: one per processor */
	uint32_t batch;	    /* messages for one command, ... */
	bool delimited;	    /* ... each with the delimiter behind it */
	uint64_t gather_ns; /* how long to wait for that many; 0: not */

	uint32_t retries;
	uint64_t retry_delay_ns; /* before the first; doubles */
	uint64_t max_time_ns;	 /* of one attempt; 0: no limit */
	enum on_failure on_failure;
	const char *dead_letter; /* a channel's name */

	uint64_t count;	  /* messages; 0: no limit */
	uint64_t idle_ns; /* 0: for ever */
	bool exit_empty;
	bool follow;
	struct progress *progress; /* the first thread's */

	const char *given; /* one of the options that need a command, for the complaint */
};

/* Rows of the tool's option table. */
enum work_key {
	WORK_KEY_RETRIES = CLI_KEY_WORK,
	WORK_KEY_RETRY_DELAY,
	WORK_KEY_MAX_TIME,
	WORK_KEY_ON_FAILURE,
	WORK_KEY_DEAD_LETTER
};

/* clang-format off */
#define WORK_OPTIONS                                                        \
	{ 'b', "batch", "N[,SEC]",                                          \
	  "up to N messages for one COMMAND, each followed by\n"            \
	  "the delimiter; wait SEC for N to come together.\n"               \
	  "Without COMMAND: take N at a time beside others" },              \
	{ 'j', "jobs", "N",                                                 \
	  "run N commands at once; 0: one per processor [1]",               \
	  .standard = "1" },                                                \
	{ WORK_KEY_RETRIES, "retries", "N",                                 \
	  "try a failed message up to N more times [3]", .standard = "3" },  \
	{ WORK_KEY_RETRY_DELAY, "retry-delay", "SEC",                       \
	  "wait before that; doubles each time [1]", .standard = "1" },     \
	{ WORK_KEY_MAX_TIME, "max-time", "SEC",                             \
	  "end a command that takes longer: it has failed" },               \
	{ WORK_KEY_ON_FAILURE, "on-failure", "stop|skip|dead",              \
	  "when the last try failed: stop (give the message\n"              \
	  "back), skip (drop it), dead (move it) [stop]",                   \
	  .standard = "stop" },                                             \
	{ WORK_KEY_DEAD_LETTER, "dead-letter", "CHANNEL",                   \
	  "move failed messages to this channel" }
/* clang-format on */

void work_begin(struct work *work, const struct cli_settings *settings);

/* Takes an option of the table above. False: it is none of them. */
bool work_option(struct work *work, int key, const char *argument);

/* Takes the command, if there is one, and refuses what does not go together: a usage error. */
void work_check(struct work *work, int argc, char **argv);

#endif

/*
 * The options of a consumer that runs a command: `shm-consume -- COMMAND`.
 */
#ifndef WORK_OPTIONS_H
#define WORK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/take.h"
#include "consumer/stop.h"

enum { JOBS_MAX = 64, BATCH_MAX = 1000000, RETRIES_MAX = 1000000 };

/* What becomes of a message when its last attempt has failed: the words of --on-failure. */
enum on_failure { FAILURE_STOP, FAILURE_SKIP, FAILURE_DEAD };

struct work {
	const struct cli_settings *settings;
	char *const *command; /* its words, ended by NULL; NULL: messages are printed */
	bool placeholder;     /* "{}" occurs in it */

	uint32_t jobs;	    /* commands at once; 0: one per processor */
	uint32_t batch;	    /* messages for one command, ... */
	bool delimited;	    /* ... each followed by the delimiter */
	uint64_t gather_ns; /* how long to wait for that many; 0: not at all */
	bool gather_given;  /* on the command line, not in a file */

	uint32_t retries;
	uint64_t retry_delay_ns; /* before the first retry; doubles each time */
	uint64_t max_time_ns;	 /* of one try; 0: no limit */
	enum on_failure on_failure;
	const char *dead_letter; /* a channel's name */

	const struct stop *stop;
	struct progress *progress; /* the first thread's */
};

/* Rows of the tool's option table: `at` is where its settings have a struct work. */
/* clang-format off */
#define WORK_INTO(at, member) .into = (at) + offsetof(struct work, member)
#define WORK_OPTIONS(at)                                                    \
	{ 'b', "batch", "N[,SEC]",                                          \
	  "up to N messages for one COMMAND, each followed by\n"            \
	  "the delimiter; wait SEC for N to come together.\n"               \
	  "Without COMMAND: take N at a time beside others",                \
	  .modes = MODES_TAKE, .take = work_take_batch, .into = (at) },     \
	{ 'j', "jobs", "N",                                                 \
	  "run N commands at once; 0: one per processor [1]",               \
	  .standard = "1", .modes = MODE_COMMAND, .most = JOBS_MAX,         \
	  .take = cli_take_number, WORK_INTO(at, jobs) },                   \
	{ 0, "retries", "N",                                                \
	  "try a failed message up to N more times [3]",                    \
	  .standard = "3", .modes = MODE_COMMAND, .most = RETRIES_MAX,      \
	  .take = cli_take_number, WORK_INTO(at, retries) },                \
	{ 0, "retry-delay", "SEC",                                          \
	  "wait before that; doubles each time [1]",                        \
	  .standard = "1", .modes = MODE_COMMAND,                           \
	  .take = cli_take_seconds, WORK_INTO(at, retry_delay_ns) },        \
	{ 0, "max-time", "SEC",                                             \
	  "end a command that takes longer: it has failed",                 \
	  .modes = MODE_COMMAND,                                            \
	  .take = cli_take_seconds, WORK_INTO(at, max_time_ns) },           \
	{ 0, "on-failure", "stop|skip|dead",                                \
	  "when the last try failed: stop (give the message\n"              \
	  "back), skip (drop it), dead (move it) [stop]",                   \
	  .standard = "stop", .modes = MODE_COMMAND,                        \
	  .take = cli_take_word, WORK_INTO(at, on_failure) },               \
	{ 0, "dead-letter", "CHANNEL",                                      \
	  "move failed messages to this channel", .modes = MODE_COMMAND,    \
	  .take = cli_take_channel, WORK_INTO(at, dead_letter) }
/* clang-format on */

void work_begin(struct work *work, const struct cli_settings *settings);

cli_take work_take_batch; /* into a struct work */

/*
 * To be called after all options: takes the command, if there is one, and refuses operands before
 * it.
 */
void work_take_command(struct work *work, int argc, char **argv);

/* To be called then: refuses options that do not go together. */
void work_check(struct work *work);

#endif

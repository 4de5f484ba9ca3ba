/*
 * Options with which no message is taken: to look inside, to remove, to find out what is wrong.
 * All but --remove leave every channel as it is: see census.h.
 */
#ifndef LOOK_H
#define LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/option_table.h"
#include "consumer/look/show.h"
#include "observe/census.h"

/* Rows of the tool's option table. */
enum look_key {
	LOOK_KEY_LIST = CLI_KEY_LOOK,
	LOOK_KEY_STATUS,
	LOOK_KEY_WATCH,
	LOOK_KEY_REMOVE,
	LOOK_KEY_FORCE,
	LOOK_KEY_DOCTOR
};

/* clang-format off */
#define LOOK_OPTIONS                                                        \
	{ LOOK_KEY_LIST, "list", NULL,                                      \
	  "print all your channels, --owner's, or with --json\n"            \
	  "as JSON; takes nothing and changes nothing", .once = true },                   \
	{ LOOK_KEY_STATUS, "status", NULL,                                  \
	  "print what is going on in the channel: its groups,\n"            \
	  "who is attached, what each waits for; also --json", .once = true },            \
	{ LOOK_KEY_WATCH, "watch", "[SEC]",                                 \
	  "print the list, or with --status that, again and\n"              \
	  "again, every SEC, with messages per second [1]", .once = true },               \
	{ LOOK_KEY_REMOVE, "remove", NULL,                                  \
	  "remove the channel with what is in it; not while\n"              \
	  "somebody is attached", .once = true },                                         \
	{ LOOK_KEY_FORCE, "force", NULL,                                    \
	  "with --remove: even then, and whatever has its name", .once = true },                \
	{ LOOK_KEY_DOCTOR, "doctor", NULL,                                  \
	  "print what could be wrong on this machine and what\n"            \
	  "to do about it: exit 1 if there is something", .once = true }
/* clang-format on */

enum look_what { LOOK_NOT, LOOK_LIST, LOOK_STATUS, LOOK_REMOVE, LOOK_DOCTOR };

struct look {
	const struct cli_settings *settings;
	enum look_what what;
	const char *option; /* that asked for it, as it is typed */
	uint64_t watch_ns;  /* 0: once */
	bool force;
	bool pipe_closed; /* in the end: nobody reads our output */
};

/* Takes an option of the table above. False: it is none of them. */
bool look_option(struct look *look, const struct cli_settings *settings, int key,
		 const char *argument);

/* Refuses what does not go together: a usage error. True if this is what to do. */
bool look_check(struct look *look);

int look_run(struct look *look);

/* ---- the parts ---- */

/* What has changed since the last look, per second. */
struct look_rates {
	bool known;
	double in, out, bytes_in;
};

/* All channels: sorted, read one after the other. `rates`: one each, or NULL. */
void list_print(const struct look *look, const struct show *show, const struct census *channels,
		const struct look_rates *rates, size_t count);

/* One channel. */
void status_print(const struct show *show, const struct census *census,
		  const struct look_rates *rates);

/* In words. */
const char *look_life(enum life life);
const char *look_wait(const struct census *census, const struct census_endpoint *endpoint,
		      char buffer[TABLE_CELL]);
const char *look_state(const struct census *census, const struct look_rates *rates);
enum show_colour look_state_colour(const char *state);

/* json.c. `status`: one channel and all about it. `compact`: on one line. */
void look_json(const struct look *look, FILE *file, const struct census *channels,
	       const struct look_rates *rates, size_t count, bool status, bool compact);

int look_remove(const struct look *look);
int look_doctor(struct look *look);

/* Again and again until a signal or the end of the output: watch.c. */
int screen_watch(struct look *look);

/*
 * Reads all channels, or the one: an array to be freed; *count is 0 if there is none. NULL: it
 * has said why not.
 */
struct census *look_read(const struct look *look, size_t *count);

/* Standard output cannot be written: says why, unless nobody reads it. The exit status. */
int look_write_failed(struct look *look, int error);

/* After printing: has it arrived? Says why not. */
int look_flush(struct look *look, FILE *file);

#endif

/*
 * Options with which no message is taken: to look inside, to remove, to find out what is wrong.
 * All but --remove leave every channel as it is: see census.h.
 */
#ifndef LOOK_H
#define LOOK_H

#include "cli/cli.h"
#include "cli/option_table.h"
#include "consumer/look/request.h"

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

/* Takes an option of the table above. False: it is none of them. */
bool look_option(struct look *look, const struct cli_settings *settings, int key,
		 const char *argument);

/* Refuses what does not go together: a usage error. True if this is what to do. */
bool look_check(struct look *look);

int look_run(struct look *look);

#endif

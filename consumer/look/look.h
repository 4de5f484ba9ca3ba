/*
 * Modes in which no message is taken: to look inside, to remove, to find out what is wrong. All but
 * --remove leave every channel as it is: see snapshot.h.
 */
#ifndef LOOK_H
#define LOOK_H

#include "cli/take.h"
#include "consumer/look/request.h"

/* Rows of the tool's option table: `at` is where its settings have a struct look. */
/* clang-format off */
#define LOOK_OPTIONS(at)                                                    \
	{ 0, "list", NULL,                                                  \
	  "print all your channels, --owner's, or with --json\n"            \
	  "as JSON; takes nothing and changes nothing",                     \
	  .chooses = MODE_LIST, .modes = MODE_LIST, .once = true },         \
	{ 0, "status", NULL,                                                \
	  "print what is going on in the channel: its groups,\n"            \
	  "who is attached, what each waits for; also --json",              \
	  .chooses = MODE_STATUS, .modes = MODE_STATUS, .once = true },     \
	{ 0, "watch", "[SEC]",                                              \
	  "print the list, or with --status that, again and\n"              \
	  "again, every SEC, with messages per second [1]",                 \
	  .implies = MODE_LIST, .modes = MODE_LIST | MODE_STATUS,           \
	  .take = look_take_interval,                                       \
	  .into = (at) + offsetof(struct look, watch_ns), .once = true },   \
	{ 0, "remove", NULL,                                                \
	  "remove the channel with what is in it; not while\n"              \
	  "somebody is attached",                                           \
	  .chooses = MODE_REMOVE, .modes = MODE_REMOVE, .once = true },     \
	{ 0, "force", NULL,                                                 \
	  "with --remove: even then, and also an object of that\n"          \
	  "name that is not a channel",                                     \
	  .modes = MODE_REMOVE, .take = cli_take_flag,                      \
	  .into = (at) + offsetof(struct look, force), .once = true },      \
	{ 0, "doctor", NULL,                                                \
	  "print what could be wrong on this machine and what\n"            \
	  "to do about it: exit 1 if there is something",                   \
	  .chooses = MODE_DOCTOR, .modes = MODE_DOCTOR, .once = true }
/* clang-format on */

cli_take look_take_interval; /* into a uint64_t: nanoseconds */

/* --list, --status and --watch. Returns the exit status. */
int look_run(struct look *look);

#endif

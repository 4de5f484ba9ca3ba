/* --remove-group: ends a group that has no consumers. */
#ifndef REMOVE_GROUP_H
#define REMOVE_GROUP_H

#include "cli/cli.h"
#include "cli/take.h"

/* Into a const char *: '' is the group without a name, '?' one whose name is damaged. */
cli_take group_take_removed;

/* Removes the group of this name from the channel. Returns the exit status. */
int remove_group_run(const struct cli_settings *given, struct channel *of, const char *name);

#endif

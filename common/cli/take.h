/*
 * What becomes of an option's argument: functions for the rows of option tables, one for each type
 * of value. A bad argument is a usage error that names the option.
 */
#ifndef TAKE_H
#define TAKE_H

#include "cli/cli.h"
#include "cli/option_table.h"

cli_take cli_take_flag;	   /* into a bool */
cli_take cli_take_text;	   /* into a const char *, which points to the argument */
cli_take cli_take_seconds; /* into a uint64_t: nanoseconds, at least 1 */
cli_take cli_take_count;   /* into a uint64_t: a whole number from 1 */
cli_take cli_take_number;  /* into a uint32_t: a whole number from row->least to row->most */
cli_take cli_take_word;	   /* into an enum: the index of a word in row->argument */
cli_take cli_take_channel; /* into a const char *: a valid name of a channel */
cli_take cli_take_group;   /* into a const char *: a valid name of a group */
cli_take cli_take_owner;   /* into a uid_t */
cli_take cli_take_spin;	   /* into a uint64_t, as channel_options.spin_ns */
cli_take cli_take_mode;	   /* into a struct channel_options */

/* Into a struct cli_settings. */
cli_take cli_take_size;
cli_take cli_take_delimiter;
cli_take cli_take_null;
cli_take cli_take_framing;
cli_take cli_take_trace;

/* Print and exit. */
cli_take cli_take_help;
cli_take cli_take_version;

/* A usage error if this is not a valid name of a group. */
void cli_check_group(const struct cli_settings *settings, const char *name);

#endif

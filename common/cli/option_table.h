/*
 * The rows of an option table, and how one is found in it. A row says all there is to know of an
 * option: how it is written, what --help prints, in which modes it makes sense, and what becomes of
 * its argument.
 */
#ifndef CLI_OPTION_TABLE_H
#define CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/modes.h"

struct cli_option;
struct cli_settings;

/*
 * Stores what an option is given at `into`, which is row->into bytes from the beginning of the
 * tool's settings. `argument` is NULL if it takes none, or if it may be left out and is; else it
 * stays valid. A bad one is a usage error. See take.h.
 */
typedef void cli_take(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into);

/*
 * What an option says about how the run goes, where one option leaves no sense in another one
 * although both belong to the mode. Sets of bits.
 */
enum cli_matter {
	MATTER_FOLLOW = 1 << 0,	      /* it goes on when the producers have gone */
	MATTER_EXIT_EMPTY = 1 << 1,   /* it ends when nothing is left */
	MATTER_NONBLOCK = 1 << 2,     /* it never waits */
	MATTER_ACKNOWLEDGED = 1 << 3, /* it waits for acknowledgements */
	MATTER_FORM = 1 << 4	      /* how messages lie in the input or output */
};

/*
 * The completions complete what the argument says: CHANNEL, GROUP, FILE or USER, and words in
 * small letters with '|' between them, which stand for themselves. The manual pages call it the
 * same. (tests/tools/test_help.c holds them to it.)
 */
struct cli_option {
	char letter; /* '\0': it has only a name */
	const char *name;
	/*
	 * NULL: it takes none. In brackets: it may be left out; if it begins with "=", it can only
	 * follow a "=", else a number may also follow as the next word.
	 */
	const char *argument;
	const char *help;     /* '\n' begins a new line */
	const char *standard; /* what it is if nothing sets it; NULL: off, or nothing */

	cli_take *take;	      /* NULL: the reader of options looks at it itself */
	size_t into;	      /* where its value goes: bytes from the tool's settings */
	uint64_t least, most; /* of a number */

	/*
	 * The modes in which it makes sense; 0: all. In another one it is a usage error on the
	 * command line, unless its argument is `neutral`, and passed over in a file.
	 */
	unsigned modes;
	const char *neutral;
	unsigned chooses; /* this mode; 0: none */
	unsigned implies; /* this mode, if nothing else chooses one; 0: none */

	unsigned matters;   /* what it is about: enum cli_matter */
	unsigned overrules; /* on the command line: what files say about these is passed over */

	bool once; /* about one call, or an action: not in a configuration file */
};

/* A heading in --help, above the row of this name; none if there is no such row. */
struct cli_section {
	const char *name; /* of the option; NULL: the end */
	const char *heading;
};

struct cli_tool {
	const char *name;
	const char *usage;		  /* lines of "[OPTION]..." */
	const char *about;		  /* one sentence */
	const struct cli_option *options; /* ends with a row without a name */
	const struct cli_section *sections;
	const char *statuses; /* lines: blanks, one or more exit statuses, two blanks, when */
	unsigned usual_mode;  /* if nothing chooses another one */
	unsigned dashes_mode; /* of a run with words after "--"; 0: they choose none */
	bool operands_last;   /* what follows the first operand is no option */
};

enum { CLI_OPTIONS_MAX = 128 };

/* True if its argument may be left out. */
bool cli_argument_optional(const struct cli_option *option);

/* True if the option makes sense in one of these modes. */
bool cli_option_belongs(const struct cli_option *option, unsigned modes);

/* Returns the row of the tool's table with this whole name, or NULL if there is none. */
const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name);

#endif

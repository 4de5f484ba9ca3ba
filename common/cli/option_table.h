/*
 * The rows of an option table, and how a row is found. A row is all there is to know of an option:
 * how it is written, what --help prints, in which modes of the tool it makes sense, and what
 * becomes of its argument.
 *
 * A new option is a row of a table, a line in the manual page of each tool that has it, and a row in
 * tests/tools/test_modes.c; an option of one tool alone also stands in other_tool.c.
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
 * Stores the value of an option at `into`, which is row->into bytes from the beginning of the
 * tool's settings. `argument` is NULL if the option takes none, or if it is optional and left out;
 * else it stays valid as long as the process. A bad argument is a usage error. See take.h.
 */
typedef void cli_take(const struct cli_settings *settings, const struct cli_option *row,
		      const char *argument, void *into);

/*
 * What an option is about, where one option makes another one pointless although both belong to the
 * mode. Sets of bits.
 */
enum cli_matter {
	MATTER_FOLLOW = 1 << 0,	      /* it goes on when the producers have gone */
	MATTER_EXIT_EMPTY = 1 << 1,   /* it ends when nothing is left */
	MATTER_NONBLOCK = 1 << 2,     /* it never waits */
	MATTER_ACKNOWLEDGED = 1 << 3, /* it waits for acknowledgements */
	MATTER_FORM = 1 << 4	      /* how messages lie in the input or output */
};

/*
 * The shells' completions depend on how an argument is called: CHANNEL, GROUP, FILE or USER, or
 * words in lower case with '|' between them, which stand for themselves. The manual pages use the
 * same names. (tests/tools/test_help.c checks that.)
 */
struct cli_option {
	char letter; /* '\0': it has only a name */
	const char *name;
	/*
	 * NULL: it takes none. In brackets: it is optional; if it begins with "=", it can only
	 * follow a "=", else a number may also follow as the next word.
	 */
	const char *argument;
	const char *help;     /* '\n' begins a new line */
	const char *standard; /* its value if nothing sets it; NULL: off, or nothing */

	cli_take *take;	      /* NULL: the reader of options handles it itself */
	size_t into;	      /* where its value goes: an offset in the tool's settings */
	uint64_t least, most; /* of a number */

	/*
	 * The modes in which it makes sense; 0: all. In any other mode it is a usage error on the
	 * command line, unless its argument is `neutral`, and passed over in a file.
	 */
	unsigned modes;
	const char *neutral;
	unsigned chooses; /* this mode; 0: none */
	unsigned implies; /* this mode, if nothing else chooses one; 0: none */

	unsigned matters;   /* what it is about: enum cli_matter */
	unsigned overrules; /* if on the command line: files have no say on these matters */

	bool once; /* for one call, or an action: not in a configuration file */
};

/* A heading in --help, above the row of this name, if there is such a row. */
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
	const char *statuses; /* lines: blanks, exit statuses, two blanks, when they occur */
	unsigned usual_mode;  /* if nothing chooses another one */
	unsigned dashes_mode; /* of a run with words after "--"; 0: those choose no mode */
	bool operands_last;   /* what follows the first operand is never an option */
};

enum { CLI_OPTIONS_MAX = 128 };

/* True if its argument may be left out. */
bool cli_argument_optional(const struct cli_option *option);

/* True if the option makes sense in one of these modes. */
bool cli_option_belongs(const struct cli_option *option, unsigned modes);

/* Returns the row of the tool's table with this whole name, or NULL if there is none. */
const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name);

#endif

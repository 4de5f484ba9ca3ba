/*
 * The rows of an option table, and how one is found in it.
 */
#ifndef CLI_OPTION_TABLE_H
#define CLI_OPTION_TABLE_H

#include <stdbool.h>

/* Options without a letter: each room that brings rows of its own has a hundred keys. */
enum cli_key {
	CLI_KEY_OWNER = 256,
	CLI_KEY_NEW,
	CLI_KEY_SPIN,
	CLI_KEY_JSON,
	CLI_KEY_FRAMING,
	CLI_KEY_TRUST_OWNER,
	CLI_KEY_CONFIG = 300,	/* config_files.h */
	CLI_KEY_PROGRESS = 400, /* progress.h */
	CLI_KEY_TRACE = 500,	/* trace.h */
	CLI_KEY_FORMAT = 600,	/* format.h */
	CLI_KEY_LOOK = 700,	/* look.h */
	CLI_KEY_TOOL = 1000,	/* the tool's own */
	CLI_KEY_WORK = 1100	/* work/options.h */
};

/*
 * The completions complete what the argument says: CHANNEL, GROUP, FILE or USER, and words in
 * small letters with '|' between them, which stand for themselves. The manual pages call it the
 * same. (tests/tools/test_help.c holds them to it.)
 */
struct cli_option {
	int key; /* its letter, or a cli_key */
	const char *name;
	/*
	 * NULL: it takes none. In brackets: it may be left out; what begins with "=" stands behind
	 * one, and a number may also follow as the next word.
	 */
	const char *argument;
	const char *help;     /* '\n' begins a new line */
	const char *standard; /* what it is if nobody says; NULL: off, or nothing */
	bool once;	      /* about one call, or an action: not in a configuration file */
};

/* With this one on the command line, what files say of those, with a blank between, is left out. */
struct cli_precedence {
	const char *given, *leaves;
};

/* A heading in --help, above the row with this key; none if there is no such row. */
struct cli_section {
	int key;
	const char *heading; /* NULL: the end */
};

struct cli_tool {
	const char *name;
	const char *usage;		  /* lines of "[OPTION]..." */
	const char *about;		  /* one sentence */
	const struct cli_option *options; /* ends with a zero key */
	const struct cli_section *sections;
	const char *statuses; /* lines: blanks, one or more exit statuses, two blanks, when */
	bool operands_last;   /* what follows the first operand is no option */
	const struct cli_precedence *precedences; /* ends with NULLs; or NULL */
};

enum { CLI_OPTIONS_MAX = 128 };

/* May its argument be missing? It stands behind a "=" if it is not. */
bool cli_argument_optional(const struct cli_option *option);

/* A row of the tool's table; NULL: there is none. By its whole name. */
const struct cli_option *cli_option_find(const struct cli_tool *tool, const char *name);

/* By its key; NULL: there is none. */
const struct cli_option *cli_option_of_key(const struct cli_tool *tool, int key);

#endif

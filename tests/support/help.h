/* The option table, as --help prints it. */
#ifndef SUPPORT_HELP_H
#define SUPPORT_HELP_H

#include <stdbool.h>
#include <stddef.h>

enum { HELP_ROWS_MAX = 128 };

struct help_row {
	char left[128];	   /* "-C, --channel CHANNEL" */
	char name[40];	   /* "--channel" */
	char argument[80]; /* "CHANNEL"; "" if it takes none */
	bool optional;	   /* "--watch [SEC]", "--progress[=WHEN]" */
};

struct help {
	char *text; /* the whole text; never freed, the process is short */
	size_t count;
	struct help_row rows[HELP_ROWS_MAX];
};

struct help help_read(const char *tool);

/* Returns the row of this "--name", or NULL if there is none. */
const struct help_row *help_row(const struct help *help, const char *name);

#endif

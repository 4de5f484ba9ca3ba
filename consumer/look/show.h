/*
 * How things look to people: bars, colours, and tables that are as wide as the terminal.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/figures.h"

enum {
	SHOW_BAR_MAX = 24,
	SHOW_WIDE = 120 /* columns: from here on more is shown */
};

enum show_colour { SHOW_PLAIN, SHOW_BOLD, SHOW_DIM, SHOW_GOOD, SHOW_CARE, SHOW_BAD };

/* Where it goes. `columns` is 0 if nobody asked for a width: nothing is cut short then. */
struct show {
	FILE *file;
	unsigned columns, rows;
	bool terminal, colour;
};

/* For standard output: a terminal has a width, and colours unless NO_COLOR is set. */
struct show show_output(void);

/*
 * "[####......]" for a part of the whole, `width` marks wide (at most SHOW_BAR_MAX). Returns the
 * buffer.
 */
const char *show_bar(char buffer[FIGURE_MAX], uint64_t part, uint64_t whole, unsigned width);

/* From here on in this colour; SHOW_PLAIN ends it. Nothing where there are none. */
void show_colour(const struct show *show, enum show_colour colour);

/* ---- tables: the first column takes what the others leave ---- */

enum { TABLE_COLUMNS_MAX = 16, TABLE_CELL = 224 };

struct table_cell {
	char text[TABLE_CELL];
	enum show_colour colour;
};

struct table {
	const char *const *titles; /* ended by NULL; one that begins with '<' is set to the left */
	unsigned columns;
	struct table_cell *cells;
	size_t count, room;
	bool failed; /* out of memory: what is printed is not all */
};

struct table table_new(const char *const *titles);
void table_free(struct table *table);

/* The next cell, row by row; escaped. */
__attribute__((format(printf, 3, 4))) void table_put(struct table *table, enum show_colour colour,
						     const char *format, ...);

/* With a line of titles, each row after `indent`. A first cell too long has a line of its own. */
void table_print(const struct table *table, const struct show *show, const char *indent);

#endif

/*
 * Output for people: bars, colours, and tables that are as wide as the terminal.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/figures.h"

enum {
	SHOW_BAR_MAX = 24,
	SHOW_WIDE = 120 /* columns; a wider terminal is shown more */
};

enum show_colour { SHOW_PLAIN, SHOW_BOLD, SHOW_DIM, SHOW_GOOD, SHOW_CARE, SHOW_BAD };

/* An output. `columns` is 0 if it has no width: then nothing is cut short. */
struct show {
	FILE *file;
	unsigned columns, rows;
	bool terminal, colour;
};

/* Returns standard output: a terminal has a width, and colours unless NO_COLOR is set. */
struct show show_output(void);

/*
 * "[####......]" for a part of the whole, `width` marks wide (at most SHOW_BAR_MAX). Returns the
 * buffer.
 */
const char *show_bar(char buffer[FIGURE_MAX], uint64_t part, uint64_t whole, unsigned width);

/* What follows is in this colour; SHOW_PLAIN ends it. Does nothing without colours. */
void show_colour(const struct show *show, enum show_colour colour);

/* ---- tables: the first column gets the width that the others leave ---- */

enum { TABLE_COLUMNS_MAX = 16, TABLE_CELL = 224 };

struct table_cell {
	char text[TABLE_CELL];
	enum show_colour colour;
};

struct table {
	const char *const *titles; /* ended by NULL; one that begins with '<' is left-aligned */
	unsigned columns;
	struct table_cell *cells;
	size_t count, room;
	bool failed; /* out of memory: some cells are missing */
};

struct table table_new(const char *const *titles);
void table_free(struct table *table);

/* Puts the next cell, row by row; it is escaped. */
__attribute__((format(printf, 3, 4))) void table_put(struct table *table, enum show_colour colour,
						     const char *format, ...);

/*
 * Prints a line of titles, then the rows, each after `indent`. A first cell that is too long gets a
 * line of its own.
 */
void table_print(const struct table *table, const struct show *show, const char *indent);

#endif

/*
 * Numbers for people. All functions but plural() write into the buffer and return it.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdint.h>

enum { FIGURE_MAX = 32 };

/* Returns the ending of a word for so many of it: "s", or "" for one. */
const char *plural(uint64_t count);

/* ---- as short as can be: for tables ---- */

/* "512", "1.5K", "20M": powers of 1024. */
const char *figure_bytes(char buffer[FIGURE_MAX], uint64_t bytes);

/* "999999", "1.2M": powers of 1000, beyond six digits. */
const char *figure_count(char buffer[FIGURE_MAX], uint64_t count);

/* "12s", "5m", "3h", "2d". */
const char *figure_age(char buffer[FIGURE_MAX], uint64_t ns);

/* ---- three digits and a unit: for a line that changes, and for sums ---- */

/* "512 B", "1.50 KiB": powers of 1024. */
const char *figure_bytes_3(char buffer[FIGURE_MAX], double value);

/* "9999", "12.3k": powers of 1000, beyond four digits. */
const char *figure_count_3(char buffer[FIGURE_MAX], double value);

/* "0:07", "1:02:03"; at most 99:59:59. */
const char *figure_clock(char buffer[FIGURE_MAX], double seconds);

#endif

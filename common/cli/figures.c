#include "cli/figures.h"

#include <stdio.h>

#include "base/deadline.h"

const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* ---- as short as can be ---- */

/*
 * Writes the number divided by the largest fitting power of `unit`, with one decimal if it is below
 * 10.
 */
static const char *scaled(char buffer[FIGURE_MAX], uint64_t number, uint64_t unit,
			  const char *letters)
{
	double value = (double)number;
	unsigned steps = 0;

	while (value >= (double)unit && letters[steps + 1] != '\0') {
		value /= (double)unit;
		steps++;
	}
	if (steps == 0)
		snprintf(buffer, FIGURE_MAX, "%llu", (unsigned long long)number);
	else
		snprintf(buffer, FIGURE_MAX, "%.*f%c", value < 9.95 ? 1 : 0, value, letters[steps]);
	return buffer;
}

const char *figure_bytes(char buffer[FIGURE_MAX], uint64_t bytes)
{
	return scaled(buffer, bytes, 1024, " KMGTPE");
}

const char *figure_count(char buffer[FIGURE_MAX], uint64_t count)
{
	if (count < 1000000) {
		snprintf(buffer, FIGURE_MAX, "%llu", (unsigned long long)count);
		return buffer;
	}
	return scaled(buffer, count, 1000, " kMGTPE");
}

const char *figure_age(char buffer[FIGURE_MAX], uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_SEC;

	if (seconds < 120)
		snprintf(buffer, FIGURE_MAX, "%llus", (unsigned long long)seconds);
	else if (seconds < UINT64_C(120) * 60)
		snprintf(buffer, FIGURE_MAX, "%llum", (unsigned long long)(seconds / 60));
	else if (seconds < UINT64_C(48) * 3600)
		snprintf(buffer, FIGURE_MAX, "%lluh", (unsigned long long)(seconds / 3600));
	else
		snprintf(buffer, FIGURE_MAX, "%llud", (unsigned long long)(seconds / 86400));
	return buffer;
}

/* ---- three digits ---- */

/* Writes three digits and a unit; a value below `whole` is written as it is. */
static const char *three_digits(char buffer[FIGURE_MAX], double value, double step, double whole,
				const char *const units[5])
{
	int unit = 0, digits = 2;

	if (value >= whole)
		for (; unit < 4 && value >= (unit == 0 ? step : step - 0.5); unit++)
			value /= step;
	if (unit == 0 || value >= 99.95)
		digits = 0;
	else if (value >= 9.995)
		digits = 1;
	snprintf(buffer, FIGURE_MAX, "%.*f%s", digits, value, units[unit]);
	return buffer;
}

const char *figure_count_3(char buffer[FIGURE_MAX], double value)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };

	return three_digits(buffer, value, 1000, 9999.5, units);
}

const char *figure_bytes_3(char buffer[FIGURE_MAX], double value)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB" };

	return three_digits(buffer, value, 1024, 1023.5, units);
}

const char *figure_clock(char buffer[FIGURE_MAX], double seconds)
{
	unsigned long whole = seconds > 359999 ? 359999 : (unsigned long)seconds;

	if (whole >= 3600)
		snprintf(buffer, FIGURE_MAX, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60,
			 whole % 60);
	else
		snprintf(buffer, FIGURE_MAX, "%lu:%02lu", whole / 60, whole % 60);
	return buffer;
}

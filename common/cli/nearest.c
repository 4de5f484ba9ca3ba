#include "cli/nearest.h"

#include <string.h>

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

size_t nearest_distance(const char *one, const char *other)
{
	/*
	 * Three rows of the table: for the letter before the last one, for the last one, for this
	 * one.
	 */
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t height = strlen(one), width = strlen(other);

	if (height > NEAREST_WORD_MAX || width > NEAREST_WORD_MAX)
		return NEAREST_WORD_MAX + 1;
	for (size_t j = 0; j <= width; j++)
		before[j] = last[j] = j;
	for (size_t i = 1; i <= height; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= width; j++) {
			row[j] = last[j - 1] + (one[i - 1] != other[j - 1]);
			row[j] = least(row[j], least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && one[i - 1] == other[j - 2] &&
			    one[i - 2] == other[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[width];
}

void nearest_begin(struct nearest *nearest, const char *word)
{
	size_t length = strlen(word), limit = length / 3;

	if (limit == 0 && length > 1)
		limit = 1;
	*nearest = (struct nearest){ .word = word, .distance = limit + 1 };
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
	size_t distance = nearest_distance(nearest->word, candidate);

	if (distance < nearest->distance) {
		nearest->distance = distance;
		nearest->best = candidate;
	}
}

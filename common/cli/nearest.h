/*
 * Which word was meant: the nearest of those that there are. The distance is that of optimal
 * string alignment: letters left out, put in, changed, or two neighbours swapped (Damerau 1964,
 * in the restricted form that touches no letter twice).
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_MAX = 64 }; /* of a longer word nothing is near */

struct nearest {
	const char *word; /* as typed */
	const char *best; /* so far; NULL: none is near */
	size_t distance;  /* of the best; before that, one more than may be */
};

/* How many edits; more than NEAREST_WORD_MAX if one of the two is longer than that. */
size_t nearest_distance(const char *one, const char *other);

/*
 * Begins to look for `word`. One edit for each three letters counts as a slip, at least one and
 * never all of them; what is farther away is another word.
 */
void nearest_begin(struct nearest *nearest, const char *word);

/* Looks at one more; of several at the same distance the first stays. It is not copied. */
void nearest_try(struct nearest *nearest, const char *candidate);

#endif

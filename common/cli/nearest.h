/*
 * Finds the word that was probably meant: the nearest one of those that there are. The distance is
 * that of optimal string alignment: letters left out, put in, changed, or two neighbours swapped
 * (Damerau 1964, in the restricted form that touches no letter twice).
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

enum { NEAREST_WORD_MAX = 64 }; /* a longer word is near to none */

struct nearest {
	const char *word; /* as typed */
	const char *best; /* so far; NULL: none is near */
	size_t distance;  /* of the best; before there is one, one more than is allowed */
};

/*
 * Returns the number of edits between the two words, or more than NEAREST_WORD_MAX if one of them
 * is longer than that.
 */
size_t nearest_distance(const char *one, const char *other);

/*
 * Begins a search for `word`. A word counts as a slip if it differs by at most one edit for every
 * three letters: one edit is always allowed, but never as many as there are letters.
 */
void nearest_begin(struct nearest *nearest, const char *word);

/*
 * Considers one candidate. Of several at the same distance the first one stays. It is not copied.
 */
void nearest_try(struct nearest *nearest, const char *candidate);

#endif

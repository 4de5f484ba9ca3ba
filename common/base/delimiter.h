/*
 * Finding delimiters: 1 to 255 bytes, counted, matched leftmost first and without overlap.
 */
#ifndef DELIMITER_H
#define DELIMITER_H

#include <stddef.h>
#include <stdint.h>

enum { DELIMITER_MAX = 255 };

/*
 * Counts the delimiters in bytes[0..size); stores in *end the offset behind the last one,
 * 0 if there is none. size 0 of the delimiter: none.
 */
size_t delimiter_count(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size, size_t *end);

/*
 * The offset behind the count-th delimiter, or 0 if there are fewer.
 */
size_t delimiter_skip(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		      size_t delimiter_size, size_t count);

/* How many of the last bytes could be the beginning of a delimiter (0 to its size - 1). */
size_t delimiter_begun(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size);

#endif

/*
 * Finding delimiters in a buffer. A delimiter is 1 to 255 bytes of any value. Delimiters are
 * matched from left to right and do not overlap. Pure functions: any thread may call them, without
 * a lock.
 */
#ifndef DELIMITER_H
#define DELIMITER_H

#include <stddef.h>
#include <stdint.h>

enum { DELIMITER_MAX = 255 };

/*
 * Counts the delimiters in bytes[0..size). Stores in *end the offset just after the last one, or 0
 * if there is none. With delimiter_size 0 there are none.
 */
size_t delimiter_count(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size, size_t *end);

/*
 * Returns the offset just after the delimiter number `count`, counting from 1, or 0 if there are
 * fewer.
 */
size_t delimiter_skip(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		      size_t delimiter_size, size_t count);

/*
 * Returns how many of the last bytes could be the beginning of a delimiter whose rest has not been
 * read yet: 0 to delimiter_size - 1.
 */
size_t delimiter_begun(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size);

#endif

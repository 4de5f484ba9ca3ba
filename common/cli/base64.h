/*
 * Base64 as in RFC 4648, section 4: with padding, without line breaks.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

/* How many characters `size` bytes become. */
static inline size_t base64_size(size_t size)
{
	return (size / 3 + (size % 3 != 0)) * 4;
}

/* Writes base64_size(size) characters to `text`; no NUL follows them. */
void base64_encode(char *text, const unsigned char *bytes, size_t size);

#endif

#include "frame/netstring.h"

enum { DIGITS_MAX = 18 }; /* so that it fits into 63 bits */

static const char *digit_take(struct netstring *netstring, unsigned char byte)
{
	if (netstring->digits == DIGITS_MAX)
		return "the size is too long";
	if (netstring->digits == 1 && netstring->size == 0)
		return "the size begins with a zero";
	netstring->size = netstring->size * 10 + (uint64_t)(byte - '0');
	netstring->digits++;
	return NULL;
}

size_t netstring_take(struct netstring *netstring, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] >= '0' && bytes[i] <= '9')
			netstring->bad = digit_take(netstring, bytes[i]);
		else if (netstring->digits == 0)
			netstring->bad = "a size must be here";
		else if (bytes[i] != ':')
			netstring->bad = "a digit or \":\" must be here";
		else
			netstring->complete = true;
		if (netstring->bad != NULL)
			return i;
		if (netstring->complete)
			return i + 1;
	}
	return size;
}

/* Returns the length of a size and its colon. */
static size_t header_bytes(size_t size)
{
	size_t bytes = 2;

	while (size >= 10) {
		size /= 10;
		bytes++;
	}
	return bytes;
}

size_t netstring_bytes(size_t size)
{
	return header_bytes(size) + size + 1;
}

size_t netstring_message(size_t bytes)
{
	size_t size = bytes - 3; /* if it has one digit, else less */

	while (netstring_bytes(size) > bytes)
		size--;
	return size;
}

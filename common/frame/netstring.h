/*
 * Netstrings (D. J. Bernstein, 1997): SIZE:BYTES, where SIZE is decimal without leading zeros. So a
 * message may hold any bytes, and its reader knows beforehand how many. Pure: no I/O.
 */
#ifndef NETSTRING_H
#define NETSTRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The part up to the colon, as it comes. Begin with zeros. */
struct netstring {
	uint64_t size;	 /* of the message, if it is complete */
	unsigned digits; /* seen so far */
	bool complete;	 /* the colon was there */
	const char *bad; /* what is wrong with the next byte; NULL: nothing */
};

/*
 * Takes bytes up to the colon, or all of them, and returns how many. If one is not what it must
 * be, `bad` says why, and the bytes before it were taken.
 */
size_t netstring_take(struct netstring *netstring, const unsigned char *bytes, size_t size);

/* How many bytes a message of this size is as a netstring, with its comma, and the other way. */
size_t netstring_bytes(size_t size);
size_t netstring_message(size_t bytes);

#endif

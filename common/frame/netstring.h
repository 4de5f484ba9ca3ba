/*
 * Netstrings (D. J. Bernstein, 1997): SIZE:BYTES, where SIZE is decimal without leading zeros. A
 * message may hold any bytes, and its reader knows in advance how many there are. No I/O here.
 */
#ifndef NETSTRING_H
#define NETSTRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The part up to the colon, as it arrives. All 0 at first. */
struct netstring {
	uint64_t size;	 /* of the message, if it is complete */
	unsigned digits; /* seen so far */
	bool complete;	 /* the colon has been read */
	const char *bad; /* what is wrong with the next byte; NULL: nothing */
};

/*
 * Takes bytes up to the colon, or all of them, and returns how many. If one of them is invalid,
 * `bad` says why, and only the bytes before it are taken.
 */
size_t netstring_take(struct netstring *netstring, const unsigned char *bytes, size_t size);

/*
 * netstring_bytes() returns how many bytes a message of this size takes as a netstring; the other
 * function is its inverse.
 */
size_t netstring_bytes(size_t size);
size_t netstring_message(size_t bytes);

#endif

/* Counters as JSON. Only with libjansson. */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include <jansson.h>
#include <stdint.h>

/*
 * Returns a counter as JSON, or NULL if out of memory. A counter may go up to 2^64 - 1, an integer
 * of libjansson only up to 2^63 - 1. A larger one, which only a damaged channel has, becomes a
 * number with a fraction: nearly right, and not negative.
 */
json_t *json_number(uint64_t value);

#endif

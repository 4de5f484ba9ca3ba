/* Counters as JSON. Only where there is libjansson. */
#ifndef JSON_NUMBER_H
#define JSON_NUMBER_H

#include <jansson.h>
#include <stdint.h>

/*
 * A counter may go up to 2^64 - 1, libjansson's integers up to 2^63 - 1. Beyond that, where only a
 * counter comes that somebody has scribbled on, it is a number with a fraction: nearly right,
 * neither negative nor another counter's. NULL: out of memory.
 */
json_t *json_number(uint64_t value);

#endif

/*
 * Reading the channels that are to be shown, and whether what was printed has arrived.
 */
#ifndef READ_H
#define READ_H

#include <stdio.h>

#include "consumer/look/request.h"
#include "observe/census.h"

/*
 * Reads all channels, or the one: an array to be freed; *count is 0 if there is none. NULL: it
 * has said why not.
 */
struct census *look_read(const struct look *look, size_t *count);

/* Standard output cannot be written: says why, unless nobody reads it. The exit status. */
int look_write_failed(struct look *look, int error);

/* After printing: has it arrived? Says why not. */
int look_flush(struct look *look, FILE *file);

#endif

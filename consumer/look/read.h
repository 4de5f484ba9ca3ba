/*
 * Reading the channels that are to be shown, and checking that the output was written.
 */
#ifndef READ_H
#define READ_H

#include <stdio.h>

#include "consumer/look/request.h"
#include "observe/snapshot.h"

/*
 * Reads all channels, or the one of --status: returns an array to be freed; *count is 0 if there is
 * none. Returns NULL after an error, which was reported.
 */
struct snapshot *look_read(const struct look *look, size_t *count);

/*
 * Reports that standard output cannot be written, unless its reader has gone. Returns the exit
 * status.
 */
int look_write_failed(struct look *look, int error);

/* Flushes the file. Returns CLI_DONE, or reports the error and returns the exit status. */
int look_flush(struct look *look, FILE *file);

#endif

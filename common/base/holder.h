/*
 * Finds the process that holds the flock of a file, as the kernel tells it in /proc/locks. For
 * messages and hints only: the answer may be out of date when it is returned. No lock is needed.
 */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Returns the process that holds the flock of this open file, shared or exclusive. 0: nobody holds
 * it, or it cannot be known (there is no /proc, or the holder is in another pid namespace).
 */
pid_t holder_of(int fd);

/* True if the flock of any file on this device is held, as far as /proc/locks tells. */
bool holder_on(dev_t device);

#endif

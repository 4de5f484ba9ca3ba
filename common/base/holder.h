/* Who holds the flock of a file, as the kernel tells it in /proc/locks. */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The process that has the flock of this open file, shared or exclusive. 0: none, or it is not told
 * (no /proc, or a process of another pid namespace).
 */
pid_t holder_of(int fd);

/* Is the flock of any file on this device held, as far as that is told? */
bool holder_on(dev_t device);

#endif

/*
 * Takes system calls away from this process and all that it starts, as an old kernel, another file
 * system or a sandbox does (seccomp). For test programs.
 */
#ifndef SYSCALL_FILTER_H
#define SYSCALL_FILTER_H

#include <stdbool.h>

enum syscall_filter {
	FILTER_UMASK = 1,   /* umask() kills the process */
	FILTER_UNNAMED = 2, /* there are no files without a name (O_TMPFILE) */
	FILTER_LINK = 4,    /* no file can be given one, as without /proc */
	FILTER_MEMBARRIER = 8,
	FILTER_EVENTFD = 16
};

/* Takes these away, for good. Returns false if that is not permitted, or not possible here. */
bool syscall_filter(unsigned which);

#endif

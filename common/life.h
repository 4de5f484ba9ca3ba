/*
 * Does the owner of a slot live? For those who only look, and may not touch its mutex: by the
 * hints in the slot and what /proc says. Who cleans up goes by the mutex alone.
 */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>
#include <stdint.h>

enum life {
	LIFE_UNKNOWN, /* it is in another pid namespace, or there is nothing to go by */
	LIFE_ALIVE,
	LIFE_STOPPED, /* by a signal or a debugger */
	LIFE_DEAD
};

/* Who attached: a thread of a process, when, and in which pid namespace (struct slot). */
struct life_hint {
	uint32_t pid, tid;
	uint64_t since;
	uint64_t pid_namespace;
};

/* The inode number of the own pid namespace; 0: not known. */
uint64_t life_namespace(void);

/* Time since boot, in ns. */
uint64_t life_now_ns(void);

/* The hints come from shared memory and may be anything. `own`: life_namespace(). */
enum life life_of(const struct life_hint *hint, uint64_t own);

/* The same of a process of our own namespace, by its id alone; 0 is nobody. */
enum life life_of_process(uint32_t pid);

#endif

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

/* Who attached: a thread of a process, when, and in which namespaces (struct slot). */
struct life_hint {
	uint32_t pid, tid;
	uint64_t since;
	uint64_t namespaces;
};

/* The inode numbers of the own pid and time namespaces; 0: not known. */
uint64_t life_namespaces(void);

/* Time since boot, in ns. */
uint64_t life_now_ns(void);

/* The hints come from shared memory and may be anything. `own`: life_namespaces(). */
enum life life_of(const struct life_hint *hint, uint64_t own);

/* The same of a process of our own namespace, by its id alone; 0 is nobody. */
enum life life_of_process(uint32_t pid);

/*
 * Is this process of our own namespace a child of `ancestor`, or a child's child, and so on? Not if
 * one between them has ended, or /proc does not say.
 */
bool life_descends(uint32_t pid, uint32_t ancestor);

#endif

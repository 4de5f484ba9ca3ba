/*
 * Is the owner of a slot alive? For readers that must not touch the slot's mutex (the tools that
 * only look): judged by the hints in the slot and by what /proc says. An endpoint that cleans up
 * after the dead never uses this: it goes by the slot's `alive` mutex alone.
 *
 * Any thread may call these functions, without a lock.
 */
#ifndef LIFE_H
#define LIFE_H

#include <stdbool.h>
#include <stdint.h>

enum life {
	LIFE_UNKNOWN, /* it is in another pid namespace, or the hints say too little */
	LIFE_ALIVE,
	LIFE_STOPPED, /* alive, but stopped by a signal or a debugger */
	LIFE_DEAD
};

/*
 * Which thread of which process attached, when (time since boot, in ns), and in which namespaces
 * these numbers are meaningful. A copy of fields of struct slot.
 */
struct life_hint {
	uint32_t pid, tid;
	uint64_t since;
	uint64_t namespaces;
};

/*
 * Returns one number for the pid and time namespaces of this process, made of their inode numbers;
 * 0: not known.
 */
uint64_t life_namespaces(void);

/* Returns the time since boot, in ns, time in suspend included. */
uint64_t life_now_ns(void);

/*
 * Judges by the hints, which come from shared memory and may hold anything. `own` is what
 * life_namespaces() has returned in this process.
 */
enum life life_of(const struct life_hint *hint, uint64_t own);

/*
 * Like life_of(), for a process of our own pid namespace, by its id alone; id 0 gives LIFE_UNKNOWN.
 */
enum life life_of_process(uint32_t pid);

/*
 * True if this process of our own pid namespace is a child of `ancestor`, or a child's child, and
 * so on. False if a process between the two has ended, or if /proc does not say.
 */
bool life_descends(uint32_t pid, uint32_t ancestor);

#endif

/* What the kernel says of another process (/proc). */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <sys/types.h>

/* Its state: 'R' runs, 'S' sleeps, 'T' is stopped, 'Z' has ended. It must be there. */
int process_state(pid_t pid);

/* Stops it (SIGSTOP) and waits until it is stopped. */
void process_stop(pid_t pid);

/*
 * Returns the system call that it is in and stores its first three arguments. -1: it is in none;
 * -2: the kernel does not tell.
 */
long process_system_call(pid_t pid, unsigned long arguments[3]);

/* How many processes have this one as their parent. Stores the pid of one of them, unless NULL. */
int process_children(pid_t parent, pid_t *child);

#endif

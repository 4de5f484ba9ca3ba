/*
 * A command that one of the tools runs: how it is started as a shell would start it, how it is
 * signalled, and why it may have stopped. Prints nothing.
 */
#ifndef CHILD_H
#define CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How a command is started, beyond its words and its environment. */
struct child_start {
	sigset_t blocked;     /* the signals that it blocks, and ... */
	sigset_t not_ignored; /* ... those that it does not ignore: see cli_signals_of_child() */
	int input;	      /* its standard input; -1: ours */
	bool own_group;	      /* it gets a process group of its own */
};

/*
 * Starts a command like posix_spawnp(), but runs a script without "#!" by /bin/sh, as execvp(),
 * xargs and env do. A file that is not text is not run that way: it would be a program of another
 * machine. Returns 0 and stores the process in *pid, or returns an errno; ENOEXEC: it is neither a
 * program nor a script. Everything passed remains the caller's.
 */
int child_spawn(pid_t *pid, char *const *words, char *const *environment,
		const struct child_start *start);

/*
 * Sends a signal to a process or, if negative, to a process group, and then SIGCONT: a stopped
 * process acts on a signal only after it is continued.
 */
void child_signal(pid_t pid, int number);

/*
 * Reaps those children of the calling thread that have ended; children that other threads have
 * started are left alone. A thread that starts no command can still have children: if this is
 * process 1 of a container, it gets every process whose parent has ended.
 */
void child_reap_strangers(void);

/* What is known of a command that is stopped. All 0 at first. */
struct child_stop {
	int number;	   /* the signal that has stopped it; 0: it is not stopped */
	uint64_t since_ns; /* when it was first seen stopped, CLOCK_MONOTONIC */
	bool told;
};

/*
 * Notes that the command was found stopped by this signal, or, with 0, not stopped. Returns true if
 * it is to be told now: once in a command's life, and only after it has been stopped for half a
 * second, because a shell that stops a whole job continues it just the same.
 */
bool child_stop_note(struct child_stop *stop, int number);

/* Returns by which signal it is stopped, and why that may be, in words that follow "is stopped". */
const char *child_stop_explain(int number);

#endif

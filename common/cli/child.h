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
 * Starts a command like posix_spawnp(), but a script without "#!" is run by /bin/sh, as execvp(),
 * xargs and env do it. A file that is no text is not: that would be another machine's program.
 * Returns 0 and stores the process in *pid, or returns an errno; ENOEXEC: it is neither a program
 * nor a script. Everything stays the caller's.
 */
int child_spawn(pid_t *pid, char *const *words, char *const *environment,
		const struct child_start *start);

/*
 * Sends a signal to a process or, negative, to a process group, and then SIGCONT: a process that
 * is stopped does not even end by a signal before it goes on.
 */
void child_signal(pid_t pid, int number);

/*
 * Reaps those children of the calling thread that have ended. What other threads have started is
 * left alone. The children of a thread that starts none are processes that their parents left
 * running: as process 1 of a container it gets all of those.
 */
void child_reap_strangers(void);

/* What has been seen of a command that is stopped. All 0 at first. */
struct child_stop {
	int number;	   /* the signal that has stopped it; 0: it is not stopped */
	uint64_t since_ns; /* when that was seen first, CLOCK_MONOTONIC */
	bool told;
};

/*
 * A look has found the command stopped by this signal, or, with 0, not stopped. Returns whether it
 * is to be told now: once in a command's life, and not at once, as a shell that stops all of us
 * lets all go on again.
 */
bool child_stop_note(struct child_stop *stop, int number);

/* By which signal, and why that may be, in words that follow "is stopped". */
const char *child_stop_explain(int number);

#endif

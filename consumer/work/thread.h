/*
 * Threads that are endpoints: they leave signals to the first thread, and have a thread id that is
 * not in use on the other side either.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
	/*
	 * Returns CLI_ANOTHER_THREAD if it has to run in a thread with another id (see
	 * CHANNEL_ETHREAD).
	 */
	int (*work)(void *context);
	void *context;
	pthread_t id;
};

/* Starts the thread. Returns 0 or an errno. */
int thread_start(struct thread *thread);

/* Waits for the thread's end. */
void thread_join(struct thread *thread);

/* Makes a condition variable for thread_wait(), to be destroyed like any other. */
void thread_condition_init(pthread_cond_t *changed);

/*
 * Waits, with the mutex held, until the condition variable is signalled, or until this time
 * (CLOCK_MONOTONIC, in ns): then returns false. May return early.
 */
bool thread_wait(pthread_cond_t *changed, pthread_mutex_t *mutex, uint64_t until_ns);

#endif

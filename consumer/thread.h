/*
 * Threads that are endpoints: they leave signals to the first thread, and have a thread id that
 * is free on the other side, too.
 */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

struct thread {
	/* Returns CLI_ANOTHER_THREAD to be run in a thread with another id (see CHANNEL_ETHREAD).
	 */
	int (*work)(void *context);
	void *context;
	pthread_t id;
};

/* Starts it; 0 or an errno. */
int thread_start(struct thread *thread);

/* Waits for its end. */
void thread_join(struct thread *thread);

#endif

#include "consumer/work/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/deadline.h"
#include "cli/signals.h"

static void *thread_main(void *argument)
{
	struct thread *thread = argument;

	if (thread->work(thread->context) == CLI_ANOTHER_THREAD) {
		struct thread again = { .work = thread->work, .context = thread->context };

		/* Others wait for this work, so a lack of resources must not end it. */
		while (thread_start(&again) != 0)
			nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
		thread_join(&again); /* our id is in use until then: it has another one */
	}
	return NULL;
}

int thread_start(struct thread *thread)
{
	sigset_t signals, before;
	int error;

	sigfillset(&signals);
	sigdelset(&signals, SIGBUS); /* a fault comes to the thread that causes it */
	sigdelset(&signals, SIGSEGV);
	sigdelset(&signals, SIGFPE);
	sigdelset(&signals, SIGILL);
	pthread_sigmask(SIG_SETMASK, &signals, &before);
	error = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

void thread_join(struct thread *thread)
{
	pthread_join(thread->id, NULL);
}

void thread_condition_init(pthread_cond_t *changed)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool thread_wait(pthread_cond_t *changed, pthread_mutex_t *mutex, uint64_t until_ns)
{
	struct timespec until = { .tv_sec = (time_t)(until_ns / NS_PER_SEC),
				  .tv_nsec = (long)(until_ns % NS_PER_SEC) };

	return pthread_cond_timedwait(changed, mutex, &until) != ETIMEDOUT;
}

/* Lesson 4: a semaphore for each waiter, and one bit for each that waits: nothing to hang in. */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 2 };
struct buffer {
	atomic_int sent, received;    /* different: there is a message */
	atomic_uint waiting;	      /* bit i: the owner of slot i waits */
	pthread_mutex_t alive[SLOTS]; /* robust; locked by the slot's owner all of its life */
	sem_t wakeup[SLOTS];
};
static struct buffer *shm;

static void consume(int slot)
{
	alarm(20); /* no process of this lesson lives longer */
	if (pthread_mutex_lock(&shm->alive[slot]) == EOWNERDEAD) {
		dprintf(STDOUT_FILENO, "the last owner of slot %d has died\n", slot);
		atomic_fetch_and(&shm->waiting, ~(1U << slot));
		pthread_mutex_consistent(&shm->alive[slot]);
	}
	for (;; shm->received = shm->sent)
		while (shm->received == shm->sent) {
			atomic_fetch_or(&shm->waiting, 1U << slot);
			if (shm->received == shm->sent) /* it may have come before the bit */
				sem_wait(&shm->wakeup[slot]);
			atomic_fetch_and(&shm->waiting, ~(1U << slot));
		}
}

/* Each step is one atomic instruction. None waits, and none is half-done when a process dies. */
static void wake(void)
{
	unsigned waiting = atomic_exchange(&shm->waiting, 0);

	for (int i = 0; i < SLOTS; i++)
		if ((waiting & 1U << i) != 0)
			sem_post(&shm->wakeup[i]);
}

int main(void)
{
	pthread_mutexattr_t mutex;

	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shm == MAP_FAILED || pthread_mutexattr_init(&mutex) != 0 ||
	    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST) != 0)
		err(1, "cannot make the shared memory");
	for (int i = 0; i < SLOTS; i++)
		if (pthread_mutex_init(&shm->alive[i], &mutex) != 0 ||
		    sem_init(&shm->wakeup[i], 1, 0) != 0)
			err(1, "cannot make slot %d", i);
	alarm(20);
	for (int i = 1; i <= 3; i++) {
		pid_t consumer = fork();

		if (consumer == 0)
			consume(0);
		while (shm->waiting == 0)
			usleep(1000);
		shm->sent = i;
		wake();
		while (shm->received < i || shm->waiting == 0)
			usleep(1000);
		dprintf(STDOUT_FILENO, "message %d: received; the consumer is killed in its wait\n",
			i);
		kill(consumer, SIGKILL);
	}
	return 0;
}

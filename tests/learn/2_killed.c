/* Lesson 2: a consumer is killed while it waits; processes that signal it afterwards hang. */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct buffer {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	_Atomic int sent, received; /* changed under the mutex. Different: there is a message */
};
static struct buffer *shm;
static pid_t consumer;

/* SIGALRM: this process did not get to its end in four seconds. */
static void hang(int number)
{
	kill(consumer, SIGKILL);
	_exit(write(STDOUT_FILENO, "the call does not return\n", 25) != 25 || number != SIGALRM);
}

static void consume(void)
{
	alarm(20); /* it does not wait for ever if the other process has failed */
	pthread_mutex_lock(&shm->mutex);
	for (;; shm->received = shm->sent)
		while (shm->received == shm->sent)
			pthread_cond_wait(&shm->cond, &shm->mutex);
}

/* Waits until the consumer sleeps (S), as it does in pthread_cond_wait() only, or is dead (Z). */
static void await(char state)
{
	char path[32], now = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)consumer);
	for (FILE *file; now != state; fclose(file))
		if ((file = fopen(path, "r")) == NULL || fscanf(file, "%*d (%*[^)]) %c", &now) != 1)
			err(1, "%s", path);
}

int main(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shm == MAP_FAILED || pthread_mutexattr_init(&mutex) != 0 ||
	    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_mutex_init(&shm->mutex, &mutex) != 0 || pthread_condattr_init(&cond) != 0 ||
	    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_cond_init(&shm->cond, &cond) != 0)
		err(1, "cannot make the shared memory");
	signal(SIGALRM, hang);
	if ((consumer = fork()) == 0)
		consume();
	await('S');
	kill(consumer, SIGKILL);
	await('Z');
	if ((consumer = fork()) == 0)
		consume();
	await('S');
	dprintf(STDOUT_FILENO, "a consumer was killed while it waited; another one waits\n");
	alarm(4);
	for (int i = 1; i <= 3; i++) {
		dprintf(STDOUT_FILENO, "message %d: ", i);
		pthread_mutex_lock(&shm->mutex);
		shm->sent = i;
		pthread_cond_signal(&shm->cond);
		pthread_mutex_unlock(&shm->mutex);
		await('S'); /* if it was woken: until it sleeps again */
		dprintf(STDOUT_FILENO, shm->received == i ? "received\n" : "lost, it sleeps on\n");
	}
	dprintf(STDOUT_FILENO, "cleaning up: ");
	return pthread_cond_destroy(&shm->cond);
}

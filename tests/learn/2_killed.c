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

/* Returns when the consumer sleeps, as it does in pthread_cond_wait() only. */
static void await_sleep(void)
{
	char path[32], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)consumer);
	for (FILE *file; state != 'S'; fclose(file)) {
		file = fopen(path, "r");
		if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			err(1, "%s", path);
	}
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
	await_sleep();
	kill(consumer, SIGKILL);
	if ((consumer = fork()) == 0)
		consume();
	await_sleep();
	dprintf(STDOUT_FILENO, "a consumer was killed while it waited; another one waits\n");
	alarm(4);
	for (int i = 1; i <= 3; i++) {
		dprintf(STDOUT_FILENO, "message %d: ", i);
		pthread_mutex_lock(&shm->mutex);
		shm->sent = i;
		pthread_cond_signal(&shm->cond);
		pthread_mutex_unlock(&shm->mutex);
		await_sleep(); /* if it was woken: until it sleeps again */
		dprintf(STDOUT_FILENO, shm->received == i ? "received\n" : "lost, it sleeps on\n");
	}
	dprintf(STDOUT_FILENO, "cleaning up: ");
	return pthread_cond_destroy(&shm->cond);
}

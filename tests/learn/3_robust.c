/* Lesson 3: a robust mutex. When its owner dies, the next process gets it and learns of that. */
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct buffer {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	char message[32];     /* guarded by the mutex */
	_Atomic pid_t inside; /* the process that has come to where it is to be killed */
};
static struct buffer *shm;

static void hang(int number) /* SIGALRM: two seconds are over */
{
	_exit(write(STDOUT_FILENO, "the call does not return\n", 25) != 25 || number != SIGALRM);
}

static void produce(void)
{
	memcpy(shm->message, "NEW MESSAGE", 4); /* it does not live to copy the rest */
	shm->inside = getpid();
	pause();
}

static void consume(void)
{
	shm->inside = getpid();
	pthread_cond_wait(&shm->cond, &shm->mutex);
}

/* Starts a process that does its part with the mutex locked, and waits until it is inside. */
static pid_t start(void (*part)(void))
{
	pid_t pid = fork();

	alarm(20); /* no process of this lesson lives longer */
	if (pid == 0 && pthread_mutex_lock(&shm->mutex) == 0)
		part();
	while (shm->inside != pid)
		usleep(1000);
	return pid;
}

int main(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	pid_t consumer;

	shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shm == MAP_FAILED || pthread_mutexattr_init(&mutex) != 0 ||
	    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST) != 0 ||
	    pthread_mutex_init(&shm->mutex, &mutex) != 0 || pthread_condattr_init(&cond) != 0 ||
	    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_cond_init(&shm->cond, &cond) != 0)
		err(1, "cannot make the shared memory");
	strcpy(shm->message, "old message");
	kill(start(produce), SIGKILL);
	if (pthread_mutex_lock(&shm->mutex) != EOWNERDEAD)
		errx(1, "the mutex does not tell of its owner's death");
	dprintf(STDOUT_FILENO, "locked; its owner has died and left: %s\n", shm->message);
	pthread_mutex_consistent(&shm->mutex); /* "I have repaired what it guards" */
	pthread_mutex_unlock(&shm->mutex);
	consumer = start(consume);
	pthread_mutex_lock(&shm->mutex); /* we get it, so the consumer waits */
	kill(consumer, SIGKILL);
	dprintf(STDOUT_FILENO, "a consumer was killed while it waited\ncleaning up: ");
	signal(SIGALRM, hang);
	alarm(2);
	return pthread_cond_destroy(&shm->cond);
}

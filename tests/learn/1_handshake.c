/* Lesson 1: the handshake. A message, a flag, a mutex and a condition variable in shared memory. */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct buffer {
	_Atomic bool ready; /* the producer has made what follows */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool has_data; /* guarded by the mutex, as the message is */
	char message[256];
};
static struct buffer *shared;
static char name[32];

static bool map(int flags)
{
	int fd = shm_open(name, flags, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*shared)) != 0) /* new bytes are 0 */
		return false;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return shared != MAP_FAILED;
}

static int produce(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	if (!map(O_CREAT | O_EXCL | O_RDWR) || pthread_mutexattr_init(&mutex) != 0 ||
	    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_mutex_init(&shared->mutex, &mutex) != 0 || pthread_condattr_init(&cond) != 0 ||
	    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED) != 0 ||
	    pthread_cond_init(&shared->cond, &cond) != 0)
		err(1, "cannot make the shared memory");
	shared->ready = true;
	pthread_mutex_lock(&shared->mutex);
	snprintf(shared->message, sizeof(shared->message), "hello");
	dprintf(STDOUT_FILENO, "sent: %s\n", shared->message);
	shared->has_data = true;
	pthread_cond_signal(&shared->cond);
	return pthread_mutex_unlock(&shared->mutex);
}

static int consume(void)
{
	alarm(20); /* it does not wait for ever for a producer that has failed */
	while (!map(O_RDWR))
		usleep(1000);
	while (!shared->ready)
		usleep(1000);
	pthread_mutex_lock(&shared->mutex);
	while (!shared->has_data)
		pthread_cond_wait(&shared->cond, &shared->mutex);
	dprintf(STDOUT_FILENO, "received: %s\n", shared->message);
	pthread_mutex_unlock(&shared->mutex);
	return shm_unlink(name);
}

int main(void)
{
	int failed = 0, status;

	snprintf(name, sizeof(name), "/learn-%ld", (long)getpid());
	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			return i == 0 ? produce() : consume();
	while (wait(&status) > 0)
		failed |= status;
	return shm_unlink(name) == 0 || failed != 0; /* there is nothing left to remove */
}

/*
 * Shows why the project has a condition of its own. The scene, played twice by processes
 * that share memory: a consumer sleeps, it is killed with -9, another consumer takes its
 * place and sleeps, a producer signals a few times.
 *
 * With pthread_cond_t the dead sleeper stays in the condition's books: on glibc before 2.41
 * a signal is lost and a later pthread_cond_signal() waits for ever for the dead one. With
 * common/channel/condition.h every signal arrives. A robust mutex and correct handling of
 * EOWNERDEAD are used in both.
 *
 * Exit status: 0, or 1 if the project's own condition failed, or 2 if the scene could not
 * be set up.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "base/deadline.h"
#include "channel/condition.h"

enum {
	SIGNALS = 4,	      /* how many the producer sends */
	ARRIVE_MS = 1000,     /* a signal that has woken nobody by then is called lost */
	RETURN_MS = 1000,     /* a call that has not returned by so much later is called blocked */
	OURS_FACTOR = 3,      /* we blame our own condition only after a longer wait */
	SCENE_ENDS_MS = 4500, /* no wait in a scene goes beyond this */
	SETUP_FAILED = 2
};

/* What the processes share. */
struct scene {
	bool ours; /* which of the two conditions */
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* our own condition: one place, owned by the holder of `alive` */
	pthread_mutex_t alive;
	_Atomic uint64_t waiting;
	struct slot slots[1];
	/* guarded by the mutex; atomic, because the director reads it without */
	_Atomic unsigned made, taken;
	_Atomic pid_t asleep; /* the process that is about to sleep */
	/* the producer's orders and reports */
	_Atomic unsigned ordered, returned;
};

enum outcome { ALL_ARRIVED, SIGNAL_LOST, SIGNALLER_BLOCKED };

static uint64_t scene_ends_ns;

/* ---- the director's helpers ---- */

static pid_t children[8];
static int child_count;

static void children_end(void)
{
	for (int i = 0; i < child_count; i++)
		kill(children[i], SIGKILL);
	while (child_count > 0)
		waitpid(children[--child_count], NULL, 0);
}

static void give_up(const char *what, int error)
{
	fprintf(stderr, "cond_wedge: cannot %s: %s\n", what, strerror(error));
	children_end();
	exit(SETUP_FAILED);
}

static void must(const char *what, int rc)
{
	if (rc != 0)
		give_up(what, rc);
}

static void pause_ms(unsigned ms)
{
	struct timespec pause = { .tv_nsec = (long)(ms * NS_PER_MS) };

	nanosleep(&pause, NULL);
}

/* Waits until *counter is at least `least`; false if that takes longer than ms. */
static bool reached(const _Atomic unsigned *counter, unsigned least, unsigned ms)
{
	uint64_t until = clock_now_ns() + ms * NS_PER_MS;

	if (until > scene_ends_ns)
		until = scene_ends_ns;
	while (atomic_load(counter) < least) {
		if (clock_now_ns() >= until)
			return false;
		pause_ms(1);
	}
	return true;
}

/* True if the kernel says that the process sleeps. Without /proc: assumed. */
static bool process_sleeps(pid_t pid)
{
	char path[64], text[256] = "";
	const char *state;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	state = size > 0 ? strrchr(text, ')') : NULL;
	return state == NULL || state[1] == '\0' || state[2] == 'S';
}

/* ---- what consumers and producer do; a child leaves by _exit() only ---- */

/*
 * Takes the mutex; the only function that learns of its owner's death. What the mutex guards is
 * never half-done, so there is nothing to repair.
 */
static void owner_died(pthread_mutex_t *mutex, int rc)
{
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(mutex);
	if (rc != 0)
		_exit(SETUP_FAILED);
}

static void scene_lock(struct scene *scene)
{
	owner_died(&scene->mutex, pthread_mutex_lock(&scene->mutex));
}

static void scene_unlock(struct scene *scene)
{
	if (pthread_mutex_unlock(&scene->mutex) != 0)
		_exit(SETUP_FAILED);
}

static struct condition scene_condition(struct scene *scene)
{
	return (struct condition){ .waiting = &scene->waiting, .slots = scene->slots };
}

static bool something_made(void *context)
{
	struct scene *scene = context;

	return atomic_load(&scene->made) != atomic_load(&scene->taken);
}

/* Waits on the condition under test. The mutex is held, as for every condition variable. */
static void scene_wait(struct scene *scene)
{
	if (!scene->ours) {
		owner_died(&scene->mutex, pthread_cond_wait(&scene->cond, &scene->mutex));
		return;
	}
	scene_unlock(scene);
	/* The project sleeps a second at most; here only a signal counts. */
	condition_wait(scene_condition(scene), 0, something_made, scene, NULL, 60 * NS_PER_SEC);
	scene_lock(scene);
}

/*
 * Takes the place of a consumer. What a dead owner has left in it is cleared, as the channel does.
 */
static void place_take(struct scene *scene)
{
	int rc = pthread_mutex_lock(&scene->alive);

	if (rc == EOWNERDEAD)
		atomic_store(&scene->waiting, 0);
	owner_died(&scene->alive, rc);
	semaphore_drain(&scene->slots[0].wakeup);
}

static void consume(struct scene *scene)
{
	if (scene->ours)
		place_take(scene);
	scene_lock(scene);
	for (;;) {
		while (!something_made(scene)) {
			atomic_store(&scene->asleep, getpid());
			scene_wait(scene);
			atomic_store(&scene->asleep, 0);
		}
		atomic_store(&scene->taken, atomic_load(&scene->made));
	}
}

static void produce(struct scene *scene)
{
	for (;;) {
		while (atomic_load(&scene->ordered) == atomic_load(&scene->returned))
			pause_ms(1);
		scene_lock(scene);
		atomic_fetch_add(&scene->made, 1);
		scene_unlock(scene);
		if (scene->ours)
			condition_signal(scene_condition(scene));
		else if (pthread_cond_signal(&scene->cond) != 0)
			_exit(SETUP_FAILED);
		atomic_fetch_add(&scene->returned, 1);
	}
}

static pid_t child_start(struct scene *scene, void (*part)(struct scene *scene))
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork", errno);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			part(scene);
		_exit(SETUP_FAILED);
	}
	children[child_count++] = pid;
	return pid;
}

/* ---- the scene ---- */

static struct scene *scene_new(bool ours)
{
	struct scene *scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_t mutex_attr;
	pthread_condattr_t cond_attr;

	if (scene == MAP_FAILED)
		give_up("map shared memory", errno);
	scene->ours = ours;
	must("make a mutex", pthread_mutexattr_init(&mutex_attr));
	must("make a mutex", pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED));
	must("make a mutex", pthread_mutexattr_setrobust(&mutex_attr, PTHREAD_MUTEX_ROBUST));
	must("make a mutex", pthread_mutex_init(&scene->mutex, &mutex_attr));
	must("make a mutex", pthread_mutex_init(&scene->alive, &mutex_attr));
	must("make a condition", pthread_condattr_init(&cond_attr));
	must("make a condition", pthread_condattr_setpshared(&cond_attr, PTHREAD_PROCESS_SHARED));
	must("make a condition", pthread_cond_init(&scene->cond, &cond_attr));
	pthread_mutexattr_destroy(&mutex_attr);
	pthread_condattr_destroy(&cond_attr);
	return scene;
}

/* True if the process has announced itself, released the mutex, and gone to sleep. */
static bool consumer_asleep(struct scene *scene, pid_t consumer)
{
	int rc;

	if (atomic_load(&scene->asleep) != consumer)
		return false;
	if (scene->ours && atomic_load(&scene->waiting) == 0)
		return false;
	/* It holds the mutex from its announcement on until it is in the condition's queue. */
	rc = pthread_mutex_trylock(&scene->mutex);
	if (rc == EBUSY)
		return false;
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(&scene->mutex);
	must("lock a mutex", rc);
	must("unlock a mutex", pthread_mutex_unlock(&scene->mutex));
	return process_sleeps(consumer);
}

static void consumer_asleep_wait(struct scene *scene, pid_t consumer)
{
	while (!consumer_asleep(scene, consumer)) {
		if (clock_now_ns() >= scene_ends_ns)
			give_up("put a consumer to sleep", ETIMEDOUT);
		pause_ms(1);
	}
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("  ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
	fflush(stdout); /* before the next fork, which would print it again */
}

static enum outcome signals_send(struct scene *scene, pid_t consumer)
{
	const char *call = scene->ours ? "condition_signal()" : "pthread_cond_signal()";
	unsigned factor = scene->ours ? OURS_FACTOR : 1;
	enum outcome outcome = ALL_ARRIVED;

	for (unsigned i = 1; i <= SIGNALS; i++) {
		bool arrived;

		consumer_asleep_wait(scene, consumer);
		atomic_store(&scene->ordered, i);
		arrived = reached(&scene->taken, i, ARRIVE_MS * factor);
		if (!reached(&scene->returned, i, RETURN_MS * factor)) {
			say("signal %u: the producer is still inside %s", i, call);
			return SIGNALLER_BLOCKED;
		}
		say("signal %u: %s", i,
		    arrived ? "the consumer woke" : "lost, the consumer sleeps on");
		if (!arrived)
			outcome = SIGNAL_LOST;
		if (!arrived && scene->ours)
			break; /* once is bad enough */
	}
	return outcome;
}

static enum outcome scene_play(bool ours)
{
	struct scene *scene = scene_new(ours);
	enum outcome outcome;
	pid_t consumer;

	scene_ends_ns = clock_now_ns() + SCENE_ENDS_MS * NS_PER_MS;
	printf("%s\n", ours ? "common/channel/condition.h:" : "pthread_cond_t:");
	fflush(stdout); /* before a fork, which would print it again */
	consumer = child_start(scene, consume);
	consumer_asleep_wait(scene, consumer);
	say("a consumer sleeps; it is killed with -9");
	kill(consumer, SIGKILL);
	waitpid(consumer, NULL, 0);
	child_count--; /* there was only this one */
	consumer = child_start(scene, consume);
	consumer_asleep_wait(scene, consumer);
	say("another consumer sleeps; a producer signals");
	child_start(scene, produce);
	outcome = signals_send(scene, consumer);
	children_end();
	munmap(scene, sizeof(*scene));
	return outcome;
}

static const char *libc_name(void)
{
#ifdef __GLIBC__
	static char name[64];

	snprintf(name, sizeof(name), "glibc %s", gnu_get_libc_version());
	return name;
#else
	return "a libc that is not glibc";
#endif
}

int main(void)
{
	enum outcome theirs, ours;

	theirs = scene_play(false);
	if (theirs == SIGNALLER_BLOCKED)
		say("wedged: the dead consumer blocks the producer for ever (%s)", libc_name());
	else if (theirs == SIGNAL_LOST)
		say("wedged: a signal went to the dead consumer (%s)", libc_name());
	else
		say("not reproduced here: %s", libc_name());
	ours = scene_play(true);
	if (ours != ALL_ARRIVED) {
		say("wedged: this must never happen");
		return 1;
	}
	say("not wedged: every signal arrived");
	return 0;
}

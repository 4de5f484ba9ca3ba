/*
 * Lesson 5: a ring instead of one slot, and no lock. The producer writes where no consumer looks;
 * storing the new tail is what makes it a message. A producer that dies before has sent nothing.
 */
#include <err.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MESSAGES = 4 };
struct ring {
	_Atomic unsigned long tail; /* so many messages have been written; stored by the producer */
	_Atomic unsigned long head; /* so many have been read; stored by the consumer */
	char messages[MESSAGES][64];
	_Atomic pid_t halfway; /* for the lesson only: the producer that is to be killed */
};
static struct ring *ring;

/* Sends two messages and half of a third one. */
static void produce(int number)
{
	char text[64] = "";

	alarm(20); /* no process of this lesson lives longer */
	for (int i = 0;; i++) {
		unsigned long tail = ring->tail; /* nobody else stores it */

		/* Pairs with the release in consume(): what lay there has been read. */
		while (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == MESSAGES)
			usleep(1000); /* the ring is full: it would wait as in lesson 4 */
		snprintf(text, sizeof(text), "message %lu, of producer %d", tail + 1, number);
		memcpy(ring->messages[tail % MESSAGES], text, 10);
		if (i == 2) {
			ring->halfway = getpid();
			pause();
		}
		memcpy(ring->messages[tail % MESSAGES], text, sizeof(text));
		/* The commit. Release: the message is there before the tail says so. */
		atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	}
}

/* Takes all that is there. */
static void consume(void)
{
	unsigned long head = ring->head; /* nobody else stores it */

	/* Acquire: pairs with the release in produce(). */
	while (head != atomic_load_explicit(&ring->tail, memory_order_acquire)) {
		printf("received: %s\n", ring->messages[head % MESSAGES]);
		/* A consumer that dies before this store has taken nothing: the next one reads it. */
		atomic_store_explicit(&ring->head, ++head, memory_order_release);
	}
}

int main(void)
{
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		err(1, "cannot make the shared memory");
	alarm(20);
	setbuf(stdout, NULL);
	for (int i = 1; i <= 3; i++) {
		pid_t producer = fork();

		if (producer == 0)
			produce(i);
		while (ring->halfway != producer)
			usleep(1000);
		kill(producer, SIGKILL);
		printf("producer %d was killed half way through message %lu\n", i, ring->tail + 1);
		consume();
	}
	return 0;
}

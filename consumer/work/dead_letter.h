/*
 * Dead letters: messages whose command has failed for good, and which go to another channel. One
 * thread with one endpoint sends them for all workers; it attaches when there is the first one.
 */
#ifndef DEAD_LETTER_H
#define DEAD_LETTER_H

#include <stddef.h>

#include "consumer/work/options.h"

struct dead_letters;

/* One message, and its key. */
struct dead_letter {
	const unsigned char *bytes;
	size_t size;
	const unsigned char *key;
	size_t key_size; /* 0: none */
};

/* Returns NULL if out of memory. */
struct dead_letters *dead_letters_new(const struct work *work);

/*
 * Sends one message and waits until it is committed (one longer than that channel's ring: until it
 * is acknowledged). Returns CLI_DONE; or the exit status if it was not sent: then an error is
 * printed, unless it was a signal. `meanwhile` is called about once a second with `context`: the
 * caller has a channel of its own to look after.
 */
enum cli_exit dead_letters_send(struct dead_letters *letters, const struct dead_letter *letter,
				void (*meanwhile)(void *context), void *context);

/* Interrupts a wait in that channel, and all later ones. */
void dead_letters_interrupt(struct dead_letters *letters);

/* From now on a wait for room in that channel ends within about a second, as if interrupted. */
void dead_letters_drain(struct dead_letters *letters);

/* Leaves that channel, and ends the thread. */
void dead_letters_end(struct dead_letters *letters);

void dead_letters_free(struct dead_letters *letters);

#endif

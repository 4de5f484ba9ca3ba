/*
 * A job: a message, or a batch of them, in a sealed memory file that will be the standard input
 * of a command. It is a copy, so it can be read again, whatever happens to the channel.
 */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "consumer/print/format.h"
#include "frame/frame.h"

struct job {
	int input;	   /* the memory file; -1: none */
	size_t size;	   /* bytes in it */
	uint64_t sequence; /* of the first message */
	uint32_t messages;
	uint32_t attempts; /* how often it was handed out to a consumer: 1 the first time */
	uint32_t failures; /* tries with it that have failed so far */
	size_t key_size;   /* 0: it has no key, or its messages have different ones */
	unsigned char key[CHANNEL_KEY_MAX];

	/* of a batch, for taking it apart again */
	const struct delimiter *delimiter; /* behind each message; NULL: it is one message */
	struct format *netstrings;	   /* each is one instead; NULL: it is not */
	size_t *ends;			   /* of each message, behind its delimiter or comma */
	size_t ends_room;

	int error;     /* an errno from making the file; 0: the failure was the channel's */
	uint64_t lost; /* the number of a message that it could not give back then; 0: none */
};

/* How to receive: as for channel_receive(). */
struct job_source {
	struct channel *channel;
	uint32_t most;
	unsigned flags;
	uint64_t timeout_ns;
	/* Called when we are inside a message longer than the ring, which comes in pieces, and
	 * when we no longer are. */
	void (*inside)(void *context, bool inside);
	void *context;
};

/*
 * Waits for messages and makes a job of them; returns what channel_receive() does, or -EIO with
 * job->error set. Only after CHANNEL_DELIVERED there is something in hand, and a job to be freed.
 * Each message is followed by the delimiter; NULL: it is one message, just so. netstrings: it is
 * one of them instead; NULL: not.
 */
int job_receive(struct job *job, const struct job_source *source, const struct delimiter *delimiter,
		struct format *netstrings);

/* Reads bytes of it; false if there are not as many. */
bool job_read(const struct job *job, size_t from, void *bytes, size_t size);

/* Maps its bytes for reading; NULL: no memory, see errno. Unmap job->size bytes. */
const unsigned char *job_map(const struct job *job);

/* Where its message number `index` lies, without its delimiter. */
void job_message(const struct job *job, uint32_t index, size_t *from, size_t *size);

void job_free(struct job *job);

#endif

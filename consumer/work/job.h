/*
 * A job: a message, or a batch of them, in a sealed memory file that becomes the standard input of
 * a command. It is a copy, so it can be read again, whatever happens to the channel.
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
	uint32_t attempts; /* how often a consumer was given it: 1 the first time */
	uint32_t failures; /* how many tries have failed so far */
	size_t key_size;   /* 0: it has no key, or its messages have different ones */
	unsigned char key[CHANNEL_KEY_MAX];

	/* for taking a batch apart again */
	const struct delimiter *delimiter; /* after each message; NULL: it is one message */
	struct format *netstrings;	   /* if each message is a netstring; NULL: they are not */
	size_t *ends;			   /* ends of messages, with delimiter or comma */
	size_t ends_room;

	int error;     /* an errno from making the file; 0: the failure was the channel's */
	uint64_t lost; /* number of a message that could not be given back; 0: none */
};

/* How to receive; see channel_receive(). */
struct job_source {
	struct channel *channel;
	uint32_t most;
	unsigned flags;
	uint64_t timeout_ns;
	/*
	 * Called when a message longer than the ring begins, which comes in pieces, and when it has
	 * ended.
	 */
	void (*inside)(void *context, bool inside);
	void *context;
};

/*
 * Waits for messages and makes a job of them. Returns what channel_receive() returns, or -EIO with
 * job->error set. Only after CHANNEL_DELIVERED there is a job, which must be freed, and a delivery
 * to be acknowledged. Each message is followed by the delimiter; NULL: the job is one message and
 * nothing else. netstrings: each message is a netstring instead; NULL: not.
 */
int job_receive(struct job *job, const struct job_source *source, const struct delimiter *delimiter,
		struct format *netstrings);

/* Reads bytes of the job. Returns false if it has fewer. */
bool job_read(const struct job *job, size_t from, void *bytes, size_t size);

/*
 * Maps the job's bytes for reading. Returns NULL if that fails, see errno. To be unmapped:
 * job->size bytes.
 */
const unsigned char *job_map(const struct job *job);

/* Returns where message number `index` is in the job, without its delimiter. */
void job_message(const struct job *job, uint32_t index, size_t *from, size_t *size);

void job_free(struct job *job);

#endif

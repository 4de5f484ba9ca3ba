/*
 * What all processes of one run of the crash walk share: the messages that were sent, what was
 * delivered of them, and the signs that they give each other.
 */
#ifndef CRASH_SCENE_H
#define CRASH_SCENE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "channel/channel.h"
#include "shared_buffer.h"

enum {
	TEXT = 32,
	MESSAGES_MAX = 64,
	DELIVERIES_MAX = 512,
	CHILDREN_MAX = 8,
	PROGRESS_MS = 3000, /* how soon after the kill everybody must have gone on */
};

struct message {
	char text[TEXT];
	atomic_int returned;   /* its send has returned */
	atomic_int taken_over; /* the victim had it in hand and began to acknowledge it */
	atomic_int may_drop;   /* the victim may drop it, and then consumers know that */
	atomic_int may_fail;   /* the victim has begun to begin a try with it ... */
	atomic_int must_fail;  /* ... and has begun it */
};

struct delivered {
	char text[TEXT];
	uint64_t sequence;
	uint32_t attempts, failures;
	bool by_victim;
	atomic_int complete; /* the process that wrote it was not killed over it */
};

struct scene {
	char name[64];	     /* of the channel */
	atomic_int done;     /* the victim's operation has ended */
	atomic_int go;	     /* for the processes that wait for a sign */
	atomic_int newcomer; /* a newcomer may have attached */
	atomic_int ready[CHILDREN_MAX];
	bool stream_ended; /* before the walk somebody detached, or the victim may do it */
	atomic_int message_count, delivery_count;
	atomic_int missed;	  /* messages that consumers know to have been dropped */
	atomic_int other_has_one; /* the other group has got "one" ... */
	atomic_int other_waived;  /* ... or need not get it any more */
	atomic_int news;	  /* a producer has died that somebody has to be told of, ... */
	atomic_int reported;	  /* ... and somebody was */
	atomic_int failures;	  /* what a child found wrong */
	char failure[256];
	struct message messages[MESSAGES_MAX];
	struct delivered deliveries[DELIVERIES_MAX];
};

/* In shared memory that the processes inherit. */
extern struct scene *scene;

/* True in the process that is stepped and killed. */
extern bool is_victim;

uint64_t now_ms(void);
void pause_briefly(void); /* 0.2 ms */

/* Notes that something is wrong in this run; the first note is kept, to be printed. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * message_new() notes that a message with this text will be sent; message_find() finds it by its
 * text, and returns NULL if there is none.
 */
struct message *message_new(const char *text);
struct message *message_find(const char *text);

/* Notes that a message was delivered to this process. */
void delivered_add(const char *text, uint64_t sequence, const struct channel_delivery *delivery);

/* The name of the channel's object under /dev/shm (static buffer). */
const char *object_name(void);

/*
 * Maps the channel's object; the caller unmaps it. Returns NULL if it does not exist, or not yet in
 * its size.
 */
struct shared_buffer *object_map(void);

#endif

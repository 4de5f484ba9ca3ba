/*
 * struct channel, the private state of one endpoint, and what all modules of the channel use of it.
 *
 * Only the thread that has attached uses a struct channel, except for `interrupted` and `wakeup`.
 * The functions need no mutex unless they say so. Private to common/.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/segment.h"
#include "channel/spin.h"
#include "channel/trace.h"
#include "shared_buffer.h"

/*
 * How often an endpoint looks for the dead, in ms: a little less than the second that a sleep
 * lasts, so that it looks after every sleep and not after every second one.
 */
enum { LOOK_AFTER_MS = 900 };

/* A consumer that is alone in its group claims up to this many records at once. */
enum { BATCH_RECORDS_MAX = 1024 };

/* The fields of a claimed record's header that delivering it needs. */
struct claimed {
	uint32_t size, messages;
	uint8_t flags, delimiter_size, key_size;
};

/*
 * What only a producer uses. Attaching clears all of it. Fields ending in `_then` hold a value from
 * the time of attaching.
 */
struct sending {
	bool reserved;		/* between channel_reserve() and commit or cancel: ... */
	bool reserved_whole;	/* ... for a whole message, without room for an abort record */
	size_t reserved_room;	/* ... with this many bytes of room for the body */
	bool inside;		/* a message sent in pieces is unfinished: the turn is ours */
	bool settled;		/* no other producer writes as if it were alone any more */
	bool sent;		/* we have committed at least one record */
	bool was_alone;		/* we were the only producer when we last looked, and then ... */
	uint64_t alone_events;	/* ... `events` had this value, ... */
	uint64_t alone_tail;	/* ... and tail, after what we have sent since, is this */
	uint64_t tail_then;	/* tail when we attached */
	uint64_t open_sequence; /* number of the message that we are inside */
	uint64_t sent_end;	/* tail after our last record */
	uint64_t known_head;	/* head when we last looked; it only grows */
	uint64_t waited_head;	/* the value that a wait for room needs head to reach */
	uint64_t room_tail;	/* what room_lock() found: tail, read once and checked, ... */
	uint64_t room_bytes;	/* ... and the free bytes of ring after it */
	uint64_t dropped;	/* messages dropped because there was no room */
	uint8_t key_size;	/* the key of what we send from now on */
	unsigned char key[CHANNEL_KEY_MAX];
};

/*
 * What only a consumer uses. Attaching clears all of it. Fields ending in `_then` hold a value from
 * the time of attaching.
 */
struct receiving {
	unsigned group;		     /* index of our group */
	int claim;		     /* index of our claim in the group's table, or CLAIM_NONE */
	bool skipping;		     /* skipping pieces of a message that began before our group */
	bool piece_acknowledged;     /* inside a message in pieces, with no piece in hand */
	struct cursor delivered_end; /* the claim has been handed to the caller up to here */
	uint32_t delivered_messages; /* how many messages the caller has in hand */
	/* how many messages one delivery may have in several parts; 0: it has one part only */
	uint32_t together;
	uint64_t known_tail;	/* tail when we last looked */
	uint64_t events_then;	/* `events` when we attached, ... */
	uint64_t told_then;	/* ... and our group's `told`: the last end reported to it */
	bool seen_then;		/* a part of a stream was there when we attached */
	bool end_passed;	/* we follow, and have gone on after an end */
	bool ended;		/* channel_receive() has returned CHANNEL_ENDED; ... */
	uint64_t end_events;	/* ... `events` was this, not yet reported to our group */
	bool incomplete;	/* ... and a producer had died or failed */
	uint64_t lost;		/* messages cut short by the death of a consumer */
	uint64_t missed;	/* messages found to have been dropped before our group got them */
	uint64_t observed_from; /* an observer: it began at this position, ... */
	uint64_t observed_next; /* ... where the next message has this number; 0: unknown */
};

/*
 * The batch: the records of a claim that was newly made, as opposed to adopted. None of them has
 * been delivered before, and their headers have been read already. Claiming fills it in, so
 * attaching need not clear it.
 */
struct batch {
	bool valid;	     /* our claim is such a claim */
	uint32_t records;    /* how many records to claim at once: learned */
	uint64_t claimed_ns; /* when this claim was made */
	uint64_t end;	     /* the claim ends where this record begins */
	uint64_t position;   /* the next record to deliver, if none was delivered in parts, ... */
	uint64_t sequence;   /* ... begins with the message of this number, ... */
	uint32_t index;	     /* ... and has this index in channel->claimed */
};

struct channel {
	struct segment segment;
	struct channel_options options;
	struct channel_report report;
	enum channel_role role;
	bool attached;
	bool leaving;		    /* from here on nothing interrupts a wait */
	pid_t pid;		    /* the process that attached; its forked children do nothing */
	uint64_t since, namespaces; /* copied to the slot: see struct slot */
	/* index of our slot, and its bit in the bitmaps */
	unsigned slot;
	uint64_t slot_bit;
	atomic_int interrupted;
	_Atomic(_Atomic uint32_t *) wakeup; /* our semaphore while attached, for signal handlers */
	uint64_t looked_ns;		    /* when we last looked for the dead */
	uint64_t looked_at_ns;		    /* when we last read the clock for that */
	uint64_t waiting_called_ns;	    /* when options.waiting was called, or the wait began */
	unsigned look_pause;		    /* how many calls need not read the clock, ... */
	unsigned look_pause_next;	    /* ... and how many after those */
	struct spin spin;		    /* how long to spin before sleeping, ... */
	struct spin room_spin;		    /* ... and before asking for room */
	/* after a repair: wake everybody once the mutex is unlocked */
	bool broadcast_due;
	struct trace *trace; /* where we note what happens; NULL: nowhere */
	struct sending sending;
	struct receiving receiving;
	struct batch batch;
	/*
	 * The records of the batch. The last field, as no entry is read before it is written, so
	 * none needs to be cleared.
	 */
	struct claimed claimed[BATCH_RECORDS_MAX];
};

/* The shared parts of the two sides. What both have alike is in struct side: see side_of(). */
static inline struct producers *producers_of(struct channel *channel)
{
	return &channel->segment.shared->producers;
}

static inline struct consumers *consumers_of(struct channel *channel)
{
	return &channel->segment.shared->consumers;
}

/*
 * Reads tail, for consumers: the records before it are complete. Pairs with the release store in
 * record_commit().
 */
static inline uint64_t tail_now(struct channel *channel)
{
	channel->receiving.known_tail = atomic_load_explicit(
		&channel->segment.shared->producers.tail, memory_order_acquire);
	return channel->receiving.known_tail;
}

/*
 * Adds to our counters; `bytes` are those of messages, without keys and delimiters. Only we write
 * them, so no locked instruction is needed.
 */
static inline void slot_count(struct slot *slot, uint64_t messages, uint64_t bytes)
{
	messages += atomic_load_explicit(&slot->messages, memory_order_relaxed);
	bytes += atomic_load_explicit(&slot->bytes, memory_order_relaxed);
	atomic_store_explicit(&slot->messages, messages, memory_order_relaxed);
	atomic_store_explicit(&slot->bytes, bytes, memory_order_relaxed);
}

/* Adds to the counter of the messages that this producer has dropped. */
static inline void slot_count_dropped(struct channel *channel, uint64_t messages)
{
	struct slot *slot = &channel->segment.shared->producers.side.slots[channel->slot];

	channel->sending.dropped += messages;
	atomic_store_explicit(&slot->dropped, channel->sending.dropped, memory_order_relaxed);
}

/* Returns the group that this consumer is in. */
static inline struct group *group_of(struct channel *channel)
{
	return &consumers_of(channel)->groups[channel->receiving.group];
}

/*
 * Returns the deadline of one wait, at most timeout_ns long. A nonblocking endpoint, too, waits for
 * a lock for a second: no process that is running holds one that long.
 */
struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns);

/*
 * Returns the deadline for giving back and leaving: not interruptible, but 10 s at most, and 1 s if
 * the endpoint does not like to wait.
 */
struct deadline endpoint_leave_deadline(struct channel *channel);

/* Notes that a wait begins, for endpoint_waits(). */
static inline void endpoint_wait_begins(struct channel *channel)
{
	if (channel->options.waiting != NULL)
		channel->waiting_called_ns = clock_coarse_ns();
}

/*
 * Call this when a wait goes on after a sleep, even a short one: it calls options.waiting about
 * once a second. `holder` is the process that is waited for, or 0.
 */
void endpoint_waits(struct channel *channel, enum channel_wait what, pid_t holder);

/*
 * Like endpoint_waits(), but calls options.waiting now: the caller knows that a second has passed.
 */
void endpoint_waits_on(struct channel *channel, enum channel_wait what, pid_t holder);

/* Returns what this side has in common with the other one. */
struct side *side_of(struct channel *channel, enum channel_role role);

/* Returns what a trace calls the mutex of this side. */
enum trace_what lock_of(enum channel_role role);

/* True if a consumer has lost the message that this producer is inside, or waits for. */
bool producer_message_lost(struct channel *channel);

#endif

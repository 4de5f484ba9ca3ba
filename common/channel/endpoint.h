/*
 * What the rooms of the channel share: struct channel, the locks of the two sides and the
 * life and death of endpoints. Private to common/.
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

/* How often to look for the dead: less than the second that a sleep lasts, or it is two. */
enum { LOOK_AFTER_MS = 900 };

/* A consumer that is alone claims up to this many records at once. */
enum { BATCH_RECORDS_MAX = 1024 };

/* The fields of a claimed record's header that delivering it needs. */
struct claimed {
	uint32_t size, messages;
	uint8_t flags, delimiter_size, key_size;
};

/* What only a producer uses. Attaching clears all of it. */
struct sending {
	bool reserved;		/* between channel_reserve() and commit or cancel */
	bool reserved_whole;	/* ... of a whole message: no room is left for an aborted mark */
	size_t reserved_room;	/* ... of this many bytes of payload */
	bool inside;		/* a message sent in pieces is not finished: the turn is ours */
	bool settled;		/* no producer writes as if it were alone any more */
	bool sent;		/* at least one record was committed */
	bool was_alone;		/* we were the only producer when we last looked, and then ... */
	uint64_t alone_events;	/* ... `events` had this value, ... */
	uint64_t alone_tail;	/* ... and tail, after what we have sent since, is this */
	uint64_t tail_then;	/* tail when we attached */
	uint64_t open_sequence; /* number of the message that we are inside */
	uint64_t sent_end;	/* tail after our last record */
	uint64_t known_head;	/* head when we last looked: it only grows */
	uint64_t waited_head;	/* the head that a wait for room needs */
	uint64_t room_tail;	/* what room_lock() found: tail, read once and checked, ... */
	uint64_t room_bytes;	/* ... and the bytes of ring that are free after it */
	uint64_t dropped;	/* messages dropped because there was no room */
	uint8_t key_size;	/* the key of what is sent from now on */
	unsigned char key[CHANNEL_KEY_MAX];
};

/* What only a consumer uses. Attaching clears all of it. */
struct receiving {
	unsigned group;		     /* index of the group that we are in */
	int claim;		     /* index in the group's claim table, or CLAIM_NONE */
	bool skipping;		     /* pieces of a message that began before our group did */
	bool piece_acknowledged;     /* the claim is inside a message, and nothing is in hand */
	struct cursor delivered_end; /* the claim has been given to the caller up to here */
	uint32_t delivered_messages; /* how many messages the caller has in hand */
	uint32_t together;	     /* messages that one delivery may have in several parts; 0:
					one part only */
	uint64_t known_tail;	     /* tail when we last looked */
	uint64_t events_then;	     /* `events` and `told` when we attached */
	uint64_t told_then;
	bool seen_then;		/* a part of a stream was there when we attached */
	bool end_passed;	/* we follow, and went on after an end */
	bool ended;		/* channel_receive() has returned CHANNEL_ENDED; ... */
	uint64_t end_events;	/* ... `events` was this, which our group has not been told yet */
	bool incomplete;	/* ... and a producer had died or failed */
	uint64_t lost;		/* messages that the death of a consumer cut short */
	uint64_t missed;	/* messages dropped before our group got them, as we found */
	uint64_t observed_from; /* observer: it began at this position, ... */
	uint64_t observed_next; /* ... where the next message has this number; 0: not known */
};

/*
 * The records of a claim that was made anew: none of them has been delivered before, and their
 * headers have been read. Claiming fills it, so that attaching need not clear it.
 */
struct batch {
	bool valid;	     /* the claim is such a claim */
	uint32_t records;    /* how many to claim at once: learned */
	uint64_t claimed_ns; /* when this one was claimed */
	uint64_t end;	     /* the claim ends at this record */
	uint64_t position;   /* the next record to deliver, if none was delivered in parts, ... */
	uint64_t sequence;   /* ... begins with this message, ... */
	uint32_t index;	     /* ... and has this index in channel->claimed */
};

struct channel {
	struct segment segment;
	struct channel_options options;
	struct channel_report report;
	enum channel_role role;
	bool attached;
	bool leaving;		    /* from here on nothing can interrupt a wait */
	pid_t pid;		    /* the process that attached: its forked children do nothing */
	uint64_t since, namespaces; /* for the slot: see struct slot */
	unsigned slot;
	uint64_t slot_bit;
	atomic_int interrupted;
	_Atomic(_Atomic uint32_t *) wakeup; /* own semaphore while attached, for signal handlers */
	uint64_t looked_ns;		    /* when we last looked for the dead */
	uint64_t looked_at_ns;		    /* when we last read the clock for that */
	uint64_t told_ns;		    /* when options.waiting was called, or a wait began */
	unsigned look_pause;		    /* so many calls need not read the clock, ... */
	unsigned look_pause_next;	    /* ... and so many after those */
	struct spin spin;		    /* how long to wait awake before sleeping, ... */
	struct spin room_spin;		    /* ... and before asking for room */
	bool broadcast_due;		    /* after a repair: wake everybody once unlocked */
	struct trace *trace;		    /* where we note what happens; NULL: nowhere */
	struct sending sending;
	struct receiving receiving;
	struct batch batch;
	/* The records of the batch. Last: no entry is read before it is written. */
	struct claimed claimed[BATCH_RECORDS_MAX];
};

/* The two sides look alike to the functions below: index them with enum channel_role. */
static inline struct producers *producers_of(struct channel *channel)
{
	return &channel->segment.shared->producers;
}

static inline struct consumers *consumers_of(struct channel *channel)
{
	return &channel->segment.shared->consumers;
}

/* For consumers: the records before it are complete. Pairs with the release store in send.c. */
static inline uint64_t tail_now(struct channel *channel)
{
	channel->receiving.known_tail = atomic_load_explicit(
		&channel->segment.shared->producers.tail, memory_order_acquire);
	return channel->receiving.known_tail;
}

/*
 * Adds to the own counters: bytes of messages, without keys and delimiters. Only their owner writes
 * them, so no locked instruction is needed.
 */
static inline void slot_count(struct slot *slot, uint64_t messages, uint64_t bytes)
{
	messages += atomic_load_explicit(&slot->messages, memory_order_relaxed);
	bytes += atomic_load_explicit(&slot->bytes, memory_order_relaxed);
	atomic_store_explicit(&slot->messages, messages, memory_order_relaxed);
	atomic_store_explicit(&slot->bytes, bytes, memory_order_relaxed);
}

/* The same, for what a producer has dropped in all. */
static inline void slot_count_dropped(struct channel *channel, uint64_t messages)
{
	struct slot *slot = &channel->segment.shared->producers.side.slots[channel->slot];

	channel->sending.dropped += messages;
	atomic_store_explicit(&slot->dropped, channel->sending.dropped, memory_order_relaxed);
}

/* The group that this consumer is in. */
static inline struct group *group_of(struct channel *channel)
{
	return &consumers_of(channel)->groups[channel->receiving.group];
}

/*
 * A deadline for one wait. For a lock a nonblocking endpoint waits a second, too: so long
 * nobody holds one who runs.
 */
struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns);

/* For giving back and leaving: not interruptible, but bounded. */
struct deadline endpoint_leave_deadline(struct channel *channel);

/* A wait begins, of which somebody may want to know the reason. */
static inline void endpoint_wait_begins(struct channel *channel)
{
	if (channel->options.waiting != NULL)
		channel->told_ns = clock_coarse_ns();
}

/*
 * attach.c: it goes on, after a sleep that may have been short: calls options.waiting about once a
 * second. `holder` is the process that is waited for, or 0.
 */
void endpoint_waits(struct channel *channel, enum channel_wait what, pid_t holder);

/* The same, at once: a second has gone by. */
void endpoint_waits_on(struct channel *channel, enum channel_wait what, pid_t holder);

struct side *side_of(struct channel *channel, enum channel_role role);

/* For the trace: the mutex of this side. */
enum trace_what lock_of(enum channel_role role);

/* send.c: has a consumer lost the message that we are inside, or wait for? */
bool producer_message_lost(struct channel *channel);

#endif

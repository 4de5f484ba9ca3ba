/*
 * What the rooms of the channel share: struct channel, the locks of the two sides and the
 * life and death of endpoints. Private to common/.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/barrier.h"
#include "base/deadline.h"
#include "channel/channel.h"
#include "channel/condition.h"
#include "channel/ring.h"
#include "channel/segment.h"
#include "channel/spin.h"
#include "channel/trace.h"

enum { NO_CLAIM = -1 };

/* How often to look for the dead: less than the second that a sleep lasts, or it is two. */
enum { LOOK_AFTER_MS = 900 };

/*
 * Calls in a row that do not read the clock: if they suddenly take long, no more than so many do.
 */
enum { LOOK_PAUSE_MAX = 15 };

/* A consumer that is alone claims so many records at once, at most. */
enum { BATCH_RECORDS_MAX = 1024 };

/* Of the header of a record in our claim, what has to be known to hand it out. */
struct claimed {
	uint32_t size, messages;
	uint8_t flags, delimiter_size, key_size;
};

struct channel {
	struct segment segment;
	struct channel_options options;
	struct channel_report report;
	enum channel_role role;
	bool attached;
	bool leaving;		    /* from here on nothing can interrupt a wait */
	pid_t pid;		    /* who attached: a forked child keeps its hands off */
	uint64_t since, namespaces; /* for the slot: see there */
	unsigned slot;
	uint64_t slot_bit;
	atomic_int interrupted;
	_Atomic(_Atomic uint32_t *) wakeup; /* own semaphore while attached, for signal handlers */
	uint64_t looked_ns;		    /* when we last looked for the dead */
	uint64_t looked_at_ns;		    /* the time, when we last thought of it */
	uint64_t told_ns;		    /* when options.waiting was called, or a wait began */
	unsigned look_pause;		    /* calls to come that need not think of it, ... */
	unsigned look_pause_next;	    /* ... and how many after that */
	struct spin spin;		    /* how long to wait awake before sleeping */
	struct spin room_spin;		    /* ... and before that, before asking for room */
	bool broadcast_due;		    /* after a repair: wake everybody once unlocked */
	struct trace *trace;		    /* where we note what happens; NULL: nowhere */

	/* producer */
	bool reserved;		/* between reserve and commit or cancel */
	size_t reserved_room;	/* payload bytes */
	bool reserved_whole;	/* there is no room for an aborted mark behind it */
	bool inside;		/* of a message sent in pieces: the turn is ours */
	bool settled;		/* nobody writes as if we were not here */
	bool sent;		/* at least one record */
	bool was_alone;		/* when we last looked; then ... */
	uint64_t alone_events;	/* ... this was `events`, and ... */
	uint64_t alone_tail;	/* ... tail, and what we have sent since */
	uint64_t tail_then;	/* tail when we attached */
	uint64_t open_sequence; /* of the message we are inside */
	uint64_t sent_end;	/* tail behind our last record */
	uint64_t known_head;	/* head when we last looked: it only grows */
	uint64_t waited_head;	/* the head that a wait for room needs */
	uint64_t room_tail;	/* tail, and the ring bytes free behind it, when we last ... */
	uint64_t room_bytes;	/* ... locked for room: read once, checked, then used */
	uint64_t dropped;	/* messages for which there was no room */
	uint8_t key_size;	/* of what is sent from now on */
	unsigned char key[CHANNEL_KEY_MAX];

	/* consumer */
	unsigned group;		     /* index of the group that we are in */
	int claim;		     /* index in the group's claim table, or NO_CLAIM */
	bool skipping;		     /* pieces of a message that began before our group did */
	bool piece_acknowledged;     /* the claim is inside a message, with nothing in hand */
	struct cursor delivered_end; /* up to where the claim was given to the caller */
	uint32_t together;	 /* messages that one delivery may hold in several parts; 0: none */
	bool batching;		 /* we claimed it anew, so it was never delivered before; ... */
	uint64_t batch_end;	 /* ... it ends at this record, and ... */
	uint64_t batch_position; /* ... the next one that has not been handed out, if none was in
				    parts, is this, ... */
	uint64_t batch_sequence; /* ... begins with this message, ... */
	uint32_t batch_index;	 /* ... and is this one of `claimed` */
	uint32_t batch;		 /* records to claim at once */
	uint64_t claimed_ns;	 /* when, and ... */
	uint64_t known_tail;	 /* tail when we last looked */
	uint32_t delivered_messages; /* how many that were */
	uint64_t events_then;	     /* `events` when we attached */
	uint64_t told_then;	     /* `told` when we attached */
	bool seen_then;		     /* there was something of a stream when we attached */
	bool end_passed;	     /* we follow, and went on through an end, ... */
	bool ended;		     /* ... or have ended at it; `events` was, the last time, ... */
	uint64_t end_events;	     /* ... this, which nobody has been told for us, and ... */
	bool incomplete;	     /* ... that end was not a clean one */
	uint64_t lost;
	uint64_t missed; /* messages that were dropped before our group got them, as we found */
	uint64_t observed_from; /* observer: tail, or head, when we attached, and ... */
	uint64_t observed_next; /* ... the next message's number there; 0: not known */

	/* consumer: the records of its claim. Last: nothing of it is read before it is written. */
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
	channel->known_tail = atomic_load_explicit(&channel->segment.shared->producers.tail,
						   memory_order_acquire);
	return channel->known_tail;
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

	channel->dropped += messages;
	atomic_store_explicit(&slot->dropped, channel->dropped, memory_order_relaxed);
}

/* producers: the turn is free */
static inline struct condition condition_turn(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	/* Who still writes alone signals behind a light fence. */
	return (struct condition){ &producers->waiting_turn,
				   producers->side.slots,
				   NULL,
				   channel->segment.membarrier && !channel->settled,
				   channel->trace,
				   TRACE_TURN };
}

/* producers: head has moved */
static inline struct condition condition_ack(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return (struct condition){
		&producers->waiting_ack,     producers->side.slots, NULL,
		channel->segment.membarrier, channel->trace,	    TRACE_ACKNOWLEDGEMENT
	};
}

/* producers: a consumer has attached */
static inline struct condition condition_consumers(struct channel *channel)
{
	struct producers *producers = producers_of(channel);

	return (struct condition){ &producers->waiting_consumers,
				   producers->side.slots,
				   NULL,
				   false,
				   channel->trace,
				   TRACE_CONSUMERS };
}

/* The group that this consumer is in. */
static inline struct group *group_of(struct channel *channel)
{
	return &consumers_of(channel)->groups[channel->group];
}

/* consumers of a group, or all of them if it is NULL: something to claim */
static inline struct condition condition_data(struct channel *channel, const struct group *group)
{
	struct consumers *consumers = consumers_of(channel);

	return (struct condition){ &consumers->waiting_data,
				   consumers->side.slots,
				   group == NULL ? NULL : &group->members,
				   channel->segment.membarrier,
				   channel->trace,
				   TRACE_DATA };
}

/* Observers: anything at all. Who leaves that wait has taken no wake from anybody. */
static inline struct condition condition_observed(struct channel *channel)
{
	static const _Atomic uint64_t nobody = 0;
	struct condition condition = condition_data(channel, NULL);

	condition.among = &nobody;
	return condition;
}

/* consumers: the next piece */
static inline struct condition condition_piece(struct channel *channel)
{
	struct consumers *consumers = consumers_of(channel);

	return (struct condition){ &consumers->waiting_piece,
				   consumers->side.slots,
				   NULL,
				   false,
				   channel->trace,
				   TRACE_PIECE };
}

/*
 * A deadline for one wait. For a lock a nonblocking endpoint waits a second, too: so long
 * nobody holds one who runs.
 */
struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns);

/* For giving back and leaving: not interruptible, but bounded. */
struct deadline endpoint_leave_deadline(struct channel *channel);

/*
 * channel_look_after() for who sends or receives one message after the other: while many come
 * within one tick of the clock, only some of the calls read it.
 */
static inline int look_after_often(struct channel *channel)
{
	if (channel->look_pause == 0 || channel->inside)
		return channel_look_after(channel);
	channel->look_pause--;
	return 0;
}

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

/* attach.c: opens it without attaching; segment_close() closes it. Errors: the segment's. */
int channel_open_to_read(struct channel *channel, const struct channel_options *options);

/* ---- side.c: one side's mutex and its slots ---- */

struct side *side_of(struct channel *channel, enum channel_role role);

/*
 * Locks a side's mutex, in slices of a second between which the deadline is looked at.
 * Nobody ever holds both sides'. Repairs the side if its last holder died. 0, or the
 * deadline's error (then the report names the holder), or -CHANNEL_EDAMAGED.
 */
int side_lock(struct channel *channel, enum channel_role role, const struct deadline *deadline);

/*
 * To finish what has begun: as long as the options allow, and if interrupted meanwhile (or
 * before) as long as leaving may take.
 */
int side_lock_finish(struct channel *channel, enum channel_role role);

/* The same without waiting: -EBUSY if somebody has it. */
int side_try_lock(struct channel *channel, enum channel_role role);

void side_unlock(struct channel *channel, enum channel_role role);

/* Finds the dead among a side's endpoints and cleans up after them. Its mutex is held. */
int side_probe(struct channel *channel, enum channel_role role);

/* Takes a free slot of the own side; its mutex is held. -EBUSY: there is none. */
int side_enter(struct channel *channel);

/* Gives the own slot back; its mutex is held. */
void side_leave(struct channel *channel);

/* Wakes everybody who waits for anything. No mutex is held. */
void endpoint_wake_all(struct channel *channel);

/* ---- alone.c: a producer that is alone needs no mutex ---- */

/*
 * Sends a block of whole messages if this is the only producer and there is room: 1. 0: send
 * it as always. Errors: CHANNEL_EDAMAGED.
 */
int send_alone(struct channel *channel, const void *bytes, const struct channel_block *block);

/* Has every producer that was alone when we attached learned that we are here? */
bool producers_settled(struct channel *channel);

/* ---- fences.c: endpoints with membarrier and without in one channel ---- */

/*
 * For a newcomer, before it takes a slot; the flock is held. 0: it may. -EBUSY: it has no
 * membarrier, and an endpoint that relies on it (report.holder) has not changed to plain fences
 * yet: try again.
 */
int fences_agree(struct channel *channel);

/* About once a second: changes to plain fences if somebody has asked for it. */
void fences_look(struct channel *channel);

/* ---- full.c: what to do, instead of waiting, when there is no room ---- */

/* How a producer that needs room shall get on. Nonblocking ones never wait for it. */
enum channel_when_full full_policy(const struct channel *channel);

/*
 * For who would not wait, without a mutex: takes in what consumers have done, which head may not
 * show yet, unless their mutex is held for long; or, if old messages are to be dropped, makes room
 * up to channel->waited_head. 1: there is room now; 0: look once more, then answer; or an error.
 */
int full_make_room(struct channel *channel, const struct deadline *deadline);

/*
 * There is no room for these messages (0: it is not known how many they are). The producers'
 * mutex is held, and nobody writes alone. CHANNEL_DROPPED, -EAGAIN, or -CHANNEL_EDAMAGED.
 */
int full_answer(struct channel *channel, uint32_t messages);

/*
 * drop_old.c: moves head to this position or beyond, if what lies before it is claimed by nobody.
 * 1: it has done so; 0: it cannot, and nothing is dropped. Errors: those of side_lock(),
 * CHANNEL_EDAMAGED.
 */
int drop_old(struct channel *channel, uint64_t position, const struct deadline *deadline);

/* ---- what is left of the dead: called by side.c with that side's mutex held ---- */

/* send.c: closes the message that this producer left open and takes the turn back. */
int producer_bury(struct channel *channel, unsigned slot);

/* send.c: has a consumer lost the message that we are inside, or wait for? */
bool producer_message_lost(struct channel *channel);

/* orphan.c: orphans this consumer's claims. */
int consumer_bury(struct channel *channel, unsigned slot);

/* orphan.c: makes the groups, their claims and head consistent after a holder's death. */
int consumers_repair(struct channel *channel);

/*
 * receive.c: for a producer that is about to sleep until head moves. A consumer moves it when
 * its claim ends, unless it sees that somebody waits: this takes what it has acknowledged
 * before that. Errors: those of side_lock().
 */
int head_catch_up(struct channel *channel, const struct deadline *deadline);

/* send.c: head has moved: wakes the producers whose room or acknowledgement this is. */
void producers_wake_for_head(struct channel *channel);

#endif

/*
 * What the rooms of the channel share: struct channel, the locks of the two sides and the
 * life and death of endpoints. Private to common/.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "channel.h"
#include "condition.h"
#include "deadline.h"
#include "ring.h"
#include "segment.h"

enum { NO_CLAIM = -1 };

/* How often to look for the dead: less than the second that a sleep lasts, or it is two. */
enum { LOOK_AFTER_MS = 900 };

struct channel {
	struct segment segment;
	struct channel_options options;
	struct channel_report report;
	enum channel_role role;
	bool attached;
	bool leaving; /* from here on nothing can interrupt a wait */
	pid_t pid;    /* who attached: a forked child keeps its hands off */
	unsigned slot;
	uint64_t slot_bit;
	atomic_int interrupted;
	_Atomic(_Atomic uint32_t *) wakeup; /* own semaphore while attached, for signal handlers */
	uint64_t looked_ns;		    /* when we last looked for the dead */
	bool broadcast_due;		    /* after a repair: wake everybody once unlocked */

	/* producer */
	bool reserved;		/* between reserve and commit or cancel */
	size_t reserved_room;	/* payload bytes */
	bool reserved_whole;	/* there is no room for an aborted mark behind it */
	bool inside;		/* of a message sent in pieces: the turn is ours */
	bool sent;		/* at least one record */
	uint64_t open_sequence; /* of the message we are inside */
	uint64_t sent_end;	/* tail behind our last record */
	uint64_t waited_head;	/* the head that a wait for room needs */
	uint64_t room_tail;	/* tail, and the ring bytes free behind it, when we last ... */
	uint64_t room_bytes;	/* ... locked for room: read once, checked, then used */

	/* consumer */
	int claim;		     /* index in the claim table, or NO_CLAIM */
	bool piece_acknowledged;     /* the claim is inside a message, with nothing in hand */
	struct cursor delivered_end; /* up to where the claim was given to the caller */
	uint32_t delivered_messages; /* how many that were */
	uint64_t events_then;	     /* `events` when we attached */
	uint64_t told_then;	     /* `told` when we attached */
	bool seen_then;		     /* there was something of a stream when we attached */
	bool incomplete;	     /* the end we saw was not a clean one */
	uint64_t lost;
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

struct condition condition_turn(struct channel *channel);  /* producers: the turn is free */
struct condition condition_ack(struct channel *channel);   /* producers: head has moved */
struct condition condition_data(struct channel *channel);  /* consumers: something to claim */
struct condition condition_piece(struct channel *channel); /* consumers: the next piece */

/*
 * A deadline for one wait. For a lock a nonblocking endpoint waits a second, too: so long
 * nobody holds one who runs.
 */
struct deadline endpoint_deadline(struct channel *channel, uint64_t timeout_ns);

/* For giving back and leaving: not interruptible, but bounded. */
struct deadline endpoint_leave_deadline(struct channel *channel);

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

/* ---- what is left of the dead: called by side.c with that side's mutex held ---- */

/* send.c: closes the message that this producer left open and takes the turn back. */
int producer_bury(struct channel *channel, unsigned slot);

/* send.c: has a consumer lost the message that we are inside, or wait for? */
bool producer_message_lost(struct channel *channel);

/* receive.c: orphans this consumer's claims. */
int consumer_bury(struct channel *channel, unsigned slot);

/* claim.c: makes next, head and the used claims consistent after a holder's death. */
int consumers_repair(struct channel *channel);

/* send.c: head has moved: wakes the producers whose room or acknowledgement this is. */
void producers_wake_for_head(struct channel *channel);

#endif

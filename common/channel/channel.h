/*
 * A channel carries messages between the processes of one machine through one POSIX
 * shared-memory object: any number of producers and consumers (64 of each at a time),
 * messages of any size, no daemon. It survives kill -9 of any of them at any instruction.
 *
 * An endpoint is one attachment of one thread. Only the thread that attached it may call
 * the functions below (channel_interrupt() excepted), it must live until it has detached
 * (the kernel ties robust mutexes to it), and it has one endpoint at a time. A forked
 * child does not inherit the endpoint and must not use it.
 *
 * Functions return 0 or a positive result, or a negative errno or channel_error, and print
 * nothing. The last error's details are in channel_report(), in words in channel_explain().
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct channel;
struct trace_sink;

enum channel_role { CHANNEL_PRODUCER, CHANNEL_CONSUMER };

enum {
	CHANNEL_NAME_MAX = 200, /* bytes: letters, digits, '.', '_', '-' */
	SEGMENT_NAME_MAX = 240,
	CHANNEL_GROUP_MAX = 63, /* bytes: the same characters */
	CHANNEL_KEY_MAX = 255,	/* bytes of any value */
	CHANNEL_ABI_MAX = 48,
	CHANNEL_EXPLAIN_MAX = 640 /* bytes that channel_explain() may need, with the NUL */
};

/*
 * What stands for the name of a group if the shared memory holds something else in its place. It
 * is no name itself: only channel_group_remove() takes it, for one such group.
 */
#define CHANNEL_GROUP_BAD "?"

/* The ring's size, in bytes, if nothing else is asked for. */
#define CHANNEL_SIZE_DEFAULT (UINT64_C(1) << 20)
#define CHANNEL_SIZE_MAX     (UINT64_C(1) << 32)

#define CHANNEL_SPIN_OFF UINT64_MAX

/*
 * What a producer does when there is no room for a message. Locks, and others who are at work,
 * are waited for in any case. Of a message longer than the ring only the first piece counts.
 */
enum channel_when_full {
	CHANNEL_FULL_BLOCK,    /* waits until there is, up to timeout_ns; nonblocking: fails */
	CHANNEL_FULL_FAIL,     /* -EAGAIN */
	CHANNEL_FULL_DROP_NEW, /* CHANNEL_DROPPED: it is not sent, but counted */
	/*
	 * The oldest, whoever sent them, are dropped and counted instead. If one of them is
	 * claimed by a consumer, or was: as CHANNEL_FULL_DROP_NEW.
	 */
	CHANNEL_FULL_DROP_OLD
};

/* Errors that errno has no name for; returned negative, beside negative errno values. */
enum channel_error {
	CHANNEL_EFOREIGN = 5000, /* the object of that name is not a channel */
	CHANNEL_EDAMAGED,	 /* what is in the shared memory makes no sense */
	CHANNEL_EVERSION,	 /* made with another layout: report.theirs, .ours */
	CHANNEL_EABI,		 /* made with another libc or word size: report.theirs, .ours */
	CHANNEL_EOWNER,		 /* belongs to somebody else: report.owner */
	CHANNEL_EMODE,		 /* exists with other permission bits: report.mode */
	CHANNEL_EINUSE,		 /* options.fresh, and it holds messages or has endpoints */
	CHANNEL_ENAME,		 /* not a name for a channel, or for a group */
	CHANNEL_EREMOVED,	 /* the object was removed while attached */
	CHANNEL_ETHREAD,	 /* this thread's id is in use in another pid namespace */
	CHANNEL_ELOST,		 /* a consumer died with a part of this message */
	CHANNEL_EABORTED,	 /* the producer gave this message up after a part of it */
	CHANNEL_ETOOBIG,	 /* larger than the ring, and nonblocking */
	CHANNEL_EGROUPS,	 /* no place for another group */
	CHANNEL_ENOGROUP,	 /* there is no such group */
	CHANNEL_EBEHIND,	 /* an observer fell behind inside a message in pieces */
	CHANNEL_ELINKED		 /* the object has another name, too: it may be another channel's */
};

/* What an endpoint waits for. */
enum channel_wait {
	CHANNEL_WAITS_NOT,  /* it is at work, or waits for its own input or output */
	CHANNEL_WAITS_ROOM, /* producers: until a consumer makes some */
	CHANNEL_WAITS_TURN, /* ... until another producer has gone on, report.holder if known */
	CHANNEL_WAITS_ACKNOWLEDGED,
	CHANNEL_WAITS_CONSUMERS,
	CHANNEL_WAITS_DATA, /* consumers: something to take, or an end */
	CHANNEL_WAITS_PIECE,
	CHANNEL_WAITS_LOCK,  /* until report.holder lets go of it, if that one is known */
	CHANNEL_WAITS_PLACE, /* until an endpoint of the same role leaves */
	CHANNEL_WAITS_FENCES /* until report.holder does without membarrier, as we have to */
};

struct channel_options {
	const char *name;  /* 1 to CHANNEL_NAME_MAX of the permitted characters */
	uid_t owner;	   /* whose channel; another's is never created */
	uint64_t size;	   /* bytes of the ring if this creates it; 0: the default */
	mode_t mode;	   /* permission bits if this creates it, ... */
	bool mode_given;   /* ... and refuse an existing one that differs; else 0600 */
	bool fresh;	   /* refuse a channel with messages or endpoints of this role */
	bool never_create; /* -ENOENT if there is no channel */
	bool nonblock;	   /* never wait: -EAGAIN; a lock held for a second counts */
	enum channel_when_full when_full;
	uint64_t timeout_ns; /* longest single wait: then -ETIMEDOUT; 0: for ever */
	uint64_t spin_ns;    /* how long to wait awake before sleeping; 0: as long as it has */
			     /* lately paid; CHANNEL_SPIN_OFF: never */
	uint32_t share;	     /* messages that CHANNEL_SHARE takes at a time; 0: one */
	uint64_t gather_ns;  /* how long CHANNEL_TOGETHER waits for more messages; 0: not */
	/* consumer: its group, a valid name; NULL: the one without a name */
	const char *group;
	bool newest;  /* ... which, if it is new, begins with what is sent from now on */
	bool durable; /* ... and stays when its last consumer has left */
	bool observe; /* ... or it is in none, takes nothing, and looks on: see tap.h */
	const char *const *groups; /* producer: names of durable groups, ended by NULL, or NULL */
	/*
	 * Called about once a second in a wait, with report.waits saying what for, and the rest of
	 * the report how it would be explained if it ended now; NULL: not. The flock may be held.
	 */
	void (*waiting)(const struct channel *channel);
	const struct trace_sink *trace; /* who gets what happens, see trace.h; NULL: nobody */
	uint64_t first_position;	/* tests only: where positions start, a multiple of 8 */
};

/* What an error was about. Fields that do not apply are 0. */
struct channel_report {
	int error;
	enum channel_wait waits; /* in options.waiting only */
	pid_t holder;		 /* who holds the lock that could not be had */
	uid_t owner;		 /* whose object it is */
	mode_t mode;		 /* its permission bits */
	uint64_t needed_bytes;	 /* ENOSPC: what creation needs, and ... */
	uint64_t free_bytes;	 /* ... what the file system has left, or, ... */
	bool memory_limited;	 /* ... what the memory limit of our control group leaves */
	bool removable;		 /* CHANNEL_EFOREIGN, _ELINKED: our file, which we can remove */
	uint64_t messages;	 /* CHANNEL_EREMOVED: how many cannot be delivered */
	unsigned endpoints;	 /* CHANNEL_EINUSE: how many of this role */
	bool holds_messages;	 /* CHANNEL_EINUSE: because there are messages in it */
	bool slots_taken;	 /* EAGAIN, ETIMEDOUT: all places of this role are taken */
	bool fences_awaited;	 /* the same: `holder` has not learned that we lack membarrier */
	bool lock_taken;	 /* EAGAIN, ETIMEDOUT: a lock was held all the time */
	bool turn_taken;	 /* the same: another producer, `holder`, came before us */
	bool held_by_group;	 /* the same: one of several groups keeps the room: its name, ... */
	unsigned members;	 /* ... and how many consumers it has */
	char group[CHANNEL_GROUP_MAX + 1];
	char theirs[CHANNEL_ABI_MAX];
	char ours[CHANNEL_ABI_MAX];
};

/* Is this a name for a channel? */
bool channel_name_valid(const char *name);

/* Is this a name for a group? */
bool channel_group_valid(const char *name);

/* The size that a ring of at least `size` bytes gets: a power of two, whole pages. */
uint64_t channel_size_rounded(uint64_t size);

/* The permission bits a channel may have: read and write for user, group, others. */
bool channel_mode_valid(unsigned long mode);

/* What this build's channels are made like, in words: two that differ cannot share one. */
void channel_layout(char *text, size_t size);

/* May this process use membarrier? Without it, it makes the channels that it uses slower. */
bool channel_membarrier(void);

/* ---- attaching and detaching ---- */

/* A place for an endpoint; not attached yet. NULL: out of memory. Free it with channel_free(). */
struct channel *channel_new(void);

/*
 * Attaches the calling thread. Whoever comes first creates the channel, with all its memory
 * reserved. Waits only for locks and for a free slot. Errors: those above, and ENOENT, ENODEV
 * (there is no /dev/shm),
 * EACCES, ENOSPC, EFBIG, ENOMEM, EMFILE, EINTR (interrupted), ETIMEDOUT, EAGAIN.
 * CHANNEL_ETHREAD: attach from another thread.
 */
int channel_attach(struct channel *channel, enum channel_role role,
		   const struct channel_options *options);

enum channel_detach_flags {
	CHANNEL_FAILED = 1,  /* producer: consumers shall know that the stream may be incomplete */
	CHANNEL_END = 2,     /* producer: end the stream for consumers that follow, too */
	CHANNEL_UNBEGUN = 4, /* producer: it took nothing from anywhere. If no consumer is there, */
			     /* leave no trace: neither an empty stream nor a failure */
	CHANNEL_UNTOLD = 8 /* consumer: the end that it has seen, CHANNEL_ENDED, is not reported */
			   /* to anybody: it is left to the next consumer of the group */
};

/*
 * Gives back what is in hand, aborts an unfinished message, leaves, and removes the object
 * if this was the last endpoint and nothing is left in it. If it cannot have a lock in time
 * it leaves that to the next one, and the memory mapped until the process ends.
 */
void channel_detach(struct channel *channel, unsigned flags);

/*
 * Removes a group that has no consumers, and what it has not acknowledged: *messages says how
 * many messages that is. With its last group the channel goes, too, if nobody is attached. The
 * channel must not be attached, and is not afterwards. Errors: those of channel_attach(),
 * CHANNEL_ENOGROUP, and CHANNEL_EINUSE if the group has consumers.
 */
int channel_group_remove(struct channel *channel, const struct channel_options *options,
			 const char *name, uint64_t *messages);

/* Frees a channel that is not attached. */
void channel_free(struct channel *channel);

/*
 * Makes the wait that the endpoint is in, and all later ones, return -EINTR. May be called
 * from a signal handler of this thread, and from other threads while it does not detach.
 */
void channel_interrupt(struct channel *channel);

bool channel_interrupted(const struct channel *channel);

/* Was it attached with options.nonblock? */
bool channel_nonblocking(const struct channel *channel);

/* Details of the last error. */
const struct channel_report *channel_report(const struct channel *channel);

/*
 * The cause in words, for a message of the form "cannot ...: CAUSE", in a buffer of `size` bytes,
 * CHANNEL_EXPLAIN_MAX are enough. It may hold a command to paste. Returns buffer.
 */
const char *channel_explain(const struct channel *channel, int error, char *buffer, size_t size);

/*
 * The options of the tools that mean this channel, for a command to paste: "-C NAME", and of
 * another user's what using it takes. Returns words.
 */
enum { CHANNEL_WORDS = CHANNEL_NAME_MAX + 50 };
const char *channel_words(const struct channel_options *options, char words[CHANNEL_WORDS]);

/*
 * Does this address lie in the channel's memory? For a SIGBUS handler: such a fault means that
 * somebody has truncated the object. Async-signal-safe.
 */
bool channel_contains(const struct channel *channel, const void *address);

/* Permission bits of the channel's object; 0 when not attached. */
mode_t channel_mode(const struct channel *channel);

/* Size of the ring in bytes; 0 when not attached. */
uint64_t channel_capacity(const struct channel *channel);

/* When the channel was made, in ns since 1970: tells channels of one name apart. 0: not open. */
uint64_t channel_epoch(const struct channel *channel);

/* ---- sending ---- */

/*
 * Labels what this endpoint sends from now on with a key of up to CHANNEL_KEY_MAX bytes; 0:
 * without one, as after attaching. -EBUSY between reserve and commit and inside a message sent
 * in pieces. A key takes room in the ring: the sizes below depend on it.
 */
int channel_key_set(struct channel *channel, const void *key, size_t size);

/* Largest message, in bytes, that is sent in one piece; a longer one streams through. */
size_t channel_message_max(const struct channel *channel);

/* What a block of lines, or a piece, should not exceed, in bytes. */
size_t channel_block_max(const struct channel *channel);

enum channel_send_flags {
	CHANNEL_MORE = 1,	 /* a piece of a long message, not the last one */
	CHANNEL_UNTERMINATED = 2 /* a last line without its delimiter */
};

/*
 * CHANNEL_DROPPED: there was no room, and none of it was sent (CHANNEL_FULL_DROP_NEW and _OLD). It
 * took sequence numbers all the same, so that consumers see what is missing.
 */
enum channel_send_result { CHANNEL_SENT = 0, CHANNEL_DROPPED = 1 };

/*
 * Sends one message of any size; of the flags, CHANNEL_UNTERMINATED is meant. Returns when it is
 * committed: from then on it is delivered whatever happens to this process. One longer than
 * channel_message_max() returns when it has been acknowledged, or with CHANNEL_ELOST.
 */
int channel_send(struct channel *channel, const void *message, size_t size, unsigned flags);

/*
 * A block is one record: `messages` messages, each ending with the same `delimiter_size`
 * bytes; or, with delimiter_size 0, one message (messages 1) or a piece of one.
 */
struct channel_block {
	size_t size;
	uint32_t messages;
	uint8_t delimiter_size;
	unsigned flags;
};

/* Sends bytes as one block of at most channel_message_max() bytes, or drops all of it. */
int channel_send_block(struct channel *channel, const void *bytes,
		       const struct channel_block *block);

/*
 * The same without a copy: reserve room for `least` to `most` bytes, write into it, then
 * commit or cancel. *room says how much there is. Other producers wait meanwhile, so write
 * at once. After a commit with CHANNEL_MORE the turn is kept until the message's last
 * piece; the pieces' room is kept free of others. With CHANNEL_FULL_DROP_NEW and _OLD: -EAGAIN if
 * there is no room, and nothing has been dropped.
 */
int channel_reserve(struct channel *channel, size_t least, size_t most, unsigned char **at,
		    size_t *room);
int channel_commit(struct channel *channel, const struct channel_block *block);
int channel_cancel(struct channel *channel);

/*
 * How many messages this endpoint has dropped, new or old; an old one counts once for all groups.
 */
uint64_t channel_dropped(const struct channel *channel);

/* Does it drop messages when there is no room, new or old? */
bool channel_drops(const struct channel *channel);

/*
 * Waits until at least `count` consumers are attached; those that have just died do not count.
 * Nonblocking: -EAGAIN if they are not.
 */
int channel_wait_consumers(struct channel *channel, unsigned count);

/* How many are attached, or have died and are not yet cleaned up after. */
unsigned channel_consumers(const struct channel *channel);

/* Waits until everything this endpoint sent has been acknowledged; CHANNEL_ELOST as above. */
int channel_wait_acknowledged(struct channel *channel);

/*
 * For callers that wait elsewhere (for input): call it about once a second. Looks for dead
 * endpoints and whether the object still has its name (-CHANNEL_EREMOVED).
 */
int channel_look_after(struct channel *channel);

/*
 * After -CHANNEL_EREMOVED: counts anew, in report.messages, what our group has not acknowledged, or
 * for a producer or an observer the group that is most behind. Does not wait: while another
 * endpoint holds the lock the count stays as it was.
 */
void channel_count_left(struct channel *channel);

/* ---- receiving ---- */

/*
 * What a consumer has in its hands: `messages` whole messages, or one piece of a message
 * longer than the ring. `bytes` points into the shared ring and stays valid until the next
 * call. A hostile producer could change the bytes meanwhile; copy before you judge them.
 */
struct channel_delivery {
	const unsigned char *bytes;
	size_t size;
	uint64_t sequence; /* of the first message */
	uint32_t messages;
	const unsigned char *key; /* what its producer labelled all of them with, in the ring ... */
	size_t key_size;	  /* ... 0: nothing. Of a message in pieces the first has it. */
	const unsigned char *delimiter; /* every message ends with it; size 0: one message */
	size_t delimiter_size;
	uint32_t attempts; /* how often it was handed out to somebody: 1 the first time */
	uint32_t failures; /* how many tries with it have failed: see channel_try() */
	bool first, last;  /* of its message's pieces; both true for whole messages */
	bool unterminated; /* the last line of an input that did not end with a delimiter */
};

enum channel_receive_flags {
	CHANNEL_DONTWAIT = 1, /* -EAGAIN when there is nothing; inside a message it waits */
	CHANNEL_FOLLOW = 2,   /* the end of the producers is not the end */
	CHANNEL_SHARE = 4,    /* beside other consumers, take no more than options.share */
	CHANNEL_TOGETHER = 8, /* take up to `most` messages out of several records, as one */
	CHANNEL_PASSING = 16 /* with CHANNEL_FOLLOW: CHANNEL_PASSED at an end, instead of waiting */
};

enum channel_receive_result { CHANNEL_ENDED = 0, CHANNEL_DELIVERED = 1, CHANNEL_PASSED = 2 };

/*
 * Acknowledges the delivery before, if there is one, and takes the next, of at most `most`
 * messages (at least 1), waiting for it up to timeout_ns (0: the option's; DEADLINE_NEVER
 * for ever). CHANNEL_ENDED: the stream is over, see channel_incomplete(); the next consumer of the
 * group takes it for reported when this one has detached. -CHANNEL_EABORTED:
 * the message whose parts were delivered will not be finished; nothing is in hand.
 */
int channel_receive(struct channel *channel, uint32_t most, unsigned flags, uint64_t timeout_ns,
		    struct channel_delivery *delivery);

/*
 * With CHANNEL_TOGETHER a delivery may come in several parts, one for each record. This hands
 * out the next part of what is in hand, without acknowledging the parts before: CHANNEL_DELIVERED,
 * or CHANNEL_ENDED if there is none. All parts are acknowledged or given back together, and come
 * again together if this process dies. A message longer than the ring comes as always.
 */
int channel_receive_more(struct channel *channel, struct channel_delivery *delivery);

/*
 * A try with what is in hand begins, and ends: from one to the other the messages are at risk.
 * Being in somebody's hands is not a try. One that has failed counts in `failures` of the next
 * delivery, to whomever it is; so does one whose process dies before it says how it ended. Both
 * counts are kept in the channel. -EINVAL: nothing is in hand; channel_try() also: the errors of a
 * lock, as channel_acknowledge().
 */
int channel_try(struct channel *channel);
int channel_tried(struct channel *channel, bool failed);

/*
 * Hands out to this consumer once more what it has in hand, which counts as a redelivery would:
 * *attempts are delivery.attempts now.
 */
int channel_retry(struct channel *channel, uint32_t *attempts);

/* Acknowledges the delivery in hand without taking another. */
int channel_acknowledge(struct channel *channel);

/*
 * Gives the delivery back but for its first `done` messages, which are acknowledged (of a
 * piece: none). The rest is delivered to the next consumer.
 */
int channel_give_back(struct channel *channel, uint32_t done);

/*
 * For a consumer that follows and stops by itself: it ends at the last end of stream that it went
 * through, as if channel_receive() had returned CHANNEL_ENDED there. False: there was none.
 */
bool channel_end_passed(struct channel *channel);

/* Is this consumer the only one of its group? Observers are in none, and each is alone. */
bool channel_alone(struct channel *channel);

/* Is it, and is nothing in the channel for its group behind what it has in hand? */
bool channel_at_last(struct channel *channel);

/*
 * Is a part of the message in hand freed already, as it is longer than the ring? It cannot be given
 * back, and is lost if it is not acknowledged. Its number; 0: not.
 */
uint64_t channel_part_gone(struct channel *channel);

/* At an end: did a producer die or fail since this consumer attached, or before it unseen? */
bool channel_incomplete(const struct channel *channel);

/* Messages longer than the ring that a consumer's death cut short, found by this consumer. */
uint64_t channel_lost(const struct channel *channel);

/*
 * Messages that producers dropped because the ring was full, before any consumer of our group got
 * them, found by this consumer: by the gap before a message that it claims, or at an end. It may
 * have been before it attached. Each is found by one consumer of a group.
 */
uint64_t channel_missed(const struct channel *channel);

#endif

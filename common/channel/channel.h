/*
 * The library's interface. A channel carries messages between the processes of one machine, through
 * one POSIX shared-memory object: any number of producers and consumers (64 of each at a time),
 * messages of any size, no daemon. A process may be killed (kill -9) at any instruction; the others
 * go on.
 *
 * An endpoint is one attachment of one thread to a channel: struct channel, made by channel_new().
 * Its rules:
 *
 * - Only the thread that attached it may call the functions below (except channel_interrupt()).
 * - That thread must live until it has detached, as the kernel ties robust mutexes to a thread.
 * - A thread has at most one attached endpoint at a time.
 * - A forked child does not inherit the endpoint and must not use it. (The mapping is not in
 *   the child; channel_detach() does nothing there.)
 *
 * Before channel_attach() has succeeded and after channel_detach(), only these may be called: all
 * functions down to channel_epoch(), and the queries that say "any time". The others assume an
 * attached endpoint and do not check it: they may crash.
 *
 * The caller holds no lock: the functions take the locks that they need and release them before
 * they return.
 *
 * Functions return 0 or a positive result, or a negative errno or channel_error, and print nothing.
 * The details of the last error are in channel_report(), its words in channel_explain(). Sizes are
 * in bytes, times in nanoseconds.
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
	CHANNEL_NAME_MAX = 200, /* bytes without the NUL: letters, digits, '.', '_', '-' */
	SEGMENT_NAME_MAX = 240, /* internal: an object's name, with the NUL */
	CHANNEL_GROUP_MAX = 63, /* bytes without the NUL, of the same characters */
	CHANNEL_KEY_MAX = 255,	/* bytes of any value */
	CHANNEL_ABI_MAX = 48, /* size of the texts in report.theirs and report.ours, with the NUL */
	CHANNEL_EXPLAIN_MAX = 640 /* bytes that channel_explain() may need, with the NUL */
};

/*
 * Stands for the name of a group if the shared memory holds something else than a valid name there.
 * It is not a valid name itself; only channel_group_remove() takes it, to remove one such group.
 */
#define CHANNEL_GROUP_BAD "?"

/* Size of the ring in bytes: if options.size is 0, and at most. */
#define CHANNEL_SIZE_DEFAULT (UINT64_C(1) << 20)
#define CHANNEL_SIZE_MAX     (UINT64_C(1) << 32)

/* For options.spin_ns: always sleep at once. */
#define CHANNEL_SPIN_OFF UINT64_MAX

/*
 * What a producer does when the ring has no room for a message. Every policy still waits for locks,
 * and for another producer that is in the middle of writing. Of a message longer than the ring only
 * the first piece is subject to the policy: once it has begun, its other pieces wait for room.
 */
enum channel_when_full {
	/*
	 * Waits until there is room, for at most options.timeout_ns; if options.nonblock: -EAGAIN.
	 */
	CHANNEL_FULL_BLOCK,
	CHANNEL_FULL_FAIL,     /* returns -EAGAIN */
	CHANNEL_FULL_DROP_NEW, /* does not send it, counts it, and returns CHANNEL_DROPPED */
	/*
	 * Drops the oldest messages instead, no matter which producer sent them, and counts them.
	 * If one of those is claimed by a consumer, or has been before: like CHANNEL_FULL_DROP_NEW.
	 */
	CHANNEL_FULL_DROP_OLD
};

/*
 * Errors that errno has no name for. Returned negative, like errno values. "report" is what
 * channel_report() returns.
 */
enum channel_error {
	CHANNEL_EFOREIGN = 5000, /* the object of that name is not a channel */
	CHANNEL_EDAMAGED,	 /* the contents of the shared memory are inconsistent */
	CHANNEL_EVERSION,	 /* made with another layout version: report.theirs, .ours */
	CHANNEL_EABI,		 /* made with another libc or word size: report.theirs, .ours */
	CHANNEL_EOWNER,		 /* the object belongs to another user: report.owner */
	CHANNEL_EMODE,		 /* the channel exists with other permission bits: report.mode */
	CHANNEL_EINUSE,		 /* options.fresh, but it holds messages or has endpoints */
	CHANNEL_ENAME,		 /* not a valid name of a channel, or of a group */
	CHANNEL_EREMOVED,	 /* the object was removed while we were attached */
	CHANNEL_ETHREAD,	 /* a thread with our id is attached from another pid namespace */
	CHANNEL_ELOST,		 /* a consumer died or left that had acknowledged a part of it */
	CHANNEL_EABORTED,	 /* the producer gave this message up after sending a part of it */
	CHANNEL_ETOOBIG,  /* the message is larger than the ring, and options.nonblock is set */
	CHANNEL_EGROUPS,  /* the channel has as many groups as there can be */
	CHANNEL_ENOGROUP, /* the channel has no group of that name */
	CHANNEL_EBEHIND,  /* an observer was too slow inside a message sent in pieces */
	CHANNEL_ELINKED	  /* the object has a second name: it may be another channel's */
};

/* What an endpoint waits for: see options.waiting. */
enum channel_wait {
	CHANNEL_WAITS_NOT,  /* nothing here: it works, or waits for its own input or output */
	CHANNEL_WAITS_ROOM, /* a producer: for room, until consumers have made some */
	CHANNEL_WAITS_TURN, /* a producer: for another one to go on, report.holder if known */
	CHANNEL_WAITS_ACKNOWLEDGED, /* a producer: until all that it sent is acknowledged */
	CHANNEL_WAITS_CONSUMERS,    /* a producer: until enough consumers are attached */
	CHANNEL_WAITS_DATA,	    /* a consumer: for a message, or the end of the stream */
	CHANNEL_WAITS_PIECE, /* a consumer: for the next piece of a message longer than the ring */
	CHANNEL_WAITS_LOCK,  /* for a lock that report.holder holds (0: not known which process) */
	CHANNEL_WAITS_PLACE, /* attaching: until an endpoint of the same role leaves */
	CHANNEL_WAITS_FENCES /* attaching: until report.holder does without membarrier, too */
};

/*
 * What to attach to, and how. channel_attach() copies the struct, so it need not live on, but keeps
 * the pointers in it. How long each of them must stay valid is said with it; what they point to
 * must not change meanwhile. A struct that is all zero but for `name` and `owner` has the defaults.
 */
struct channel_options {
	/*
	 * Name of the channel: 1 to CHANNEL_NAME_MAX of the permitted characters. Kept:
	 * channel_explain() and a trace use it until this endpoint is attached again or freed.
	 */
	const char *name;
	uid_t owner;	   /* user id of the owner; another user's channel is never created */
	uint64_t size;	   /* ring's bytes if we create it, at most CHANNEL_SIZE_MAX; 0: default */
	mode_t mode;	   /* permission bits if we create it: see channel_mode_valid() */
	bool mode_given;   /* ... and refuse a channel that has others; false: 0600, any */
	bool fresh;	   /* refuse a channel that has messages or endpoints of this role */
	bool never_create; /* do not create it: -ENOENT if there is no channel */
	/*
	 * Never wait: -EAGAIN. A lock is tried for a second: if it is held that long, its holder is
	 * stopped.
	 */
	bool nonblock;
	enum channel_when_full when_full;
	uint64_t timeout_ns; /* the longest that one wait may last, then -ETIMEDOUT; 0: for ever */
	/*
	 * How long to wait awake before sleeping. 0: learned from which waits it has shortened
	 * lately; CHANNEL_SPIN_OFF: not at all.
	 */
	uint64_t spin_ns;
	uint32_t share;	    /* messages that CHANNEL_SHARE takes at a time; 0: one */
	uint64_t gather_ns; /* how long CHANNEL_TOGETHER waits for more messages; 0: not */
	/*
	 * A consumer's group: a valid name; NULL or "": the group without a name. Read during
	 * channel_attach() only.
	 */
	const char *group;
	bool newest;  /* a new group begins with what is sent from now on */
	bool durable; /* the group stays when its last consumer has left */
	bool observe; /* be in no group, take nothing and only look on: see tap.h */
	/*
	 * A producer's list of names, ended by NULL: these groups are made durable, and begun if
	 * they do not exist. NULL: none. Read during channel_attach() only.
	 */
	const char *const *groups;
	/*
	 * Called about once a second during a wait, in the thread that waits; NULL: not called.
	 * report.waits says what is waited for, and the rest of the report is as if the wait had
	 * failed now, so that channel_explain() explains it. It may only call functions that take a
	 * const channel, as locks may be held (the flock, for example).
	 */
	void (*waiting)(const struct channel *channel);
	/*
	 * Receives what the endpoint does, see trace.h; NULL: nothing is traced. Kept, and called,
	 * until channel_free(). An endpoint that is attached again keeps the sink it had first.
	 */
	const struct trace_sink *trace;
	/* For tests only: at which position the ring starts, a multiple of 8. */
	uint64_t first_position;
};

/*
 * The details of an error. Fields that do not apply to it are 0. Where a field names
 * errors, it is filled in for these errors only.
 */
struct channel_report {
	int error;		 /* the last error, negative, or 0 */
	enum channel_wait waits; /* set during options.waiting only */
	pid_t holder;		 /* the process in our way: it holds a lock or the turn, say */
	uid_t owner;		 /* CHANNEL_EOWNER: user id of the object's owner */
	mode_t mode;		 /* CHANNEL_EMODE: permission bits of the object */
	uint64_t needed_bytes;	 /* ENOSPC: bytes that creating the channel needs, ... */
	uint64_t free_bytes;	 /* ... and that the file system has left, ... */
	bool memory_limited;	 /* ... or, if true, that our control group's memory limit leaves */
	bool removable;		 /* CHANNEL_EFOREIGN, _ELINKED: our own file: we can remove it */
	uint64_t messages;	 /* CHANNEL_EREMOVED: how many messages cannot be delivered */
	unsigned endpoints;	 /* CHANNEL_EINUSE: how many endpoints of this role there are */
	bool holds_messages;	 /* CHANNEL_EINUSE: the reason is that it holds messages */
	/* The next five are for EAGAIN and ETIMEDOUT, and say what was waited for. */
	bool slots_taken;    /* all slots of this role are taken */
	bool fences_awaited; /* `holder` has not yet noticed that we lack membarrier */
	bool lock_taken;     /* a lock was held all the time */
	bool turn_taken;     /* another producer, `holder`, was ahead of us */
	bool held_by_group;  /* one of several groups keeps the ring full: its name, ... */
	unsigned members;    /* ... and how many consumers it has */
	char group[CHANNEL_GROUP_MAX + 1];
	/* CHANNEL_EVERSION, _EABI: how the channel was built, and how this program is. */
	char theirs[CHANNEL_ABI_MAX];
	char ours[CHANNEL_ABI_MAX];
};

/*
 * True if this is a valid name for a channel. Any time, like the next five; they need no channel.
 */
bool channel_name_valid(const char *name);

/*
 * True if this is a valid name for a group. The empty string is not, though it means the group
 * without a name.
 */
bool channel_group_valid(const char *name);

/* Returns the size that a ring of at least `size` bytes gets: a power of two, and whole pages. */
uint64_t channel_size_rounded(uint64_t size);

/*
 * True if a channel may have these permission bits: read and write for user, group and others, and
 * at least both for the user.
 */
bool channel_mode_valid(unsigned long mode);

/*
 * Writes into text[size] a description of the layout that this build uses, as a NUL-terminated
 * string. Two builds whose descriptions differ cannot share a channel.
 */
void channel_layout(char *text, size_t size);

/*
 * True if this process may use membarrier. A process that may not makes the channels that it
 * attaches to slower, for everybody.
 */
bool channel_membarrier(void);

/* ---- attaching and detaching ---- */

/*
 * Returns a new endpoint, not attached yet. NULL: out of memory. The caller owns it and frees it
 * with channel_free().
 */
struct channel *channel_new(void);

/*
 * Attaches the calling thread, as a producer or a consumer. The first endpoint creates the channel,
 * with all its memory reserved. Waits only for locks and for a free slot. The options are copied;
 * see struct channel_options for how long their pointers must live. An endpoint that was detached
 * may be attached again, with other options: all its counts begin at 0.
 *
 * Errors: those above, -EISCONN (already attached), -ENOENT, -ENODEV (there is no /dev/shm),
 * -EACCES, -ENOSPC, -EFBIG, -ENOMEM, -EMFILE, -EINTR (interrupted), -ETIMEDOUT, -EAGAIN. After
 * -CHANNEL_ETHREAD attach from another thread. After an error the endpoint is not attached.
 */
int channel_attach(struct channel *channel, enum channel_role role,
		   const struct channel_options *options);

enum channel_detach_flags {
	CHANNEL_FAILED = 1, /* a producer: tell consumers that the stream may be incomplete */
	CHANNEL_END = 2,    /* a producer: end the stream for consumers that follow, too */
	/*
	 * A producer that has not read any of its input: if no consumer is attached, leave no
	 * trace, neither of an empty stream nor of a failure.
	 */
	CHANNEL_UNBEGUN = 4,
	/*
	 * A consumer that got CHANNEL_ENDED but has not reported that end to anybody: leave the
	 * report to the next consumer of the group.
	 */
	CHANNEL_UNTOLD = 8
};

/*
 * Detaches: gives back the delivery in hand, aborts an unfinished message, frees the slot, and
 * removes the object if this was the last endpoint and nothing is left in the channel. Of `flags`
 * see above. If it cannot get a lock in time (10 s, or 1 s with options.nonblock or a timeout, or
 * when interrupted), it leaves all that to the next endpoint, which treats this one as dead once
 * the thread has ended; the memory then stays mapped until the process ends. Does nothing if not
 * attached, or in a forked child. Any time.
 */
void channel_detach(struct channel *channel, unsigned flags);

/*
 * Removes the group `name` ("": the one without a name), which must have no consumers, and what it
 * has not acknowledged: *messages says how many messages that is. With its last group the channel
 * is removed, too, if nobody is attached.
 *
 * The endpoint must not be attached (-EISCONN), and is not attached afterwards; options.name is
 * kept as by channel_attach(). Errors: those of channel_attach(), -CHANNEL_ENOGROUP, and
 * -CHANNEL_EINUSE if the group has consumers.
 */
int channel_group_remove(struct channel *channel, const struct channel_options *options,
			 const char *name, uint64_t *messages);

/*
 * Frees an endpoint that is not attached; NULL is allowed. Hands the rest of a trace to its sink.
 */
void channel_free(struct channel *channel);

/*
 * Makes the wait that the endpoint is in, and all later ones, return -EINTR; there is no way back,
 * so channel_attach() fails, too. (channel_detach() still works, but waits less.) May be called
 * from a signal handler of the endpoint's thread, and from other threads as long as the endpoint
 * does not detach meanwhile. Any time, until channel_free().
 */
void channel_interrupt(struct channel *channel);

/* True if channel_interrupt() was called. Any time, from any thread. */
bool channel_interrupted(const struct channel *channel);

/* True if it was attached with options.nonblock. Any time. */
bool channel_nonblocking(const struct channel *channel);

/*
 * Returns the details of the last error. They belong to the endpoint and change with the next call.
 * Any time.
 */
const struct channel_report *channel_report(const struct channel *channel);

/*
 * Writes the cause of `error` in words, for a message of the form "cannot ...: CAUSE", into a
 * buffer of `size` bytes; CHANNEL_EXPLAIN_MAX bytes are enough. The error must be the last that
 * this endpoint returned. The text may hold a command to paste. Returns buffer. Any time.
 */
const char *channel_explain(const struct channel *channel, int error, char *buffer, size_t size);

/*
 * Writes the options of the tools that name this channel, for a command to paste: "-C NAME", and
 * for another user's channel also the options that using it takes. Of `options` it reads name and
 * owner. Returns words.
 */
enum { CHANNEL_WORDS = CHANNEL_NAME_MAX + 50 };
const char *channel_words(const struct channel_options *options, char words[CHANNEL_WORDS]);

/*
 * True if this address lies in the channel's mapped memory. For a SIGBUS handler: such a fault
 * means that somebody has truncated the object. Async-signal-safe. Any time.
 */
bool channel_contains(const struct channel *channel, const void *address);

/* Returns the permission bits of the channel's object; 0 if not attached. Any time. */
mode_t channel_mode(const struct channel *channel);

/* Returns the size of the ring in bytes; 0 if not attached. Any time. */
uint64_t channel_capacity(const struct channel *channel);

/*
 * Returns when the channel was created, in ns since 1970, which tells channels of the same name
 * apart; 0 if not attached. Any time.
 */
uint64_t channel_epoch(const struct channel *channel);

/* ---- sending: only on an attached producer, except those that say "any time" ---- */

/*
 * Labels what this endpoint sends from now on with a key of `size` bytes (copied), at most
 * CHANNEL_KEY_MAX (else -EINVAL). 0: without a key, as after attaching. -EBUSY between reserve and
 * commit, and inside a message sent in pieces. The key is stored with the messages, so the largest
 * sizes below become smaller by it.
 */
int channel_key_set(struct channel *channel, const void *key, size_t size);

/*
 * Returns the largest message, in bytes, that is sent in one piece. A longer one streams through
 * the ring in pieces.
 */
size_t channel_message_max(const struct channel *channel);

/*
 * Returns how many bytes a block of lines, or a piece of a long message, should have at most: about
 * a quarter of the ring.
 */
size_t channel_block_max(const struct channel *channel);

enum channel_send_flags {
	CHANNEL_MORE = 1,	 /* a piece of a long message, and not its last one */
	CHANNEL_UNTERMINATED = 2 /* the last line of an input, which has no delimiter */
};

/*
 * CHANNEL_DROPPED: there was no room, and nothing of it was sent (CHANNEL_FULL_DROP_NEW and _OLD
 * only). It has used up sequence numbers all the same, so that consumers see how many messages are
 * missing.
 */
enum channel_send_result { CHANNEL_SENT = 0, CHANNEL_DROPPED = 1 };

/*
 * Sends a copy of one message of any size; `flags` is 0 or CHANNEL_UNTERMINATED. Returns
 * CHANNEL_SENT when the message is committed: from then on it is delivered whatever happens to this
 * process. A message longer than channel_message_max() is sent in pieces, and returns when it has
 * been acknowledged.
 *
 * Waits for room as options.when_full says. Returns CHANNEL_DROPPED, or an error: -EAGAIN,
 * -ETIMEDOUT, -EINTR, -CHANNEL_EREMOVED, -CHANNEL_EDAMAGED; for a message in pieces also
 * -CHANNEL_ETOOBIG (nonblocking, nothing sent) and -CHANNEL_ELOST.
 */
int channel_send(struct channel *channel, const void *message, size_t size, unsigned flags);

/*
 * A block is what one record of the ring holds: either `messages` messages, each ending with the
 * same `delimiter_size` bytes; or, with delimiter_size 0, one message (`messages` is 1) or one
 * piece of a message. `size` is in bytes, delimiters included; `flags` are channel_send_flags.
 */
struct channel_block {
	size_t size;
	uint32_t messages;
	uint8_t delimiter_size;
	unsigned flags;
};

/*
 * Sends a copy of block->size bytes as one block, at most channel_message_max() bytes (else
 * -EMSGSIZE): all of it, or, if there is no room and the policy says so, nothing. Results and
 * errors: those of channel_send().
 */
int channel_send_block(struct channel *channel, const void *bytes,
		       const struct channel_block *block);

/*
 * Sending without a copy: channel_reserve() reserves room for `least` to `most` bytes and stores
 * where it is in *at and how many bytes it has in *room; the caller writes there, and then commits
 * or cancels. *at points into the shared ring and is valid until then. Other producers wait
 * meanwhile, so write at once.
 *
 * channel_commit() sends the first block->size bytes of it (-EINVAL: nothing is reserved, or not so
 * much). If the flag CHANNEL_MORE is set, the other producers go on waiting until the last piece of
 * the message is committed. channel_cancel() sends nothing.
 *
 * Errors of channel_reserve(): those of channel_send(), and -EMSGSIZE if `least` is more than
 * channel_message_max(). With CHANNEL_FULL_DROP_NEW and _OLD it is -EAGAIN if there is no room, and
 * nothing has been dropped.
 */
int channel_reserve(struct channel *channel, size_t least, size_t most, unsigned char **at,
		    size_t *room);
int channel_commit(struct channel *channel, const struct channel_block *block);
int channel_cancel(struct channel *channel);

/*
 * Returns how many messages this endpoint has dropped, new or old ones; an old message counts once,
 * no matter how many groups miss it. Any time.
 */
uint64_t channel_dropped(const struct channel *channel);

/*
 * True if options.when_full says that it drops messages, new or old, when there is no room. Any
 * time.
 */
bool channel_drops(const struct channel *channel);

/*
 * Waits until at least `count` consumers (not observers) are attached, not counting those that have
 * died. Errors: -EAGAIN if there are fewer and it is nonblocking, and those of a wait, as for
 * channel_send().
 */
int channel_wait_consumers(struct channel *channel, unsigned count);

/*
 * Returns how many consumers (not observers) are attached, those included that have died and are
 * not yet cleaned up after.
 */
unsigned channel_consumers(const struct channel *channel);

/*
 * Waits until everything that this endpoint sent has been acknowledged by all groups.
 * -CHANNEL_ELOST: the last message was longer than the ring, and a consumer has died with a part of
 * it. Other errors: those of a wait, as for channel_send().
 */
int channel_wait_acknowledged(struct channel *channel);

/*
 * For a caller of either role that waits elsewhere (for input, say): it must call this about once a
 * second. It looks for dead endpoints and cleans up after them, and checks that the object still
 * has its name. Most calls return at once. Errors: -CHANNEL_EREMOVED, -CHANNEL_EDAMAGED, and
 * -CHANNEL_ELOST for a producer inside a message of which a part is lost.
 */
int channel_look_after(struct channel *channel);

/*
 * After -CHANNEL_EREMOVED: updates report.messages, the number of messages that our group has not
 * acknowledged; for a producer or an observer, the number of the group with the most. Does not
 * wait: while another endpoint holds the lock, the number stays as it was.
 */
void channel_count_left(struct channel *channel);

/* ---- receiving: only on an attached consumer, except those that say "any time" ---- */

/*
 * A delivery, which the consumer then has "in hand": `messages` whole messages, or one piece of a
 * message longer than the ring.
 *
 * The pointers point into the shared ring. They are valid until the delivery is acknowledged or
 * given back: until the next call of channel_receive(), channel_acknowledge(), channel_give_back()
 * or channel_detach(). A hostile producer could change the bytes meanwhile: copy them before you
 * judge them.
 */
struct channel_delivery {
	const unsigned char *bytes;
	size_t size;	   /* of `bytes`, delimiters included */
	uint64_t sequence; /* number of the first message; the others follow it */
	uint32_t messages;
	/*
	 * The label that its producer gave to all of these messages, in the ring; key_size 0: none.
	 * Of a message sent in pieces only the first piece has it.
	 */
	const unsigned char *key;
	size_t key_size;
	/*
	 * Every message ends with it. delimiter_size 0: there is none, and this is one message, or
	 * a piece.
	 */
	const unsigned char *delimiter;
	size_t delimiter_size;
	uint32_t attempts; /* how often it was handed out, to any consumer: 1 the first time */
	uint32_t failures; /* how many tries with it have failed: see channel_try() */
	bool first, last;  /* first, last piece of its message; both true for whole messages */
	bool unterminated; /* the last line of an input, without a delimiter */
};

enum channel_receive_flags {
	CHANNEL_DONTWAIT = 1, /* -EAGAIN if there is nothing; inside a message it waits */
	CHANNEL_FOLLOW = 2,   /* go on waiting when all producers have left */
	CHANNEL_SHARE = 4,    /* beside other consumers, take at most options.share */
	CHANNEL_TOGETHER = 8, /* deliver up to `most` messages of several records together */
	/* With CHANNEL_FOLLOW: return CHANNEL_PASSED at an end, instead of waiting. */
	CHANNEL_PASSING = 16
};

enum channel_receive_result { CHANNEL_ENDED = 0, CHANNEL_DELIVERED = 1, CHANNEL_PASSED = 2 };

/*
 * Acknowledges the delivery in hand, if there is one, and takes the next, of at most `most`
 * messages (at least 1). Waits for it up to timeout_ns (0: options.timeout_ns; UINT64_MAX: for
 * ever). Fills in *delivery if it returns CHANNEL_DELIVERED.
 *
 * CHANNEL_ENDED: the stream is over, see channel_incomplete(). This end counts as reported to the
 * group when this consumer detaches (unless with CHANNEL_UNTOLD). CHANNEL_PASSED: see above.
 *
 * Errors: -EAGAIN, -ETIMEDOUT, -EINTR, -CHANNEL_EREMOVED, -CHANNEL_EDAMAGED, -EINVAL for an
 * observer, and -CHANNEL_EABORTED: the message whose pieces were delivered will not be finished,
 * and nothing is in hand. An error that comes early (-EINTR, say) may leave the delivery in hand
 * unacknowledged.
 */
int channel_receive(struct channel *channel, uint32_t most, unsigned flags, uint64_t timeout_ns,
		    struct channel_delivery *delivery);

/*
 * With CHANNEL_TOGETHER a delivery may come in several parts, one for each record; the
 * messages of all its parts have consecutive numbers. Fills in *delivery with the next part of what
 * is in hand, without acknowledging the parts before, whose pointers stay valid. Returns
 * CHANNEL_DELIVERED, or CHANNEL_ENDED if there is no further part, or -CHANNEL_EDAMAGED. All parts
 * are acknowledged or given back together, and are delivered together again if this process dies. A
 * message longer than the ring comes in pieces as always.
 */
int channel_receive_more(struct channel *channel, struct channel_delivery *delivery);

/*
 * A try is the time in which the messages in hand are at risk: a command works on them, say.
 * channel_try() begins one, channel_tried() ends it and says whether it failed. Having messages in
 * hand is not a try by itself. A failed try counts in `failures` of the next delivery of these
 * messages, to any consumer; so does a try whose process dies before it ends. Both counts, failures
 * and attempts, are kept in the channel.
 *
 * Errors: -EINVAL: nothing is in hand; for channel_try() also those of a lock, as for
 * channel_acknowledge().
 */
int channel_try(struct channel *channel);
int channel_tried(struct channel *channel, bool failed);

/*
 * Counts that this consumer handles what it has in hand once more, as a redelivery would count:
 * *attempts is what delivery.attempts is now. Errors: as for channel_try().
 */
int channel_retry(struct channel *channel, uint32_t *attempts);

/*
 * Acknowledges the delivery in hand without taking another; 0 if there is none. The errors are
 * those of getting a lock: -ETIMEDOUT, -EAGAIN, -CHANNEL_EDAMAGED; the delivery then stays in hand.
 * (Interrupted, it still tries for the time that leaving may take.)
 */
int channel_acknowledge(struct channel *channel);

/*
 * Gives the delivery in hand back, except for its first `done` messages, which are acknowledged (of
 * a piece: none). The rest is delivered to the next consumer, this one included. 0 if nothing is in
 * hand. Errors: -ETIMEDOUT, -CHANNEL_EDAMAGED.
 */
int channel_give_back(struct channel *channel, uint32_t done);

/*
 * For a consumer with CHANNEL_FOLLOW that stops by its own decision: makes it end at the last end
 * of stream that it has passed, as if channel_receive() had returned CHANNEL_ENDED there. False: it
 * has passed none. Any time.
 */
bool channel_end_passed(struct channel *channel);

/*
 * True if this consumer is the only one of its group. An observer is in no group, and always alone.
 * Any time.
 */
bool channel_alone(struct channel *channel);

/*
 * True if this consumer is the only one of its group, no other has a claim, and the channel holds
 * nothing for the group after what this consumer has in hand. Any time.
 */
bool channel_at_last(struct channel *channel);

/*
 * If the message in hand is longer than the ring and a part of it is already acknowledged: returns
 * the message's number. It cannot be given back, and is lost if the rest is not acknowledged. Else
 * 0. Any time.
 */
uint64_t channel_part_gone(struct channel *channel);

/*
 * At an end: true if a producer died or failed since this consumer attached, or before that without
 * any consumer of the group having reported it. Any time.
 */
bool channel_incomplete(const struct channel *channel);

/*
 * Returns how many messages longer than the ring were cut short by a consumer's death, as found by
 * this consumer. Any time.
 */
uint64_t channel_lost(const struct channel *channel);

/*
 * Returns how many messages producers have dropped, because the ring was full, before any consumer
 * of our group got them, as found by this consumer: by a gap before a message that it claims, or at
 * an end. They may have been dropped before it attached. Each dropped message is found by one
 * consumer of a group. Any time.
 */
uint64_t channel_missed(const struct channel *channel);

#endif

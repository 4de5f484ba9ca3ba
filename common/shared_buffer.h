/*
 * The bytes that all processes of a channel map. There are no functions here; common/PROTOCOL.md
 * explains how the fields are used together, and defines the terms.
 *
 * There are no pointers in the shared memory. A position is a count of bytes since the channel was
 * made. It never wraps around in practice, but all arithmetic on it is modulo 2^64 (ring.h).
 *
 * Each field says which process writes it, which one reads it, and what guards it. "Guarded by"
 * names the mutex that a writer holds; a reader holds it, too, unless the comment says "without".
 * A field that is read without its mutex, or has none, is one atomic word. A *hint* is there for
 * messages and displays only: nothing depends on its being right. Any field may also be read by a
 * snapshot or a peek (snapshot.h, peek.h), which take no mutex and check what they have read.
 *
 * "The slot's owner" is the endpoint that has the slot. "The burial" is the process that cleans up
 * after a dead owner, with the mutex of that owner's side held.
 */
#ifndef SHARED_BUFFER_H
#define SHARED_BUFFER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#ifndef __linux__
#error "shm-produce and shm-consume need Linux: futexes, robust mutexes and double mapping."
#endif

enum {
	SLOT_COUNT = 64,      /* endpoints of one side at a time: one bit each in a bitmap */
	GROUP_COUNT = 16,     /* groups of consumers */
	GROUP_NAME_SIZE = 64, /* bytes, with the NUL */
	CACHE_LINE = 128,     /* bytes: two 64-byte lines, as processors fetch them in pairs */
	LAYOUT_PAGE = 4096    /* bytes: mutexes lie on pages of their own */
};

#define LAYOUT_VERSION 7u

/* The first eight bytes of the object. */
#define MAGIC_READY UINT64_C(0x31304e48434d4853) /* "SHMCHN01" in memory */

/*
 * Which endpoints run the fences (barrier.h). The word only ever goes from one of these values to
 * the next; a channel may also be made with FENCES_PLAIN.
 */
enum fences {
	/* Only those that sleep or attach: they have the kernel run fences on all processors. */
	FENCES_ASYMMETRIC = 1,
	/* A newcomer cannot use membarrier: all are changing to fences of their own (slot.fences). */
	FENCES_CHANGING = 2,
	/* Every endpoint runs its own fences. */
	FENCES_PLAIN = 3
};

/*
 * The header: written by the creator before the object has a name, read by everybody without a
 * mutex, and never changed once magic is MAGIC_READY, except for `fences` and `keeper`. Magic,
 * layout_version and abi keep their place in every layout version.
 */
struct header {
	_Atomic uint64_t magic; /* stored last, with release */
	uint32_t layout_version;
	/*
	 * enum fences. Written by a newcomer without membarrier; guarded by the flock. Read by
	 * every endpoint about once a second, without the flock.
	 */
	_Atomic uint32_t fences;
	char abi[48];	   /* libc, word size, sizeof mutex; text, NUL-terminated */
	uint64_t capacity; /* bytes of the ring, a power of two */
	uint64_t epoch;	   /* ns since 1970 at creation: tells channels of one name apart */
	/*
	 * Hint: the pid that holds the flock, or has died with it; 0: none. Written by the holder
	 * of the flock. Read, for a message, by a process that waits for the flock.
	 */
	_Atomic uint32_t keeper;
};

/* One robust, process-shared mutex on cache lines of its own. */
struct lock {
	_Alignas(CACHE_LINE) pthread_mutex_t mutex;
};

/*
 * All mutexes of one side. `side` is the one that the comments call the producers' mutex, or the
 * consumers' mutex. alive[i] is held by the owner of slot i for as long as it lives; it is locked,
 * tried and unlocked only with `side` held, and nobody ever waits for it.
 */
struct locks {
	_Alignas(LAYOUT_PAGE) struct lock side;
	struct lock alive[SLOT_COUNT];
};

/* A slot's semaphore. Posting it calls the kernel only if the owner is asleep. */
enum wakeup { WAKEUP_NONE = 0, WAKEUP_TOKEN = 1, WAKEUP_ASLEEP = 2 /* or is about to be */ };

/* An endpoint's place in its side. */
struct slot {
	/*
	 * enum wakeup. WAKEUP_TOKEN is written by any process that wakes the owner, on either side,
	 * and by the owner's Unix signal handler. The other values are written by the owner. No
	 * mutex: each change is one atomic exchange or compare-and-swap.
	 */
	_Alignas(CACHE_LINE) _Atomic uint32_t wakeup;
	/*
	 * Hint: a number of the process that put the token in, for the arrow in a trace (trace.h).
	 * Written by the waker, if it writes a trace; read and cleared by the owner, if it writes
	 * one. No mutex.
	 */
	_Atomic uint64_t waker;
	/*
	 * In a producer's slot: the sequence number of its message longer than the ring that was
	 * lost with a consumer; 0: none. Written by consumers, and by the burial of a consumer;
	 * guarded by the consumers' mutex. Read by the owner without it. Cleared by the owner when
	 * it attaches.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t lost;
	/*
	 * In a producer's slot: 1 while the owner appends a record without the mutex, because it
	 * was the only producer attached when it began. Written by the owner without a mutex;
	 * cleared by its burial. Read by producers that have attached since (producers_settled()).
	 */
	_Atomic uint32_t writing;
	/*
	 * The owner's thread and process. Written by the owner when it attaches; tid is set to 0
	 * when the owner detaches in good order. Guarded by the mutex of the owner's side. tid is
	 * read by newcomers, under the flock (thread_id_taken()); for the rest both are hints.
	 */
	_Atomic uint32_t tid;
	_Atomic uint32_t pid;
	/*
	 * 1: the owner runs a fence of its own in the light half of barrier.h. Written by the owner
	 * when it attaches, and when it finds that `fences` in the header has changed; no mutex.
	 * Read, under the flock, by a newcomer that waits until all owners do so.
	 */
	_Atomic uint32_t fences;
	/*
	 * Counters since the owner attached, for displays. Written by the owner alone; no mutex.
	 */
	_Atomic uint64_t messages; /* sent, or taken */
	_Atomic uint64_t bytes;	   /* of these messages, without keys and delimiters */
	_Atomic uint64_t dropped;  /* a producer's: messages dropped because there was no room */
	/*
	 * Hints, for processes that ask whether the owner lives without touching a mutex (life.h).
	 * Written by the owner when it attaches; no mutex.
	 */
	_Atomic uint64_t since; /* when it attached: time since boot, in ns */
	/* In which pid and time namespaces tid, pid and since have a meaning; 0: not known. */
	_Atomic uint64_t namespaces;
};

/* What both sides have alike. "This side's mutex" is locks.side next to it. */
struct side {
	/*
	 * One bit for each slot in use. Written by the endpoint that attaches or leaves, and by a
	 * burial; guarded by this side's mutex. Read without it by everybody: the other side reads
	 * it to learn that nobody is attached here, and then reads `events`, which was written
	 * before the bit was cleared.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t attached;
	/*
	 * Hint: the pid that last locked this side's mutex. Written by that process, guarded by
	 * this mutex. Read, for a message, by processes that wait for the mutex. It does not lie on
	 * a line that the other side reads.
	 */
	_Alignas(CACHE_LINE) _Atomic uint32_t holder;
	/*
	 * Counter, for displays: endpoints buried. Written by the burial, guarded by this side's
	 * mutex. An endpoint may be counted twice if its burial is interrupted (slot_bury()).
	 */
	_Atomic uint64_t recovered;
	struct slot slots[SLOT_COUNT];
};

/*
 * A mark says what is true at one value of tail. Of the two marks, the one whose position equals
 * tail counts, so the single store of tail switches all fields; the other one is idle.
 *
 * Written by the producer that may write at tail, which fills the idle mark before it stores tail;
 * guarded by the producers' mutex, except for a lone producer, which writes without it.
 */
struct mark {
	/*
	 * Read without the mutex by consumers. Processes that hold the mutex to attach, to bury or
	 * to repair may read it while a lone producer fills the idle mark: see mark_find().
	 */
	_Atomic uint64_t position;
	/*
	 * The number of the next message. That of the current mark also grows by itself when
	 * messages are dropped: one store, under the mutex. Read without the mutex by consumers and
	 * observers that find no record where they look: see sequence_at().
	 */
	_Atomic uint64_t sequence;
	/* The number of the open message, if one is open. Read by producers only. */
	uint64_t open_sequence;
	/* slot + 1 of the producer inside a message longer than the ring; 0: none. As position. */
	_Atomic uint32_t open;
};

struct producers {
	struct locks locks;
	/*
	 * The position up to which records are committed. Written by producers, with release;
	 * guarded by the producers' mutex, except for a lone producer, which writes it without.
	 * Read without the mutex by consumers and observers, with acquire.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	/*
	 * No byte at or after this position has been written yet. So what lies more than the ring's
	 * capacity before it may be overwritten. Written by the producer that may write at tail
	 * (with the mutex, with the turn, or alone), which advances it before it writes the bytes.
	 * Read without a mutex by observers and others that read without a claim.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t frontier;
	/* See struct mark. */
	_Alignas(CACHE_LINE) struct mark marks[2];
	/*
	 * slot + 1 of the producer that was passed over and gets the turn next; 0: none. Written
	 * and read by producers, guarded by the producers' mutex.
	 */
	uint32_t turn_next;
	/*
	 * slot + 1 of the producer that has reserved, waits for room, or is inside a message longer
	 * than the ring; 0: the turn is free. Written by producers, guarded by the producers'
	 * mutex. Read without it by producers that wait for the turn or may be alone, and by the
	 * process that has moved head.
	 */
	_Atomic uint32_t turn;
	/*
	 * The head that the holder of the turn needs: without bit 0 while it does not sleep, with
	 * bit 0 set while it is to be woken; 0: none. Written by the holder of the turn, with or
	 * without the mutex. Cleared by compare-and-swap by the process that wakes it, and, under the
	 * producers' mutex, by the process that releases the turn. Read by consumers for each
	 * message: so it has a line of its own.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t room_wanted;
	/*
	 * Conditions: bit i is set while the owner of slot i sleeps, or is about to. Set and
	 * cleared by that owner, cleared by the process that wakes it and by its burial; each
	 * change is one atomic instruction, without a mutex.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_turn; /* read by producers */
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_ack;  /* read by consumers, and producers */
	/* Only before a producer sends anything. Read by consumers that attach. */
	_Atomic uint64_t waiting_consumers;
	/*
	 * Counters of producers attached, of deaths and of ends (channel/events.h). Written by
	 * producers that attach or leave, and by a burial; guarded by the producers' mutex. Read
	 * without it by consumers, observers and a lone producer.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t events;
	struct side side;
};

/* A place between two messages. Normalised: the end of a record is {next record, 0, 0}. */
struct cursor {
	uint64_t record; /* position of the record */
	uint32_t offset; /* bytes of its body before this place */
	uint32_t index;	 /* messages of the record before this place */
};

enum claim_flags {
	CLAIM_MID = 1,	/* inside a message longer than the ring: more pieces follow */
	CLAIM_PART = 2, /* a part of that message has been acknowledged and freed */
	/* All of the claim may be in its owner's hands at once, not only its first record. */
	CLAIM_TOGETHER = 4
};

/* What guards it: see struct claim. */
struct claim_state {
	struct cursor begin; /* the owner needs nothing before it any more */
	struct cursor end;   /* everything from it on belongs to others */
	uint64_t sequence;   /* of the first message of the record at `begin`, when claimed */
	uint32_t flags;	     /* enum claim_flags */
	uint32_t producer;   /* slot of the producer that sent the record */
};

/*
 * What the word `owner` of a claim says. It is one word, so that one store changes all of it:
 *
 * bits 0 to 7    the slot that holds the claim, plus 1; or OWNER_FREE, OWNER_SPLIT, OWNER_NONE
 * bit 8          OWNER_TRYING: a try is going on with what the owner has in hand
 * bits 9 to 31   how many tries have failed, or have ended with their consumer's death
 * bits 32 to 63  how often the claim was handed out, this time included
 *
 * All messages of a claim have been through the same. Where that would become wrong, the claim is
 * split.
 */
enum {
	OWNER_FREE = 0, /* the entry is free */
	/* It becomes the rest of a claim once that claim ends where this one begins. */
	OWNER_SPLIT = 0xfe,
	OWNER_NONE = 0xff, /* an orphan */
	OWNER_TRYING = 0x100,
	OWNER_FAILURE_SHIFT = 9,
	OWNER_FAILURES_MAX = 0x7fffff,
	OWNER_ATTEMPT_SHIFT = 32
};

/*
 * A range of messages that belongs to one consumer. Written and read by consumers, and by producers
 * that move head or drop old messages; guarded by the consumers' mutex. The owner of a claim may
 * read it without the mutex, as nobody else changes it.
 */
struct claim {
	/*
	 * Stored last when a claim begins, and alone when it changes hands or ends. The end of a
	 * try is stored by the owner without the mutex (claim_tried()).
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t owner;
	/*
	 * All before the record at this position is acknowledged. Written by the owner alone,
	 * without the mutex: so going on in a claim of several records costs no lock. Read with the
	 * mutex. It counts if it is beyond the state's `begin`.
	 */
	_Atomic uint64_t done;
	/* Which of the two states counts. A change fills the idle one, then stores the selector. */
	_Atomic uint32_t selector;
	struct claim_state states[2];
};

/*
 * What a group is, in one word: it begins, changes its name or durability, and ends with one store.
 * A group that is GROUP_LEFT has no consumers. Unless it is durable it waits for none: the next
 * group that comes takes its place, and if there are other groups it ends. A new channel has one
 * such group, without a name.
 */
enum group_state {
	GROUP_FREE = 0,	   /* no group */
	GROUP_OPEN = 1,	   /* it has consumers, or had some when they died */
	GROUP_LEFT = 2,	   /* its last consumer has left in good order, or none has come yet */
	GROUP_LIFE = 3,	   /* the bits of these three */
	GROUP_DURABLE = 4, /* it stays without consumers until it is removed */
	GROUP_NAME = 8,	   /* which of its two names counts */
	GROUP_BITS = 15
};

/*
 * Consumers that share the messages; every group gets all messages. Written and read by consumers,
 * and by producers that move head, drop old messages, or declare durable groups; guarded by the
 * consumers' mutex, unless a field says otherwise.
 */
struct group {
	/*
	 * The slots of the group's consumers; a bit counts while it is also set in side.attached.
	 * Read without the mutex by producers, to wake one consumer of each group.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t members;
	/* Where the next claim begins: two copies, and the selector that says which one counts. */
	_Alignas(CACHE_LINE) struct cursor next[2];
	_Atomic uint32_t next_selector;
	/* enum group_state. Read without the mutex by producers that leave, under the flock. */
	_Atomic uint32_t state;
	/*
	 * Which claims to look at: a superset of those that are not OWNER_FREE. Not trusted after a
	 * death: the repair rebuilds it. Read without the mutex by a producer that is about to
	 * sleep, to see whether there is any claim.
	 */
	_Atomic uint64_t claims_used;
	/*
	 * The value of `events` at the last end that one of the group's consumers has reported, and
	 * then has left. Read without the mutex, under the flock, by endpoints that leave.
	 */
	_Atomic uint64_t told;
	/*
	 * 1: a stream without a message has ended unseen. Set by a producer that leaves, under the
	 * flock and without the mutex; cleared by consumers with the mutex. Read as `told`.
	 */
	_Atomic uint32_t empty_end;
	/*
	 * The number of the message that comes next if none was dropped. It is too high after
	 * claimed messages were given back, until they are claimed again; 0: not known.
	 */
	_Atomic uint64_t expected;
	/* Counters, for displays: messages that were dropped before the group got them, ... */
	_Atomic uint64_t dropped;
	_Atomic uint64_t redelivered; /* ... and claims that were handed out once more */
	/* Ends with a NUL. Written where it does not count, then a bit of `state` switches it. */
	char names[2][GROUP_NAME_SIZE];
	struct claim claims[SLOT_COUNT];
};

struct consumers {
	struct locks locks;
	/*
	 * The position up to which the ring is free again. Written with release by consumers, and
	 * by producers that take in what consumers have acknowledged or drop old messages; guarded
	 * by the consumers' mutex. Read without it by producers, with acquire, and by observers.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	/*
	 * Which groups to look at: a superset of those that are not GROUP_FREE. Guarded by the
	 * consumers' mutex. Not trusted after a death: the repair rebuilds it. Read without the
	 * mutex by producers that wake consumers.
	 */
	_Alignas(CACHE_LINE) _Atomic uint32_t groups_used;
	struct group groups[GROUP_COUNT];
	/* Conditions, like those of the producers. Read by producers, and by consumers. */
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_data;
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_piece;
	struct side side;
};

/* The ring follows at the next multiple of the system's page size and is mapped twice. */
struct shared_buffer {
	struct header header;
	struct producers producers;
	struct consumers consumers;
};

enum record_flags {
	RECORD_MORE = 1,	 /* a piece, and not the last one of its message */
	RECORD_CONTINUED = 2,	 /* a piece, and not the first one */
	RECORD_ABORTED = 4,	 /* an abort record, no payload: the producer gave the message up */
	RECORD_UNTERMINATED = 8, /* the last line of delimited input, without a delimiter */
	RECORD_FLAGS = 15
};

/*
 * The header of a record, in the ring at a multiple of 8. Written by the producer that may write at
 * tail, before tail passes it, and never changed while head has not passed it. Read by consumers
 * with a claim on it, and by observers and others that check afterwards that it was not
 * overwritten.
 *
 * The payload follows: first the key, which all messages of the record have, then the body. The
 * body is `messages` messages, each ending with the same bytes as the payload (its last
 * `delimiter_size` bytes), or, if delimiter_size is 0, one message or one piece of one.
 */
struct record {
	uint32_t check; /* a hash of the position: tells a record from anything else */
	uint32_t size;	/* bytes of payload, the key among them */
	/* The number of its first message, or of the message of which it is a piece. */
	uint64_t sequence;
	uint32_t messages;	/* that begin in it: of a message's pieces 1 in the first, else 0 */
	uint8_t flags;		/* enum record_flags */
	uint8_t delimiter_size; /* in bytes; 0: no delimiter */
	uint8_t producer;	/* slot of the producer */
	/* In bytes; 0: no key. A message in pieces has its key in the first one. */
	uint8_t key_size;
};

_Static_assert(sizeof(struct record) == 24, "a record header is 24 bytes in every build");
_Static_assert(sizeof(pthread_mutex_t) <= CACHE_LINE, "a mutex fits its lines");
_Static_assert(sizeof(struct locks) % LAYOUT_PAGE == 0, "mutexes share no page with other data");
_Static_assert(_Alignof(struct shared_buffer) == LAYOUT_PAGE, "the buffer begins on a page");
_Static_assert(sizeof(struct claim) == CACHE_LINE, "one claim, one line");
_Static_assert(sizeof(struct cursor) == 16, "a cursor has no padding");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "atomics in shared memory must be lock-free");

#endif

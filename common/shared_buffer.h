/*
 * The bytes that both processes map. Nothing here is a function; common/PROTOCOL.md
 * tells how the fields are used together.
 *
 * There are no pointers in here. A position is a count of bytes since the channel was
 * made; it never wraps in practice, but all arithmetic on it is modulo 2^64 (ring.h).
 *
 * "Guarded by" names the mutex a writer holds. A field that the other side reads is one
 * atomic word, and there are no others: tail, frontier, head, turn, room_wanted, the bitmaps,
 * events, told, empty_end, lost, waker, and a mark's position and sequence.
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
	GROUP_NAME_SIZE = 64, /* with its NUL */
	CACHE_LINE = 128,     /* two 64-byte lines: processors fetch them in pairs */
	LAYOUT_PAGE = 4096    /* mutexes lie on pages of their own */
};

#define LAYOUT_VERSION 7u

/* The first eight bytes of the object. */
#define MAGIC_READY UINT64_C(0x31304e48434d4853) /* "SHMCHN01" in memory */

/* Who pays for the fences (barrier.h). It only ever goes from one of these to the next. */
enum fences {
	FENCES_ASYMMETRIC = 1, /* whoever sleeps or attaches: all can have the kernel run them */
	FENCES_CHANGING = 2,   /* an endpoint that cannot has come: from now on everybody, ... */
	FENCES_PLAIN = 3       /* ... and now everybody does: slot.fences. Or it was made so */
};

/*
 * header: written by the creator before the object has a name, read by everybody, never changed
 * after magic says MAGIC_READY, but for two words: `fences`, written under the flock, and `keeper`,
 * a hint: the pid that last took the flock. Magic, layout_version and abi keep their place in
 * every layout version.
 */
struct header {
	_Atomic uint64_t magic;
	uint32_t layout_version;
	_Atomic uint32_t fences; /* enum fences */
	char abi[48];		 /* libc, word size, sizeof mutex; text, NUL-terminated */
	uint64_t capacity;	 /* bytes of the ring, a power of two */
	uint64_t epoch;		 /* ns since 1970 at creation: tells channels of one name apart */
	_Atomic uint32_t keeper;
};

/* One robust, process-shared mutex on cache lines of its own. */
struct lock {
	_Alignas(CACHE_LINE) pthread_mutex_t mutex;
};

/* All mutexes of one side. alive[i] belongs to the owner of slot i for as long as it lives. */
struct locks {
	_Alignas(LAYOUT_PAGE) struct lock side;
	struct lock alive[SLOT_COUNT];
};

/* A slot's semaphore. Who puts a token in wakes only an owner that sleeps. */
enum wakeup { WAKEUP_NONE = 0, WAKEUP_TOKEN = 1, WAKEUP_ASLEEP = 2 /* or is about to be */ };

/* An endpoint's place in its side. */
struct slot {
	/* enum wakeup: TOKEN is written by whoever wakes the owner, the others by the owner */
	_Alignas(CACHE_LINE) _Atomic uint32_t wakeup;
	/*
	 * hint: who put the token in, for the arrow in a trace (trace.h). Written by whoever wakes
	 * the owner, if that one is traced, and cleared by the owner, if it is.
	 */
	_Atomic uint64_t waker;
	/*
	 * lost: in a producer's slot, the sequence number of its message longer than the
	 * ring that a dying consumer lost. Written under the consumers' mutex, read by the
	 * slot's owner. 0: none.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t lost;
	/*
	 * In a producer's slot: 1 while its owner appends a record without the mutex, because it
	 * was the only one attached when it began. Written by the owner, read by producers that
	 * have attached, and cleared by who buries it.
	 */
	_Atomic uint32_t writing;
	_Atomic uint32_t tid; /* hints, written by the owner when it attaches ...   */
	_Atomic uint32_t pid; /* ... and tid set to 0 when it detaches in good order */
	/*
	 * 1: its owner runs a fence of its own wherever barrier.h has one. Written by the owner
	 * when it attaches, and when it finds that `fences` in the header has changed; read under
	 * the flock by the newcomer that waits for all to do so.
	 */
	_Atomic uint32_t fences;
	_Atomic uint64_t messages; /* counters, written by the owner */
	_Atomic uint64_t bytes;	   /* of them, without keys and delimiters */
	_Atomic uint64_t dropped;  /* the same, of a producer: when there was no room */
	/*
	 * For those who ask whether the owner lives without touching a mutex (life.h). Written by
	 * the owner when it attaches: the time since boot, in ns, and in which namespaces that and
	 * its ids mean something, 0 if it does not know.
	 */
	_Atomic uint64_t since;
	_Atomic uint64_t namespaces;
};

/*
 * What both sides have alike. attached: one bit for each slot in use, written under this
 * side's mutex; the other side reads it to learn that nobody is here (it then reads
 * `events`, which was written before the bit was cleared).
 */
struct side {
	_Alignas(CACHE_LINE) _Atomic uint64_t attached;
	/* hint: pid that last locked this side's mutex; not on a line that the other side reads */
	_Alignas(CACHE_LINE) _Atomic uint32_t holder;
	/* counter: endpoints buried, under this side's mutex; one may count twice (slot_bury()) */
	_Atomic uint64_t recovered;
	struct slot slots[SLOT_COUNT];
};

/*
 * A mark says what is true at one value of tail. Of the two marks that one counts whose
 * position equals tail, so the single store of tail switches all three fields.
 */
struct mark {
	/* atomic because who repairs may look at the idle mark while a lone producer fills it */
	_Atomic uint64_t position;
	/*
	 * Number of the next message. The current mark's grows alone, too, by the messages that
	 * are dropped: one store, under the mutex. Consumers that find no record read it.
	 */
	_Atomic uint64_t sequence;
	uint64_t open_sequence; /* of the message that is open, if one is */
	_Atomic uint32_t open;	/* slot + 1 of a producer inside a message longer than the ring */
};

struct producers {
	struct locks locks;
	/* written under the producers' mutex (release), read by consumers (acquire) */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	/*
	 * No position at or behind it has been written to yet: what lies less than the ring's
	 * capacity before it may be gone. Moved ahead, before the bytes are written, by who may
	 * write at tail; read by those who read without a claim.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t frontier;
	/* guarded by the producers' mutex; consumers read one to know what is missing in the end */
	_Alignas(CACHE_LINE) struct mark marks[2];
	uint32_t turn_next; /* slot + 1 of a producer that was passed over: it gets the turn */
	/*
	 * turn: slot + 1 of the producer that has reserved, waits for room, or is inside a long
	 * message; written under the producers' mutex. room_wanted: the head it needs, without bit
	 * 0 while it waits awake, with bit 0 set while it is to be woken; written by the turn's
	 * holder, cleared by who wakes it, and by who takes the turn from it. On a line of its own:
	 * consumers look at it for each message.
	 */
	_Atomic uint32_t turn;
	_Alignas(CACHE_LINE) _Atomic uint64_t room_wanted;
	/* conditions: bit i set while the owner of slot i sleeps, or is about to */
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_turn;
	_Alignas(CACHE_LINE) _Atomic uint64_t waiting_ack;
	_Atomic uint64_t waiting_consumers; /* only before a producer sends anything */
	/* attached, deaths, ends (see channel/events.h); written under the producers' mutex */
	_Alignas(CACHE_LINE) _Atomic uint64_t events;
	struct side side;
};

/*
 * A place between two messages: record position, offset in its body, message index in
 * it. Normalised: the end of a record is {next record, 0, 0}.
 */
struct cursor {
	uint64_t record;
	uint32_t offset;
	uint32_t index;
};

enum claim_flags {
	CLAIM_MID = 1,	/* inside a message longer than the ring: more pieces follow */
	CLAIM_PART = 2, /* a part of that message has been acknowledged and freed */
	/* all of it may be in its owner's hands at once, not only its first record */
	CLAIM_TOGETHER = 4
};

struct claim_state {
	struct cursor begin; /* nothing before it is needed any more */
	struct cursor end;   /* everything from it on belongs to others */
	uint64_t sequence;   /* of the first message in it */
	uint32_t flags;
	uint32_t producer; /* slot that sent the record */
};

/*
 * What `owner` of a claim says, in one word, so that one store changes all of it. Its lowest 8
 * bits: which slot holds the claim, plus 1, or one of the first three below. Then a bit that is
 * set while a command runs with what the owner has in hand; how many such tries have failed or
 * have brought their consumer down, in bits 9 to 31; and how often it was handed out, this time
 * included, in the upper half. All messages of a claim have been through the same: where that
 * would become wrong, the claim is split.
 */
enum {
	OWNER_FREE = 0,
	OWNER_SPLIT = 0xfe, /* it will be the rest of a claim, once that ends where this begins */
	OWNER_NONE = 0xff,  /* an orphan */
	OWNER_TRYING = 0x100,
	OWNER_FAILURE_SHIFT = 9,
	OWNER_FAILURES_MAX = 0x7fffff,
	OWNER_ATTEMPT_SHIFT = 32
};

/*
 * Guarded by the consumers' mutex. The states are changed by filling the idle copy and
 * storing the selector; `owner` is stored last when a claim begins and alone when it
 * changes hands or ends.
 */
struct claim {
	_Alignas(CACHE_LINE) _Atomic uint64_t owner;
	/*
	 * All before this record is acknowledged. Stored by the owner alone, without the mutex:
	 * going on in a claim that spans several records costs no lock. It counts if it is
	 * behind the state's `begin`.
	 */
	_Atomic uint64_t done;
	_Atomic uint32_t selector;
	struct claim_state states[2];
};

/*
 * What a group is, in one word: it begins, changes hands or name, and ends with one store.
 * One that is GROUP_LEFT has no consumers and waits for none: the next group that comes takes
 * its place, and if there are others it ends. A new channel has one such group, without a name.
 */
enum group_state {
	GROUP_FREE = 0,	   /* no group */
	GROUP_OPEN = 1,	   /* it has consumers, or had when they died */
	GROUP_LEFT = 2,	   /* its last consumer has left in good order, or none has come yet */
	GROUP_LIFE = 3,	   /* the bits of these three */
	GROUP_DURABLE = 4, /* it stays without consumers until it is removed */
	GROUP_NAME = 8,	   /* which of its two names counts */
	GROUP_BITS = 15
};

/*
 * Consumers that share the messages; each group sees all of them. Guarded by the consumers'
 * mutex, and what the producers read is one atomic word each.
 */
struct group {
	/*
	 * The slots of its consumers; a bit counts while it is also set in side.attached. Read
	 * by producers, to wake one of each group.
	 */
	_Alignas(CACHE_LINE) _Atomic uint64_t members;
	/* where the next claim begins, two copies and a selector */
	_Alignas(CACHE_LINE) struct cursor next[2];
	_Atomic uint32_t next_selector;
	_Atomic uint32_t state; /* enum group_state */
	/* not trusted after a death: a superset of the claims that are not OWNER_FREE */
	_Atomic uint64_t claims_used;
	/* the value of events at the last end that one of its consumers has reported and left */
	_Atomic uint64_t told;
	/* a stream without a message ended unseen; set under flock, cleared under the mutex */
	_Atomic uint32_t empty_end;
	/*
	 * The number of the message that comes next if none was dropped. It may be too high when
	 * claimed messages were given back, and is 0 if it is not known.
	 */
	_Atomic uint64_t expected;
	_Atomic uint64_t dropped; /* counter: messages that none of its consumers got, for that */
	_Atomic uint64_t redelivered; /* counter: claims handed out again, by death or failure */
	char names[2][GROUP_NAME_SIZE];
	struct claim claims[SLOT_COUNT];
};

struct consumers {
	struct locks locks;
	/* written under the consumers' mutex (release), read by producers (acquire) */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	/* not trusted after a death: a superset of the groups that are not GROUP_FREE */
	_Alignas(CACHE_LINE) _Atomic uint32_t groups_used;
	struct group groups[GROUP_COUNT];
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
	RECORD_ABORTED = 4,	 /* no payload: its producer gave the message up */
	RECORD_UNTERMINATED = 8, /* the last line of delimited input, without a delimiter */
	RECORD_FLAGS = 15
};

/*
 * In the ring, at multiples of 8. Written by the producer before tail passes it, never
 * changed after. The payload follows: the key, which all its messages have, then the body:
 * `messages` messages, each ending with the payload's last `delimiter_size` bytes, or, if that
 * is 0, one message or one piece of one.
 */
struct record {
	uint32_t check; /* from the position: tells a record from anything else */
	uint32_t size;	/* bytes of payload, the key among them */
	uint64_t sequence;
	uint32_t messages;
	uint8_t flags;
	uint8_t delimiter_size;
	uint8_t producer;
	uint8_t key_size; /* 0: no key; a message in pieces has it in its first one */
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

/*
 * A snapshot: everything that can be learned about a channel without attaching to it. The tools call
 * it for --status, --list, --watch, --doctor and --remove. The object is read with pread() into
 * memory of the process. Nothing is locked, mapped or written, so no endpoint is delayed or woken,
 * and the object's bytes stay as they are. An object with hostile contents, or one that is
 * truncated meanwhile, only gives a named state.
 *
 * It does not show one instant, because endpoints go on working while it is read. If the
 * parts do not fit together, they are read again. No function here needs a mutex.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/life.h"
#include "channel/channel.h"

enum { SNAPSHOT_ENDPOINTS_MAX = 128, SNAPSHOT_GROUPS_MAX = 16, SNAPSHOT_NO_GROUP = -1 };

/* What the object is, and which fields of struct snapshot say more about it. */
enum snapshot_kind {
	SNAPSHOT_CHANNEL,
	SNAPSHOT_REMOVED, /* removed, but its name is left, until a process attaches */
	SNAPSHOT_LINKED,  /* the object has a second name; no endpoint uses such an object */
	SNAPSHOT_FOREIGN, /* the object of that name is not a channel */
	SNAPSHOT_DAMAGED,
	SNAPSHOT_OTHER_BUILD, /* of another version or build: see `theirs`, `ours` */
	SNAPSHOT_OTHER_OWNER, /* another user's: see `owner` */
	SNAPSHOT_UNREADABLE   /* it could not be read: see `error` */
};

/* One attached endpoint. */
struct snapshot_endpoint {
	enum channel_role role;
	unsigned slot;
	pid_t pid, tid;
	enum life life;
	enum channel_wait waits; /* what it says in the channel that it waits for */
	int group; /* consumer: index in snapshot.groups; SNAPSHOT_NO_GROUP: an observer */
	uint64_t messages,
		bytes;	      /* sent, or taken, since it attached; bytes as in struct snapshot */
	uint64_t dropped;     /* producer: messages dropped because there was no room */
	uint64_t in_hand;     /* consumer: messages claimed and not acknowledged, ... */
	uint64_t hand_at;     /* ... and the position of their first record; 0: no claim */
	uint64_t attempts;    /* how often what it has in hand was handed out, ... */
	uint64_t failures;    /* ... and how many tries with it have failed */
	uint64_t attached_ns; /* how long it has been attached */
	bool has_turn,
		is_inside; /* producer: may write next; is inside a message longer than the ring */
};

/* One group of consumers. Counts are of messages, if nothing else is said. */
struct snapshot_group {
	char name[CHANNEL_GROUP_MAX + 1];
	bool durable, open; /* not open: its last consumer left in good order, or none has come */
	bool slowest;	    /* it keeps head where it is; several groups may */
	bool untold;	    /* none of its consumers has reported the last end or death */
	unsigned consumers; /* attached, ... */
	unsigned alive;	    /* ... and how many of these are not dead */
	uint64_t messages;  /* not acknowledged, those in hand and in orphans included */
	uint64_t in_hand, orphans;
	uint64_t dropped, redelivered; /* dropped before it got them; claims handed out again */
};

/*
 * What snapshot_read() fills in. Of an object that is not SNAPSHOT_CHANNEL only the fields up to
 * made_ns count. Of the two arrays only the first endpoint_count and group_count entries do.
 */
struct snapshot {
	enum snapshot_kind kind;
	int error; /* negative; what attaching to it would say. 0: SNAPSHOT_CHANNEL */
	char name[CHANNEL_NAME_MAX + 1];
	char theirs[CHANNEL_ABI_MAX], ours[CHANNEL_ABI_MAX];

	uid_t owner;
	mode_t mode;
	bool folder; /* it is a directory, not an object */
	uint64_t object_bytes;
	uint64_t device, inode;

	uint64_t made_ns, age_ns; /* when it was made, in ns since 1970; how long ago, in ns */
	uint64_t capacity, used;  /* of the ring, in bytes */
	uint64_t messages, bytes; /* not acknowledged: of the group that has most left. Bytes are */
				  /* those of the messages, without keys and delimiters. */
	bool estimated;		  /* messages and bytes are: too many, or overwritten too fast */
	uint64_t sent;		  /* messages since it was made, dropped ones included */
	uint64_t received;	  /* positions: bytes of ring that were written, and freed, ... */
	uint64_t freed;		  /* ... since it was made, modulo 2^64 */
	uint64_t deaths, ends;	  /* deaths of producers; explicit ends of stream. Modulo 2^20. */
	uint64_t recovered[2];	  /* dead endpoints that were cleaned up, by enum channel_role */
	uint64_t largest;	  /* messages of up to this size in bytes are sent in one piece */
	bool room_wanted;	  /* a producer waits for room, ... */
	uint64_t wanted;	  /* ... until everything before this position is acknowledged */
	pid_t locked_by[2];	  /* the process that last locked a side: by enum channel_role */
	pid_t keeper;		  /* the process that has the flock, or died with it; 0: none */

	unsigned endpoint_count, group_count;
	unsigned attached[2], alive[2]; /* by enum channel_role; observers do not count */
	unsigned observers;
	struct snapshot_endpoint endpoints[SNAPSHOT_ENDPOINTS_MAX];
	struct snapshot_group groups[SNAPSHOT_GROUPS_MAX];
};

/*
 * Reads the channel `name` of the user `owner` into *snapshot, which is the caller's. Returns 0 if
 * there is an object of that name, whatever it is: see snapshot->kind. Errors: -ENOENT: there is
 * none; -ENODEV: there is no /dev/shm; -ENOMEM; -CHANNEL_ENAME: `name` is not a name for a channel.
 */
int snapshot_read(struct snapshot *snapshot, const char *name, uid_t owner);

/*
 * Like snapshot_read(), for an object that is open for reading as `fd`, which stays open. Errors:
 * -ENOMEM, and those of fstat().
 */
int snapshot_read_fd(struct snapshot *snapshot, int fd, const char *name, uid_t owner);

/* Returns the state of the channel in one or two words, for lists. A constant string. */
const char *snapshot_state(const struct snapshot *snapshot);

/* Returns the endpoint in this slot, a pointer into *snapshot; NULL: there is none. */
const struct snapshot_endpoint *snapshot_endpoint(const struct snapshot *snapshot,
						  enum channel_role role, unsigned slot);

/*
 * Lists the names of all channels of the user `owner`, sorted. Sets *names to an array of *count
 * strings, which the caller frees with snapshot_names_free(). Returns 0 or a negative errno; then
 * *names is NULL and *count 0.
 */
int snapshot_names(uid_t owner, char ***names, size_t *count);

/* Frees such an array; with NULL and 0 it does nothing. */
void snapshot_names_free(char **names, size_t count);

#endif

/*
 * What there is to know about a channel without attaching to it: a plain copy. Nothing is locked,
 * mapped or written, so nobody is held up or woken, the object's bytes stay as they are, and
 * contents that are hostile, or cut off meanwhile, give a named state.
 *
 * It is no snapshot: others work meanwhile. What does not fit together is looked at again.
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/life.h"
#include "channel/channel.h"

enum { CENSUS_ENDPOINTS_MAX = 128, CENSUS_GROUPS_MAX = 16, CENSUS_NO_GROUP = -1 };

enum census_kind {
	CENSUS_CHANNEL,
	CENSUS_REMOVED, /* but for its name; whoever comes next removes that */
	CENSUS_LINKED,	/* the object has another name, too; nobody uses it */
	CENSUS_FOREIGN, /* the object of that name is not a channel */
	CENSUS_DAMAGED,
	CENSUS_OTHER_BUILD, /* theirs, ours */
	CENSUS_OTHER_OWNER, /* owner */
	CENSUS_UNREADABLE   /* error */
};

struct census_endpoint {
	enum channel_role role;
	unsigned slot;
	pid_t pid, tid;
	enum life life;
	enum channel_wait waits;  /* as it has said */
	int group;		  /* consumer: index in census.groups; CENSUS_NO_GROUP: looks on */
	uint64_t messages, bytes; /* sent, or taken, since it attached; bytes as below */
	uint64_t dropped;	  /* producer: for which there was no room */
	uint64_t in_hand;     /* consumer: messages that it has taken and not acknowledged, ... */
	uint64_t hand_at;     /* ... and the position where their record begins */
	uint64_t attempts;    /* how often what it has in hand was handed out, at most, ... */
	uint64_t failures;    /* ... and how many tries with it have failed */
	uint64_t attached_ns; /* how long it has been here */
	bool has_turn,
		is_inside; /* producer: may write next; inside a message longer than the ring */
};

struct census_group {
	char name[CHANNEL_GROUP_MAX + 1];
	bool durable, open; /* not open: its last consumer left in good order, or none has come */
	bool slowest;	    /* it is what keeps the room; several may */
	bool untold;	    /* an end of stream, or a death, that none of its consumers has seen */
	unsigned consumers; /* attached; alive ones among them: */
	unsigned alive;
	uint64_t messages; /* not acknowledged, those in hand among them */
	uint64_t in_hand, orphans;
	uint64_t dropped, redelivered;
};

struct census {
	enum census_kind kind;
	int error; /* of the channel, negative, if it is not CENSUS_CHANNEL */
	char name[CHANNEL_NAME_MAX + 1];
	char theirs[CHANNEL_ABI_MAX], ours[CHANNEL_ABI_MAX];

	uid_t owner;
	mode_t mode;
	bool folder; /* it is one, and no object at all */
	uint64_t object_bytes;
	uint64_t device, inode;

	uint64_t made_ns, age_ns; /* since 1970; until now */
	uint64_t capacity, used;  /* of the ring, in bytes */
	uint64_t messages, bytes; /* that some group has not acknowledged: the most of any group. */
				  /* Bytes are those of messages, without keys and delimiters. */
	bool estimated;		  /* they are: too many, or gone before they could be counted */
	uint64_t sent;		  /* messages since it was made, dropped ones too */
	uint64_t received;	  /* positions: bytes of ring that came in, and that went out ... */
	uint64_t freed;		  /* ... since it was made, modulo 2^64 */
	uint64_t deaths, ends;	  /* of producers; explicit ones. Modulo 2^20. */
	uint64_t recovered[2];	  /* endpoints cleaned up after, by enum channel_role */
	uint64_t largest;	  /* messages of up to this size go through in one piece */
	bool room_wanted;	  /* somebody waits for room, ... */
	uint64_t wanted;	  /* ... until all before this position is acknowledged */
	pid_t locked_by[2];	  /* who last had that side's lock: by enum channel_role */
	pid_t keeper;		  /* who attaches or detaches at the moment, or died doing so */

	unsigned endpoint_count, group_count;
	unsigned attached[2], alive[2]; /* by enum channel_role; observers are not consumers here */
	unsigned observers;
	struct census_endpoint endpoints[CENSUS_ENDPOINTS_MAX];
	struct census_group groups[CENSUS_GROUPS_MAX];
};

/*
 * Reads the channel of this name. 0, whatever it is (see census->kind); -ENOENT: there is none;
 * -ENODEV: there is no /dev/shm; -ENOMEM.
 */
int census_read(struct census *census, const char *name, uid_t owner);

/* The same of an object that is open for reading. */
int census_read_fd(struct census *census, int fd, const char *name, uid_t owner);

/* In one or two words, for lists. */
const char *census_state(const struct census *census);

/* The endpoint in this slot; NULL: nobody is there. */
const struct census_endpoint *census_endpoint(const struct census *census, enum channel_role role,
					      unsigned slot);

/*
 * The names of all channels of a user, sorted: an array of *count strings, for census_names_free().
 * 0 or a negative errno.
 */
int census_names(uid_t owner, char ***names, size_t *count);
void census_names_free(char **names, size_t count);

/* Where the objects are. */
#define CENSUS_FOLDER "/dev/shm"

#endif

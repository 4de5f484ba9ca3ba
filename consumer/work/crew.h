/*
 * The crew: the workers of one process, each a thread with an endpoint of its own, and what they
 * have in common: how many messages are left to take, when to stop, the signals, the exit status.
 */
#ifndef CREW_H
#define CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"
#include "consumer/print/format.h"
#include "consumer/work/options.h"
#include "consumer/work/thread.h"

struct crew;
struct dead_letters;

/* One of the crew. Fields marked (c) are guarded by the crew's mutex. */
struct worker {
	struct crew *crew;
	struct thread thread;
	struct channel *channel;
	struct format format; /* begun if the messages of a batch are netstrings */
	bool first;	      /* it attaches before the others */
	bool reachable;	      /* (c) its endpoint can be interrupted */
	bool inside;	      /* (c) of a message longer than the ring, which it cannot give back */
	pid_t command;	      /* (c) the process group that runs for it; 0: none */
	uint64_t lost;	      /* messages, as reported */
	uint64_t missed;
	int trouble; /* an error of the channel found while a command ran */
};

struct crew {
	const struct work *work;
	struct dead_letters *dead_letters;
	struct worker *workers;
	unsigned count; /* of workers */

	pthread_mutex_t mutex; /* all below */
	pthread_cond_t changed;
	unsigned ended;		   /* workers that have */
	bool attached;		   /* the first worker is */
	bool finishing;		   /* nobody takes another message */
	bool draining;		   /* nor waits to try one again: it is given back */
	bool giving_up;		   /* nor tries one again: what has failed is given back */
	int signal_number;	   /* what the commands were sent */
	unsigned waiting;	   /* workers that wait for messages */
	unsigned busy;		   /* workers with a job in hand */
	uint64_t reserved;	   /* messages that the waiting ones may take; with --count */
	uint64_t received;	   /* messages that were taken */
	uint64_t done, done_bytes; /* messages that were acknowledged */
	uint64_t redelivered;	   /* taken, and in other hands before */
	uint64_t lost;
	uint64_t missed;	       /* messages that were dropped before */
	const struct channel *removed; /* as the last worker found it; NULL: it was not */
	enum cli_exit status;
};

static inline void crew_lock(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
}

static inline void crew_unlock(struct crew *crew)
{
	pthread_mutex_unlock(&crew->mutex);
}

/* ---- called with the mutex held ---- */

/*
 * Interrupts the workers' endpoints. A worker inside a message longer than the ring would lose it,
 * so it is left to finish, unless `all`.
 */
void crew_interrupt_locked(struct crew *crew, bool all);

/* Like crew_finish(), without a status. */
void crew_finish_locked(struct crew *crew, bool give_up);

/* ---- for a worker ---- */

/* The first worker is attached, or nobody will be: false if this one need not attach any more. */
bool crew_attach_wait(struct crew *crew);
void crew_attached(struct crew *crew);

/* How many messages may be taken now, at most the work's batch. 0: no more. */
uint32_t crew_take(struct worker *worker);

/* After crew_take(): so many of them were taken. If there are some, this worker is busy. */
void crew_took(struct crew *crew, uint32_t most, uint32_t taken);

/* So many messages were acknowledged. */
void crew_done(struct crew *crew, uint64_t messages, uint64_t bytes);

/* So many of those that were taken had been in other hands before. */
void crew_redelivered(struct crew *crew, uint64_t messages);

/* It is not busy any more. */
void crew_rest(struct crew *crew);

/* Is any other worker busy? What it does may bring new messages. */
bool crew_busy(struct crew *crew);

/*
 * Waits, a second at most, for `until_ns` (CLOCK_MONOTONIC) to come. False: nothing is tried again
 * any more.
 */
bool crew_pause(struct crew *crew, uint64_t until_ns);

/* Shall this worker give back what is in its hands and does not succeed? */
bool crew_gives_up(struct crew *crew);

/* Notes a status: the gravest counts in the end. */
void crew_status(struct crew *crew, enum cli_exit status);

/* So many messages were dropped before this crew got them. */
void crew_missed(struct crew *crew, uint64_t missed);

/* So many messages longer than the ring were lost. */
void crew_lost(struct crew *crew, uint64_t lost);

/*
 * This worker found that the channel was removed. That is told when all of them have ended, as only
 * then it is known what is lost.
 */
void crew_removed(struct worker *worker);

/* The worker is about to leave the channel: if it was removed, counts what is lost once more. */
void crew_leaves(struct worker *worker);

/*
 * Will the exit status say whether a producer died or failed? Not if the process is ended by a
 * signal, or something graver has happened: then the next consumer has to.
 */
bool crew_tells_end(struct crew *crew);

/* Like crew_status(), and nobody takes another message; with `give_up` nobody tries again. */
void crew_finish(struct crew *crew, enum cli_exit status, bool give_up);

/* A worker's endpoint can be interrupted from now on, or no longer. */
void crew_reach(struct worker *worker, bool reachable);
void crew_inside(struct worker *worker, bool inside);

/* The command in this process group runs for the worker; 0: none does. Passes a signal on. */
void crew_command(struct worker *worker, pid_t group);

#endif

/*
 * The crew: the workers of one process, each a thread with an endpoint of its own, and what they
 * share: how many messages may still be taken, when to stop, the signals, the exit status.
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

/* A worker. Fields marked (c) are guarded by the crew's mutex. */
struct worker {
	struct crew *crew;
	struct thread thread;
	struct channel *channel;
	struct format format; /* begun if the messages of a batch are netstrings */
	bool first;	      /* it attaches before the others */
	bool reachable;	      /* (c) its endpoint can be interrupted */
	bool inside;	      /* (c) of a message longer than the ring: it is not interrupted */
	pid_t command;	      /* (c) the process group that runs for it; 0: none */
	uint64_t lost;	      /* messages, as reported so far */
	uint64_t missed;
	int trouble; /* an error of the channel found while a command ran */
};

struct crew {
	const struct work *work;
	struct dead_letters *dead_letters;
	struct worker *workers;
	unsigned count; /* of workers */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	unsigned ended;		   /* workers that have ended */
	bool attached;		   /* the first worker is attached */
	bool finishing;		   /* no worker takes another message */
	bool draining;		   /* nor waits before another try: the message is given back */
	bool giving_up;		   /* nor tries again: what has failed is given back */
	int signal_number;	   /* the signal that the commands were sent */
	unsigned waiting;	   /* workers that wait for messages */
	unsigned busy;		   /* workers with a job in hand */
	uint64_t reserved;	   /* messages that waiting workers may still take; with --count */
	uint64_t received;	   /* messages that were taken */
	uint64_t done, done_bytes; /* messages that were acknowledged */
	uint64_t redelivered;	   /* that another consumer had taken before */
	uint64_t lost;
	uint64_t missed;	       /* messages that were dropped before they were received */
	const struct channel *removed; /* the removed channel, as the last worker saw it; or NULL */
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

/* Like crew_finish(), but without a status. */
void crew_finish_locked(struct crew *crew, bool give_up);

/* ---- for a worker ---- */

/*
 * Waits until the first worker is attached. Returns false if the others need not attach any more.
 */
bool crew_attach_wait(struct crew *crew);
void crew_attached(struct crew *crew);

/* Returns how many messages the worker may take now, at most the work's batch; 0: no more. */
uint32_t crew_take(struct worker *worker);

/* After crew_take(): the worker has taken so many of them; if there are any, it is busy. */
void crew_took(struct crew *crew, uint32_t most, uint32_t taken);

/* Counts messages that were acknowledged. */
void crew_done(struct crew *crew, uint64_t messages, uint64_t bytes);

/* Counts messages that another consumer had taken before. */
void crew_redelivered(struct crew *crew, uint64_t messages);

/* The worker is not busy any more. */
void crew_rest(struct crew *crew);

/* True if any other worker is busy. Its command may send new messages. */
bool crew_busy(struct crew *crew);

/*
 * Waits for `until_ns` (CLOCK_MONOTONIC), but at most a second. Returns false if nothing is to be
 * tried again.
 */
bool crew_pause(struct crew *crew, uint64_t until_ns);

/* True if the worker must give back its message when the command does not succeed. */
bool crew_gives_up(struct crew *crew);

/* Notes an exit status: the most serious one counts. */
void crew_status(struct crew *crew, enum cli_exit status);

/* Counts messages that were dropped before this crew could receive them. */
void crew_missed(struct crew *crew, uint64_t missed);

/* Counts messages longer than the ring that were lost. */
void crew_lost(struct crew *crew, uint64_t lost);

/*
 * The worker has found that the channel was removed. That is reported when all workers have ended,
 * since what is lost is not known before.
 */
void crew_removed(struct worker *worker);

/* The worker is about to leave the channel: if that was removed, what is lost is counted again. */
void crew_leaves(struct worker *worker);

/*
 * True if the exit status will say whether a producer died or failed: not if the process is ended
 * by a signal, or if something more serious has happened. Then the next consumer has to say it.
 */
bool crew_tells_end(struct crew *crew);

/* Like crew_status(); and no worker takes another message, or, with `give_up`, tries one again. */
void crew_finish(struct crew *crew, enum cli_exit status, bool give_up);

/* From now on the worker's endpoint can be interrupted, or cannot any more. */
void crew_reach(struct worker *worker, bool reachable);
void crew_inside(struct worker *worker, bool inside);

/*
 * The command in this process group runs for the worker; 0: none does. A signal that has come
 * before is passed on to it.
 */
void crew_command(struct worker *worker, pid_t group);

#endif

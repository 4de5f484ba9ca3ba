/*
 * What an endpoint does, with times: noted by its own thread in private memory, and handed
 * to a sink (the tools have one that makes a file of it) when no lock is held and no wake is
 * due: before a sleep, about once a second, when half of the memory is full, and at the end.
 * Whoever is killed takes with it what was noted since.
 *
 * The time of what others can see the effect of (a commit, an acknowledgement) is taken just
 * before it takes effect, and a lock counts as held from after it was taken until before it is
 * released. So in a picture of several processes no effect stands before its cause.
 *
 * Without a sink there is no struct trace, and all that the channel pays is one look at a
 * pointer.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared_buffer.h"

enum trace_kind {
	TRACE_ATTACH,
	TRACE_DETACH,
	TRACE_LOCK, /* held; the first number: whose side's */
	TRACE_WAIT, /* for something */
	TRACE_WAKE, /* somebody who waits for something; the first number is the arrow's */
	TRACE_WOKEN,
	TRACE_COMMIT,	   /* numbers of all four: first message and position behind them */
	TRACE_CLAIM,	   /* the same */
	TRACE_ADOPT,	   /* the same: what was in other hands before */
	TRACE_ACKNOWLEDGE, /* the same */
	TRACE_GIVE_BACK,   /* the same */
	TRACE_REPAIR,	   /* of a side whose lock's holder has died */
	TRACE_BURY,	   /* a dead endpoint */
	TRACE_LEFT_OUT,	   /* there was no place for so many events */
	TRACE_KINDS
};

enum trace_phase { TRACE_BEGIN, TRACE_END, TRACE_AT, TRACE_WHOLE };

/* What one waits for. */
enum trace_what {
	TRACE_NOTHING,
	TRACE_DATA,
	TRACE_DATA_AWAKE,
	TRACE_PIECE,
	TRACE_MORE,
	TRACE_ROOM,
	TRACE_ROOM_AWAKE,
	TRACE_TURN,
	TRACE_ACKNOWLEDGEMENT,
	TRACE_CONSUMERS,
	TRACE_PRODUCERS_LOCK,
	TRACE_CONSUMERS_LOCK,
	TRACE_WHATS
};

struct trace_event {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint64_t numbers[2];
	uint32_t messages;
	uint32_t size; /* bytes; of a TRACE_WHOLE: how many ns it took */
	uint8_t kind, phase, what, slot;
};

struct trace;

struct trace_sink {
	/*
	 * Takes events of one endpoint, in its thread, which holds nothing. Several threads may
	 * be here at once. What it cannot write is gone: the endpoint goes on.
	 */
	void (*write)(const struct trace_sink *sink, struct trace *trace,
		      const struct trace_event *events, size_t count);
};

enum { TRACE_EVENTS_MAX = 1024, TRACE_SLOT_NONE = 0xff };

/* One endpoint's. Only its thread touches it. */
struct trace {
	const struct trace_sink *sink;
	const char *channel_name;
	bool consumer;
	bool named;   /* for the sink: it has said who this is */
	uint8_t slot; /* TRACE_SLOT_NONE: not attached yet */
	pid_t pid, tid;
	uint32_t wakes;	   /* how many we have sent: a number for each arrow */
	uint32_t left_out; /* events that had no place */
	size_t count;
	struct trace_event events[TRACE_EVENTS_MAX];
};

/* NULL: out of memory. */
struct trace *trace_new(const struct trace_sink *sink);

/* The calling thread begins to attach. */
void trace_endpoint(struct trace *trace, const char *channel_name, bool consumer);

/* Hands over what there is. */
void trace_flush(struct trace *trace);

/* Flushes, and frees; NULL is fine. */
void trace_free(struct trace *trace);

void trace_note(struct trace *trace, struct trace_event event);

/* The same, if there is a trace. */
#define trace_event(trace, ...)                                                                    \
	do {                                                                                       \
		if (__builtin_expect((trace) != NULL, 0))                                          \
			trace_note(trace, (struct trace_event){ __VA_ARGS__ });                    \
	} while (0)

#define trace_begin(trace, kind_, what_)                                                           \
	trace_event(trace, .kind = (kind_), .phase = TRACE_BEGIN, .what = (uint8_t)(what_))
#define trace_end(trace, kind_, what_)                                                             \
	trace_event(trace, .kind = (kind_), .phase = TRACE_END, .what = (uint8_t)(what_))

/* About to sleep: nothing may be lost that was before it. */
static inline void trace_sleep(struct trace *trace)
{
	if (__builtin_expect(trace != NULL, 0))
		trace_flush(trace);
}

/* No lock is held and no wake is due: a good moment to make place, if there is need. */
static inline void trace_settle(struct trace *trace)
{
	if (__builtin_expect(trace != NULL, 0) && trace->count > TRACE_EVENTS_MAX / 2)
		trace_flush(trace);
}

/*
 * An arrow from who wakes to who is woken: it leaves its number in the slot before the token, and
 * notes, with the number that it got from the first, when it began and has posted it.
 */
struct trace_event trace_wake_begin(struct trace *trace, struct slot *slot);
void trace_wake_end(struct trace *trace, struct trace_event wake, enum trace_what what,
		    unsigned slot);

/* Behind a sleep on the own semaphore: notes whose wake it was, if that one is traced, too. */
void trace_woken(struct trace *trace, struct slot *slot, enum trace_what what);

#endif

/*
 * The trace of an endpoint: what it does, with times. Its own thread notes events in private
 * memory, and hands them to a sink (the tools have one that writes a file) when it holds no lock
 * and owes nobody a wake-up: before a sleep, about once a second, when half of the memory is full,
 * and at the end. When an endpoint is killed, what it has noted since is lost.
 *
 * The time of an event whose effect others can see (a commit, an acknowledgement) is taken just
 * before it takes effect, and a lock counts as held from after it was taken until before it is
 * released. So in a picture of several processes no effect stands before its cause.
 *
 * Only the endpoint's thread uses a struct trace; no lock is needed. Without a sink there is no
 * struct trace, and the channel pays for one test of a pointer only.
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
	TRACE_LOCK,  /* a side's mutex is held: `what` says which */
	TRACE_WAIT,  /* waits for `what` */
	TRACE_WAKE,  /* wakes an endpoint that waits for `what`; numbers[0] identifies the arrow */
	TRACE_WOKEN, /* was woken; numbers[0] is that of the arrow */
	/* Of the next five, numbers[] are the first message, and the position after the last. */
	TRACE_COMMIT,
	TRACE_CLAIM,	   /* it has taken messages */
	TRACE_ADOPT,	   /* it has taken what another consumer had before */
	TRACE_ACKNOWLEDGE, /* it has finished them */
	TRACE_GIVE_BACK,   /* it has returned them */
	TRACE_REPAIR,	   /* repairs a side whose mutex's holder has died */
	TRACE_BURY,	   /* cleans up after a dead endpoint */
	TRACE_LEFT_OUT,	   /* events that were left out for lack of space */
	TRACE_KINDS
};

enum trace_phase { TRACE_BEGIN, TRACE_END, TRACE_AT, TRACE_WHOLE };

/* What an endpoint waits for, or holds. */
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
	uint32_t size; /* bytes; of TRACE_WHOLE: how many ns it took */
	uint8_t kind, phase, what, slot;
};

struct trace;

struct trace_sink {
	/*
	 * Takes `count` events of one endpoint, in that endpoint's thread, which holds no lock.
	 * Several threads may call it at once. The events belong to the trace and are valid during
	 * the call only. What cannot be written is lost: the endpoint goes on.
	 */
	void (*write)(const struct trace_sink *sink, struct trace *trace,
		      const struct trace_event *events, size_t count);
};

enum { TRACE_EVENTS_MAX = 1024, TRACE_SLOT_NONE = 0xff };

/*
 * One endpoint's trace. Only its thread touches it. `sink` and `channel_name` are the caller's, and
 * must live as long as the trace is used.
 */
struct trace {
	const struct trace_sink *sink;
	const char *channel_name;
	bool consumer;
	bool named;   /* for the sink: it has described this endpoint */
	uint8_t slot; /* TRACE_SLOT_NONE: not attached yet */
	pid_t pid, tid;
	uint32_t wakes;	   /* wake-ups that we have sent: numbers the arrows */
	uint32_t left_out; /* events that did not fit */
	size_t count;
	struct trace_event events[TRACE_EVENTS_MAX];
};

/*
 * Returns a new trace that hands its events to `sink`, or NULL if out of memory. The caller frees
 * it with trace_free().
 */
struct trace *trace_new(const struct trace_sink *sink);

/* Notes which endpoint this is: the calling thread begins to attach. `channel_name` is kept. */
void trace_endpoint(struct trace *trace, const char *channel_name, bool consumer);

/* Hands the noted events to the sink. */
void trace_flush(struct trace *trace);

/* Hands over the rest, and frees the trace; NULL is allowed. */
void trace_free(struct trace *trace);

/*
 * Notes an event; its time is now, unless event.ns is set. If there is no space it is only counted.
 */
void trace_note(struct trace *trace, struct trace_event event);

/* Like trace_note(), but does nothing if there is no trace. */
#define trace_event(trace, ...)                                                                    \
	do {                                                                                       \
		if (__builtin_expect((trace) != NULL, 0))                                          \
			trace_note(trace, (struct trace_event){ __VA_ARGS__ });                    \
	} while (0)

#define trace_begin(trace, kind_, what_)                                                           \
	trace_event(trace, .kind = (kind_), .phase = TRACE_BEGIN, .what = (uint8_t)(what_))
#define trace_end(trace, kind_, what_)                                                             \
	trace_event(trace, .kind = (kind_), .phase = TRACE_END, .what = (uint8_t)(what_))

/* Call this before a sleep: hands over what was noted so far. */
static inline void trace_sleep(struct trace *trace)
{
	if (__builtin_expect(trace != NULL, 0))
		trace_flush(trace);
}

/* Call this when no lock is held and no wake-up is due: makes space if it is needed. */
static inline void trace_settle(struct trace *trace)
{
	if (__builtin_expect(trace != NULL, 0) && trace->count > TRACE_EVENTS_MAX / 2)
		trace_flush(trace);
}

/*
 * An arrow from the endpoint that wakes to the one that is woken. trace_wake_begin(), before the
 * token is posted, leaves the arrow's number in the slot and returns an event; trace_wake_end(),
 * after it, notes that event with its duration.
 */
struct trace_event trace_wake_begin(struct trace *trace, struct slot *slot);
void trace_wake_end(struct trace *trace, struct trace_event wake, enum trace_what what,
		    unsigned slot);

/*
 * After a sleep on our own semaphore: notes whose wake-up it was, if that endpoint is traced, too.
 */
void trace_woken(struct trace *trace, struct slot *slot, enum trace_what what);

#endif

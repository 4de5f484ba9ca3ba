#include "channel/trace.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/deadline.h"
#include "shared_buffer.h"

/* An arrow's number is the thread's id and a count of this many bits. */
enum { WAKE_BITS = 24 };

struct trace *trace_new(const struct trace_sink *sink)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (trace != NULL)
		trace->sink = sink;
	return trace;
}

void trace_endpoint(struct trace *trace, const char *channel_name, bool consumer)
{
	trace->channel_name = channel_name;
	trace->consumer = consumer;
	trace->named = false;
	trace->slot = TRACE_SLOT_NONE;
	trace->pid = getpid();
	trace->tid = (pid_t)syscall(SYS_gettid);
}

void trace_flush(struct trace *trace)
{
	size_t count = trace->count;

	if (count == 0)
		return;
	trace->sink->write(trace->sink, trace, trace->events, count);
	trace->count = 0;
	if (trace->left_out > 0) {
		uint32_t left_out = trace->left_out;

		trace->left_out = 0;
		trace_event(trace, .kind = TRACE_LEFT_OUT, .phase = TRACE_AT, .messages = left_out);
	}
}

void trace_free(struct trace *trace)
{
	if (trace == NULL)
		return;
	trace_flush(trace);
	free(trace);
}

void trace_note(struct trace *trace, struct trace_event event)
{
	if (trace->count == TRACE_EVENTS_MAX) { /* we may hold a lock: not the time to write */
		trace->left_out++;
		return;
	}
	if (event.ns == 0)
		event.ns = clock_now_ns();
	trace->events[trace->count++] = event;
}

struct trace_event trace_wake_begin(struct trace *trace, struct slot *slot)
{
	uint64_t number = (uint64_t)trace->tid << WAKE_BITS |
			  (++trace->wakes & ((UINT32_C(1) << WAKE_BITS) - 1));

	/* A hint. The exchange in semaphore_post() publishes it. */
	atomic_store_explicit(&slot->waker, number, memory_order_relaxed);
	return (struct trace_event){ .ns = clock_now_ns(),
				     .numbers = { number },
				     .kind = TRACE_WAKE,
				     .phase = TRACE_WHOLE };
}

void trace_wake_end(struct trace *trace, struct trace_event wake, enum trace_what what,
		    unsigned slot)
{
	wake.size = (uint32_t)(clock_now_ns() - wake.ns);
	wake.what = (uint8_t)what;
	wake.slot = (uint8_t)slot;
	trace_note(trace, wake);
}

void trace_woken(struct trace *trace, struct slot *slot, enum trace_what what)
{
	uint64_t number = atomic_exchange_explicit(&slot->waker, 0, memory_order_relaxed);

	if (number != 0)
		trace_event(trace, .numbers = { number }, .kind = TRACE_WOKEN, .phase = TRACE_AT,
			    .what = (uint8_t)what, .slot = trace->slot);
}

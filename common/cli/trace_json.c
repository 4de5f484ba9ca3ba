#include "cli/trace_json.h"

#ifdef WITH_JANSSON

#include <jansson.h>
#include <stdio.h>

#include "cli/json_number.h"

/*
 * Enough for microseconds with three decimals in eleven days of uptime, the most a double can hold.
 */
enum { DIGITS = 16 };

static const char *const phases[] = {
	[TRACE_BEGIN] = "B", [TRACE_END] = "E", [TRACE_AT] = "i", [TRACE_WHOLE] = "X"
};

static const char *const whats[TRACE_WHATS] = { [TRACE_NOTHING] = "nothing",
						[TRACE_DATA] = "data",
						[TRACE_DATA_AWAKE] = "data (awake)",
						[TRACE_PIECE] = "a piece",
						[TRACE_MORE] = "more messages",
						[TRACE_ROOM] = "room",
						[TRACE_ROOM_AWAKE] = "room (awake)",
						[TRACE_TURN] = "the turn",
						[TRACE_ACKNOWLEDGEMENT] = "acknowledgement",
						[TRACE_CONSUMERS] = "consumers",
						[TRACE_PRODUCERS_LOCK] = "producers' lock",
						[TRACE_CONSUMERS_LOCK] = "consumers' lock" };

static const char *const names[TRACE_KINDS] = {
	[TRACE_ATTACH] = "attach",	 [TRACE_DETACH] = "detach",
	[TRACE_COMMIT] = "commit",	 [TRACE_CLAIM] = "claim",
	[TRACE_ADOPT] = "adopt",	 [TRACE_ACKNOWLEDGE] = "acknowledge",
	[TRACE_GIVE_BACK] = "give back", [TRACE_LEFT_OUT] = "events left out"
};

/* Returns the side that waits for this: consumers wait for data, producers for everything else. */
static const char *side_waiting(uint8_t what)
{
	return what == TRACE_DATA || what == TRACE_PIECE || what == TRACE_MORE ? "consumer"
									       : "producer";
}

static void name_event(const struct trace_event *event, char name[64])
{
	const char *what = whats[event->what];

	switch (event->kind) {
	case TRACE_LOCK:
		snprintf(name, 64, "hold %s", what);
		break;
	case TRACE_WAIT:
		snprintf(name, 64, "wait for %s", what);
		break;
	case TRACE_WAKE:
		snprintf(name, 64, "wake %s %u", side_waiting(event->what), event->slot);
		break;
	case TRACE_REPAIR:
		snprintf(name, 64, "repair (%s)", what);
		break;
	case TRACE_BURY:
		snprintf(name, 64, "repair after dead %s %u",
			 event->what == TRACE_CONSUMERS_LOCK ? "consumer" : "producer",
			 event->slot);
		break;
	default:
		snprintf(name, 64, "%s", names[event->kind]);
		break;
	}
}

static json_t *arguments_messages(const struct trace_event *event)
{
	json_t *arguments = json_object();

	json_object_set_new(arguments, "sequence", json_number(event->numbers[0]));
	if (event->messages > 0)
		json_object_set_new(arguments, "messages", json_number(event->messages));
	if (event->kind == TRACE_COMMIT)
		json_object_set_new(arguments, "bytes", json_number(event->size));
	json_object_set_new(arguments, "position", json_number(event->numbers[1]));
	return arguments;
}

/* Returns the event's arguments, or NULL if it has none. */
static json_t *arguments_of(const struct trace *trace, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_ATTACH:
		if (event->phase == TRACE_BEGIN)
			return json_pack("{ss}", "channel", trace->channel_name);
		return event->size > 0 ? json_pack("{si}", "error", (int)event->size)
				       : json_pack("{si}", "slot", (int)trace->slot);
	case TRACE_WAKE:
		return json_pack("{siss}", "slot", (int)event->slot, "waits for",
				 whats[event->what]);
	case TRACE_COMMIT:
	case TRACE_CLAIM:
	case TRACE_ADOPT:
	case TRACE_ACKNOWLEDGE:
	case TRACE_GIVE_BACK:
		return arguments_messages(event);
	case TRACE_BURY:
		return json_pack("{si}", "slot", (int)event->slot);
	case TRACE_LEFT_OUT:
		return json_pack("{so}", "events", json_number(event->messages));
	default:
		return NULL;
	}
}

static json_t *object_begin(const struct trace *trace, const char *name, const char *phase)
{
	return json_pack("{sssssisi}", "name", name, "ph", phase, "pid", (int)trace->pid, "tid",
			 (int)trace->tid);
}

static json_t *microseconds(uint64_t ns)
{
	return json_real((double)ns / 1000);
}

/* Writes the object as a line and frees it. If out of memory, there is no line. */
static size_t line_write(json_t *object, char *line, size_t room)
{
	size_t size = json_dumpb(object, line, room, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));

	json_decref(object);
	if (size == 0 || size + 2 > room)
		return 0;
	line[size] = ',';
	line[size + 1] = '\n';
	return size + 2;
}

/* Returns one end of an arrow, which belongs to what the thread does at that time. */
static json_t *arrow(const struct trace *trace, const struct trace_event *event, const char *phase)
{
	json_t *object = object_begin(trace, "wake", phase);
	char number[32];

	snprintf(number, sizeof(number), "0x%llx", (unsigned long long)event->numbers[0]);
	json_object_set_new(object, "cat", json_string("wake"));
	json_object_set_new(object, "id", json_string(number));
	json_object_set_new(object, "ts", microseconds(event->ns));
	if (*phase == 'f')
		json_object_set_new(object, "bp", json_string("e"));
	return object;
}

size_t trace_json_event(const struct trace *trace, const struct trace_event *event, char *lines)
{
	char name[64];
	json_t *object;
	size_t size;

	if (event->kind == TRACE_WOKEN)
		return line_write(arrow(trace, event, "f"), lines, TRACE_JSON_MAX);
	name_event(event, name);
	object = object_begin(trace, name, phases[event->phase]);
	json_object_set_new(object, "cat", json_string("channel"));
	json_object_set_new(object, "ts", microseconds(event->ns));
	if (event->phase == TRACE_WHOLE)
		json_object_set_new(object, "dur", microseconds(event->size));
	if (event->phase == TRACE_AT)
		json_object_set_new(object, "s", json_string("t")); /* across its thread only */
	json_object_set_new(object, "args", arguments_of(trace, event));
	size = line_write(object, lines, TRACE_JSON_MAX);
	if (event->kind == TRACE_WAKE)
		size += line_write(arrow(trace, event, "s"), lines + size, TRACE_JSON_MAX - size);
	return size;
}

static size_t name_write(const struct trace *trace, const char *name, json_t *arguments,
			 char *lines, size_t room)
{
	json_t *object = object_begin(trace, name, "M");

	json_object_set_new(object, "args", arguments);
	return line_write(object, lines, room);
}

size_t trace_json_names(const struct trace *trace, const char *tool, char *lines)
{
	const char *role = trace->consumer ? "consumer" : "producer";
	char process[128], thread[256];
	size_t size;

	snprintf(process, sizeof(process), "%s %d", tool, (int)trace->pid);
	if (trace->slot == TRACE_SLOT_NONE)
		snprintf(thread, sizeof(thread), "%s of \"%s\"", role, trace->channel_name);
	else
		snprintf(thread, sizeof(thread), "%s %u of \"%s\"", role, trace->slot,
			 trace->channel_name);
	size = name_write(trace, "process_name", json_pack("{ss}", "name", process), lines,
			  TRACE_JSON_MAX);
	/* Producers above consumers. */
	size += name_write(trace, "process_sort_index",
			   json_pack("{si}", "sort_index", trace->consumer ? 2 : 1), lines + size,
			   TRACE_JSON_MAX - size);
	size += name_write(trace, "thread_name", json_pack("{ss}", "name", thread), lines + size,
			   TRACE_JSON_MAX - size);
	return size;
}

bool trace_json_built(void)
{
	return true;
}

#else

bool trace_json_built(void)
{
	return false;
}

size_t trace_json_names(const struct trace *trace, const char *tool, char *lines)
{
	(void)trace, (void)tool;
	*lines = '\0';
	return 0;
}

size_t trace_json_event(const struct trace *trace, const struct trace_event *event, char *lines)
{
	(void)trace, (void)event;
	*lines = '\0';
	return 0;
}

#endif

/*
 * A trace's events as lines of Chrome's trace format, which Perfetto and chrome://tracing read:
 * each line is one object and ends with ",\n". What such a file begins with is "[\n"; its "]" is
 * optional, so that several processes can append to it.
 */
#ifndef TRACE_JSON_H
#define TRACE_JSON_H

#include "channel/trace.h"

enum { TRACE_JSON_MAX = 2048 }; /* bytes that one call writes, at most */

/* Is it in this build? If not, the others return 0. */
bool trace_json_built(void);

/* Who this is, for the names beside the lanes. Returns how many bytes it has stored. */
size_t trace_json_names(const struct trace *trace, const char *tool, char *lines);

/* One event. */
size_t trace_json_event(const struct trace *trace, const struct trace_event *event, char *lines);

#endif

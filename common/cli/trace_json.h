/*
 * A trace's events as lines of Chrome's trace format, which Perfetto and chrome://tracing read:
 * each line is one object and ends with ",\n". Such a file begins with "[\n"; the "]" at its end is
 * optional, so that several processes can append to it.
 */
#ifndef TRACE_JSON_H
#define TRACE_JSON_H

#include "channel/trace.h"

enum { TRACE_JSON_MAX = 2048 }; /* bytes that one call writes, at most */

/* True if this build can write traces. If not, the functions below return 0. */
bool trace_json_built(void);

/*
 * Writes who this process and thread are, for the names beside the lanes. Returns the number of
 * bytes.
 */
size_t trace_json_names(const struct trace *trace, const char *tool, char *lines);

/* Writes one event. Returns the number of bytes. */
size_t trace_json_event(const struct trace *trace, const struct trace_event *event, char *lines);

#endif

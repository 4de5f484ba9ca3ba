/*
 * The word `events` of the producers' side. It counts what tells a consumer that one stream of
 * messages has ended and another one has begun: producers that attached, producers that died or
 * failed, and explicit ends. It is one word, so that a consumer reads all three counters at once.
 * The counters wrap around; readers mostly ask only whether they differ.
 *
 * Pure functions on a value that was read. The word is changed under the producers' mutex.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define EVENT_ATTACHED (UINT64_C(1) << 0)  /* 24 bits */
#define EVENT_DEATH    (UINT64_C(1) << 24) /* 20 bits */
#define EVENT_END      (UINT64_C(1) << 44) /* 20 bits */

#define EVENTS_ATTACHED (EVENT_DEATH - 1)
#define EVENTS_DEATHS	(EVENT_END - EVENT_DEATH)
#define EVENTS_ENDS	(~(EVENT_END - 1))

/*
 * Returns the word with one more of `event`; a counter that overflows does not touch its neighbour.
 */
static inline uint64_t events_add(uint64_t events, uint64_t event)
{
	uint64_t field = EVENTS_ENDS;

	if (event == EVENT_ATTACHED)
		field = EVENTS_ATTACHED;
	else if (event == EVENT_DEATH)
		field = EVENTS_DEATHS;
	return (events & ~field) | ((events + event) & field);
}

/*
 * True if the value `a` was read after `b` and something had been counted in between. Each counter
 * only grows, so every counter that differs gives the same answer, unless one has grown by more
 * than half of its range.
 */
static inline bool events_later(uint64_t a, uint64_t b)
{
	const uint64_t fields[] = { EVENTS_ATTACHED, EVENTS_DEATHS, EVENTS_ENDS };

	for (int i = 0; i < 3; i++) {
		uint64_t ahead = ((a & fields[i]) - (b & fields[i])) & fields[i];

		if (ahead != 0) /* if the field's highest bit is set, `a` is the older value */
			return (ahead & (fields[i] ^ fields[i] >> 1)) == 0;
	}
	return false;
}

/* True if two values differ in any of these counters. */
static inline bool events_differ(uint64_t a, uint64_t b, uint64_t fields)
{
	return ((a ^ b) & fields) != 0;
}

#endif

/*
 * When a consumer stops, if the stream does not end before: --count, --exit-empty, --follow, --idle.
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>
#include <stdint.h>

struct stop {
	uint64_t count;	  /* after so many messages; 0: no limit */
	uint64_t idle_ns; /* if none has come for this long; 0: for ever */
	bool exit_empty;  /* when nothing is left */
	bool follow;	  /* not when the producers have gone */
};

#endif

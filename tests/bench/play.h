/* What the two processes of one measurement do. */
#ifndef PLAY_H
#define PLAY_H

#include <stdatomic.h>

#include "bench.h"
#include "histogram.h"

/*
 * Of a message in ONEWAY every word is written by the sender and read by the receiver; in the
 * other scenes, and in ENDS, which is the same otherwise, only the first, the middle and the last.
 */
enum scene { ONEWAY, ENDS, BATCH, INPLACE, PINGPONG, ASLEEP, SCENES };

/* Shared by the driver and both processes. */
struct control {
	_Atomic uint32_t partner_ready, partner_done;
	/* Written by the process that measures, read by the driver after its end. */
	uint64_t messages, elapsed_ns, sending_ns;
	struct histogram times;
};

struct play {
	const struct peer *peer;
	enum scene scene;
	size_t message_size;
	uint64_t warm_ns, measure_ns;
	struct control *control;
	void *there, *back; /* the states of the two lines; `back` for PINGPONG only */
};

/* The first process sends; in PINGPONG it also measures. */
void play_first(const struct play *play);

/* The second one receives. */
void play_second(const struct play *play);

#endif

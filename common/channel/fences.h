/*
 * Endpoints with membarrier and endpoints without it in one channel: how all of them agree on who
 * pays for the fences (barrier.h).
 *
 * Called by an endpoint's thread.
 */
#ifndef FENCES_H
#define FENCES_H

struct channel;

/*
 * For a newcomer, before it takes a slot. The flock is held. Returns 0 if the newcomer may take
 * one. -EBUSY: it has no membarrier, and an endpoint that relies on membarrier (report.holder) has
 * not changed to plain fences yet; try again.
 */
int fences_agree(struct channel *channel);

/*
 * Call this about once a second while attached: changes this endpoint to plain fences if a newcomer
 * has asked for that. Needs no lock.
 */
void fences_look(struct channel *channel);

#endif

/*
 * Endpoints with membarrier and without in one channel.
 */
#ifndef FENCES_H
#define FENCES_H

struct channel;

/*
 * For a newcomer, before it takes a slot; the flock is held. 0: it may. -EBUSY: it has no
 * membarrier, and an endpoint that relies on it (report.holder) has not changed to plain fences
 * yet: try again.
 */
int fences_agree(struct channel *channel);

/* About once a second: changes to plain fences if somebody has asked for it. */
void fences_look(struct channel *channel);

#endif

/*
 * Claiming what comes next for this group.
 */
#ifndef CLAIM_NEXT_H
#define CLAIM_NEXT_H

#include "receive/call.h"
#include "receive/under_lock.h"

/* Claims from `next`. */
int claim_next(struct receive_call *call);

#endif

/*
 * --watch: the list or the status again and again.
 */
#ifndef LOOK_WATCH_H
#define LOOK_WATCH_H

#include "consumer/look/request.h"

/* Shows it again and again until a signal comes or the output ends. Returns the exit status. */
int look_watch(struct look *look);

#endif

/*
 * --watch: the list or the status again and again.
 */
#ifndef LOOK_WATCH_H
#define LOOK_WATCH_H

#include "consumer/look/request.h"

/* Again and again until a signal or the end of the output: watch.c. */
int screen_watch(struct look *look);

#endif

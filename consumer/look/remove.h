/*
 * --remove: removes a channel.
 */
#ifndef REMOVE_H
#define REMOVE_H

#include "consumer/look/request.h"

int look_remove(const struct look *look);

#endif

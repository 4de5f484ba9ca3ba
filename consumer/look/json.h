/*
 * --list and --status as JSON.
 */
#ifndef JSON_H
#define JSON_H

#include <stdio.h>

#include "consumer/look/rates.h"
#include "consumer/look/request.h"
#include "observe/snapshot.h"

/* Prints channels as JSON. `status`: one channel with all its details. `compact`: on one line. */
void look_json(const struct look *look, FILE *file, const struct snapshot *channels,
	       const struct look_rates *rates, size_t count, bool status, bool compact);

#endif

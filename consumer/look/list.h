/*
 * --list: a table of all channels.
 */
#ifndef LIST_H
#define LIST_H

#include "consumer/look/rates.h"
#include "consumer/look/request.h"
#include "consumer/look/show.h"
#include "observe/snapshot.h"

/*
 * Prints the table. The channels are sorted, and were read one after the other. `rates`: one for
 * each channel, or NULL.
 */
void list_print(const struct look *look, const struct show *show, const struct snapshot *channels,
		const struct look_rates *rates, size_t count);

#endif

/*
 * Do a producer and a consumer wait for each other? A worker acknowledges nothing before its
 * command has ended. If that command, or what it has started, sends to the same channel and has to
 * wait for that very acknowledgement, nobody goes on, whatever other consumers do.
 */
#ifndef MUTUAL_H
#define MUTUAL_H

#include <sys/types.h>

#include "observe/census.h"

/*
 * For a producer that waits: the process, an ancestor of the calling one, of which every message in
 * hand lies before what the wait is for: the room that is wanted, or, with `acknowledged`, that all
 * is acknowledged. 0: there is none, or it cannot be known.
 */
pid_t mutual_wait(const struct census *census, bool acknowledged);

#endif

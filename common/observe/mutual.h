/*
 * Detects a producer and a consumer that wait for each other. A consumer that runs a command for
 * messages acknowledges them only when the command has ended. If that command, or a process that it
 * has started, sends to the same channel and has to wait until these messages are acknowledged,
 * neither goes on, whatever other consumers do. The producer's tool asks this while it waits; it
 * works on a snapshot, so no mutex is needed.
 */
#ifndef MUTUAL_H
#define MUTUAL_H

#include <sys/types.h>

#include "observe/snapshot.h"

/*
 * For a producer that waits for room, or, with `acknowledged`, until everything is acknowledged.
 * Returns the id of the process that waits for this producer: it is an ancestor of the calling
 * process, is a consumer with messages in hand, and, if the wait is for room, all that it has in
 * hand lies before the position that the producer needs. Returns 0 if there is none, or if it
 * cannot be known.
 */
pid_t mutual_wait(const struct snapshot *snapshot, bool acknowledged);

#endif

/*
 * Memory limits of the control groups (cgroups) that this process is in. What a channel reserves is
 * charged to them, and exceeding such a limit is not reported as an error: the kernel kills a
 * process. So the creator of a channel asks here before it reserves.
 *
 * Reads files only; any thread may call these functions, without a lock.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdint.h>

/*
 * Returns how many more bytes of shared memory all limits together allow, counting what the kernel
 * could reclaim from its caches or move to swap. UINT64_MAX: there is no limit, or none that can be
 * read.
 */
uint64_t cgroup_room(void);

/*
 * Like cgroup_room(), but reads the file `groups` instead of "/proc/self/cgroup", and below the
 * folder `root` instead of "/sys/fs/cgroup". For tests.
 */
uint64_t cgroup_room_at(const char *groups, const char *root);

#endif

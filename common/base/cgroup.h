/*
 * The limits on memory of the control groups that this process is in. What a channel reserves is
 * charged to them, and going beyond a limit is not an error but the end of a process.
 */
#ifndef CGROUP_H
#define CGROUP_H

#include <stdint.h>

/*
 * How many bytes of shared memory all limits leave, with what the kernel could get back from its
 * caches or move to swap. UINT64_MAX: there is no limit, or none that can be read.
 */
uint64_t cgroup_room(void);

/* Like cgroup_room(), by another "/proc/self/cgroup" and another "/sys/fs/cgroup". */
uint64_t cgroup_room_at(const char *groups, const char *root);

#endif

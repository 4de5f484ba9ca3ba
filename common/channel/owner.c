#include "channel/owner.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel/channel.h"

enum { RANGES_MAX = 340 }; /* the kernel's limit */
#define NOBODY	      ((uid_t)-1)
#define ALL_UIDS      UINT32_MAX
#define OVERFLOW_UID  65534	  /* the kernel's default for unknown users */
#define MACHINE_INODE 0xEFFFFFFDU /* USER_NS_INIT_INO: the machine's own user namespace */

/* /proc/self/uid_map, see user_namespaces(7). */
struct uid_map {
	unsigned count;
	struct uid_range {
		uint32_t inside, outside, length;
	} ranges[RANGES_MAX];
};

/* Reads the numbers of a line, up to `most`. Returns how many there are. */
static unsigned numbers_read(FILE *file, uint32_t *numbers, unsigned most)
{
	char line[128], *at = line, *end;
	unsigned count = 0;

	if (fgets(line, sizeof(line), file) == NULL)
		return 0;
	for (; count < most; at = end, count++) {
		unsigned long number = strtoul(at, &end, 10);

		if (end == at)
			break;
		numbers[count] = (uint32_t)number;
	}
	return count;
}

/*
 * Reads the map of our user namespace. False: there is no /proc. A process without a uid of its own
 * has an empty map.
 */
static bool map_read(struct uid_map *map)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	uint32_t numbers[3];

	map->count = 0;
	if (file == NULL)
		return false;
	while (map->count < RANGES_MAX && numbers_read(file, numbers, 3) == 3)
		map->ranges[map->count++] = (struct uid_range){ .inside = numbers[0],
								.outside = numbers[1],
								.length = numbers[2] };
	fclose(file);
	return true;
}

/* True if we are in the machine's own user namespace: the usual case, found out quickly. */
static bool in_machine(void)
{
	struct stat namespace;

	return stat("/proc/self/ns/user", &namespace) == 0 && namespace.st_ino == MACHINE_INODE;
}

/* True if every uid is the same outside, as in the machine's own namespace. */
static bool map_is_identity(const struct uid_map *map)
{
	return map->count == 1 && map->ranges[0].inside == 0 && map->ranges[0].outside == 0 &&
	       map->ranges[0].length == ALL_UIDS;
}

/* Returns what a uid of our namespace is in the parent, or NOBODY. */
static uid_t to_outside(const struct uid_map *map, uid_t uid)
{
	for (unsigned i = 0; i < map->count; i++)
		if (uid - map->ranges[i].inside < map->ranges[i].length)
			return map->ranges[i].outside + (uid - map->ranges[i].inside);
	return NOBODY;
}

/* Returns what a uid of the parent is in our namespace, or NOBODY. */
static uid_t to_inside(const struct uid_map *map, uid_t uid)
{
	for (unsigned i = 0; i < map->count; i++)
		if (uid - map->ranges[i].outside < map->ranges[i].length)
			return map->ranges[i].inside + (uid - map->ranges[i].outside);
	return NOBODY;
}

/*
 * True if the parent of our namespace is the machine's own, as far as can be seen. /proc belongs to
 * the machine's root wherever it is mounted; so if the parent is the machine's namespace, /proc's
 * owner is shown as the uid that the parent's uid 0 has here.
 */
static bool parent_is_machine(const struct uid_map *map)
{
	uid_t root = to_inside(map, 0);
	struct stat proc;

	return root == NOBODY || stat("/proc", &proc) != 0 || proc.st_uid == root;
}

/* True if we are in a user namespace whose map changes uids: *map is that map. */
static bool in_namespace(struct uid_map *map)
{
	return !in_machine() && map_read(map) && !map_is_identity(map);
}

uid_t owner_outside(uid_t owner)
{
	struct uid_map map;
	uid_t outside;

	if (!in_namespace(&map) || !parent_is_machine(&map))
		return owner;
	outside = to_outside(&map, owner);
	return outside != NOBODY ? outside : owner;
}

uid_t owner_here(uid_t uid)
{
	struct uid_map map;
	uid_t inside;

	if (!in_namespace(&map) || to_outside(&map, uid) != NOBODY || !parent_is_machine(&map))
		return uid;
	inside = to_inside(&map, uid);
	return inside != NOBODY ? inside : uid;
}

void owner_object_name(char object[SEGMENT_NAME_MAX], uid_t owner, const char *channel)
{
	snprintf(object, SEGMENT_NAME_MAX, "/shm-channel.%lu.%s",
		 (unsigned long)owner_outside(owner), channel);
}

/* ---- whose it is ---- */

/* Returns the uid that is shown for users that our namespace does not know. */
static uid_t overflow_uid(void)
{
	FILE *file = fopen("/proc/sys/kernel/overflowuid", "re");
	uint32_t uid = OVERFLOW_UID;

	if (file == NULL)
		return uid;
	if (numbers_read(file, &uid, 1) != 1)
		uid = OVERFLOW_UID;
	fclose(file);
	return uid;
}

/* True if this uid may be shown for several users. Without /proc that is not known, so it may. */
static bool ambiguous(uid_t uid)
{
	struct uid_map map;

	if (in_machine() || (map_read(&map) && map_is_identity(&map)))
		return false;
	return uid == overflow_uid();
}

bool owner_unknown(uid_t uid)
{
	return ambiguous(uid);
}

/*
 * True if the kernel confirms that the object is ours: only the owner of a file may ask for
 * O_NOATIME, or a process with a capability in a namespace that knows the owner; so for an owner
 * that is unknown here, only the owner itself. Nothing else changes by it.
 */
static bool kernel_says_ours(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NOATIME) != 0)
		return false;
	fcntl(fd, F_SETFL, flags);
	return true;
}

bool owner_is_elsewhere(uid_t owner)
{
	struct uid_map map;

	return in_namespace(&map) && to_outside(&map, owner) == NOBODY;
}

/* True if the object can be this user's, judged by its uid alone. */
static bool owner_may_be(const struct stat *status, uid_t owner)
{
	return status->st_uid == owner ||
	       (status->st_uid == geteuid() && owner_is_elsewhere(owner));
}

bool owner_is(int fd, const struct stat *status, uid_t owner)
{
	if (!owner_may_be(status, owner))
		return false;
	return !ambiguous(status->st_uid) || (status->st_uid == geteuid() && kernel_says_ours(fd));
}

bool owner_seems(const struct stat *status, uid_t owner)
{
	return owner_may_be(status, owner) && !ambiguous(status->st_uid);
}

/* ---- in words ---- */

const char *owner_words(uid_t owner, char words[OWNER_WORDS])
{
	words[0] = '\0';
	if (owner != geteuid())
		snprintf(words, OWNER_WORDS, " --owner %lu", (unsigned long)owner);
	return words;
}

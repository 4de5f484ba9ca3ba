#include "base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096 };

/*
 * The names of the files in cgroup version 1 and version 2. The swap files of version 1 count
 * memory and swap together; those of version 2 count swap alone (`swap_alone`).
 */
struct version {
	const char *folder; /* where the root group is mounted */
	const char *limit, *used, *swap_limit, *swap_used;
	const char *caches[3]; /* rows of memory.stat: memory that can be reclaimed */
	bool swap_alone;
};

static const struct version versions[] = {
	{ .folder = "/memory",
	  .limit = "memory.limit_in_bytes",
	  .used = "memory.usage_in_bytes",
	  .swap_limit = "memory.memsw.limit_in_bytes",
	  .swap_used = "memory.memsw.usage_in_bytes",
	  .caches = { "total_inactive_file", "total_active_file", NULL } },
	{ .folder = "",
	  .limit = "memory.max",
	  .used = "memory.current",
	  .swap_limit = "memory.swap.max",
	  .swap_used = "memory.swap.current",
	  .caches = { "inactive_file", "active_file", "slab_reclaimable" },
	  .swap_alone = true }
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* UINT64_MAX stands for "no limit" in these two functions. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t left_of(uint64_t limit, uint64_t used)
{
	if (limit == UINT64_MAX)
		return UINT64_MAX;
	return limit > used ? limit - used : 0;
}

static FILE *file_open(const char *folder, const char *name)
{
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/*
 * Reads a file that holds a number of bytes. UINT64_MAX: it holds "max", or there is no such file.
 */
static uint64_t bytes_read(const char *folder, const char *name)
{
	FILE *file = file_open(folder, name);
	uint64_t bytes = UINT64_MAX;
	char line[64], *end;

	if (file == NULL)
		return UINT64_MAX;
	if (fgets(line, sizeof(line), file) != NULL) {
		bytes = strtoull(line, &end, 10);
		if (end == line)
			bytes = UINT64_MAX;
	}
	fclose(file);
	return bytes;
}

/* Returns the sum of the rows with these names, in a file with a name and a number in each row. */
static uint64_t rows_read(const char *folder, const char *name, const char *const rows[3])
{
	FILE *file = file_open(folder, name);
	uint64_t bytes = 0;
	char line[256];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		for (int i = 0; i < 3 && rows[i] != NULL; i++) {
			size_t size = strlen(rows[i]);

			if (strncmp(line, rows[i], size) == 0 && line[size] == ' ')
				bytes = sum(bytes, strtoull(line + size, NULL, 10));
		}
	if (file != NULL)
		fclose(file);
	return bytes;
}

/* Returns how many bytes of swap space the machine has free. */
static uint64_t swap_free(void)
{
	static const char *const rows[3] = { "SwapFree:", NULL };

	return rows_read("/proc", "meminfo", rows) * 1024;
}

/* Returns how many more bytes the limit of one group allows. UINT64_MAX: it has none. */
static uint64_t group_room(const struct version *version, const char *folder)
{
	uint64_t limit = bytes_read(folder, version->limit);
	uint64_t used = bytes_read(folder, version->used);
	uint64_t swap, room;

	/* Version 1 has a large number in place of "no limit". */
	if (limit >= UINT64_MAX / 4 || used == UINT64_MAX)
		return UINT64_MAX;
	room = left_of(limit, used);
	swap = left_of(bytes_read(folder, version->swap_limit),
		       bytes_read(folder, version->swap_used));
	if (!version->swap_alone && swap != UINT64_MAX)
		swap = swap > room ? swap - room : 0;
	room = sum(room, least(swap, swap_free()));
	return sum(room, rows_read(folder, "memory.stat", version->caches));
}

/*
 * Returns the smallest allowance of a group and of all groups above it, as far as they can be seen.
 * In a container `path` may be a path of the host's; then only the last step, the root that is
 * mounted here, exists. Shortens `path`.
 */
static uint64_t groups_room(const struct version *version, const char *root, char *path)
{
	uint64_t room = UINT64_MAX;
	char folder[PATH_SIZE], *slash = path;

	if (strstr(path, "/..") != NULL) /* outside of what is mounted here */
		*path = '\0';
	while (slash != NULL) {
		if (snprintf(folder, sizeof(folder), "%s%s%s", root, version->folder, path) <
		    (int)sizeof(folder))
			room = least(room, group_room(version, folder));
		slash = strrchr(path, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	return room;
}

/*
 * The version that a line of /proc/self/cgroup is about: "4:cpu,memory:/path" is of version 1,
 * "0::/path" of version 2. NULL: the line is about another controller.
 */
static const struct version *version_of(const char *line)
{
	const char *controllers = strchr(line, ':');
	const char *end = controllers == NULL ? NULL : strchr(controllers + 1, ':');
	const char *found = controllers == NULL ? NULL : strstr(controllers, "memory");

	if (end == NULL)
		return NULL;
	if (end == controllers + 1)
		return &versions[1];
	return found != NULL && found < end ? &versions[0] : NULL;
}

uint64_t cgroup_room_at(const char *groups, const char *root)
{
	uint64_t room = UINT64_MAX;
	char line[PATH_SIZE];
	FILE *file = fopen(groups, "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const struct version *version = version_of(line);

		line[strcspn(line, "\n")] = '\0';
		if (version != NULL)
			room = least(room, groups_room(version, root,
						       strchr(strchr(line, ':') + 1, ':') + 1));
	}
	if (file != NULL)
		fclose(file);
	return room;
}

uint64_t cgroup_room(void)
{
	return cgroup_room_at("/proc/self/cgroup", "/sys/fs/cgroup");
}

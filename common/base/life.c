#include "base/life.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"

enum { GENERATIONS_MAX = 1024 }; /* ends the loop if a damaged /proc goes in a circle */

/* Inode numbers of namespaces have 32 bits. A kernel without time namespaces has one time only. */
uint64_t life_namespaces(void)
{
	struct stat pid, time;

	if (stat("/proc/self/ns/pid", &pid) != 0)
		return 0;
	if (stat("/proc/self/ns/time", &time) != 0)
		return (uint64_t)pid.st_ino;
	return (uint64_t)time.st_ino << 32 | (uint64_t)pid.st_ino;
}

uint64_t life_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* What /proc says of a process or a thread, see proc(5). */
struct stat_fields {
	char state;
	uint32_t parent;
	uint64_t started; /* in ns since boot */
};

/*
 * Reads a "stat" file. False: it cannot be read; *missing says whether that is because there is no
 * such process or thread.
 */
static bool stat_read(const char *path, struct stat_fields *fields, bool *missing)
{
	char text[1024], *at;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*missing = fd < 0 && (errno == ENOENT || errno == ESRCH);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	*missing = got < 0 && errno == ESRCH; /* it has ended since the open() */
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	/*
	 * The process's name, in brackets, may hold anything, so go by the last bracket. After it
	 * comes the 3rd field, the state; see proc(5).
	 */
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return false;
	fields->state = at[2];
	fields->parent = (uint32_t)strtoul(at + 3, NULL, 10);
	for (int field = 2; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return false;
	fields->started =
		strtoull(at + 1, NULL, 10) * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	return true;
}

static enum life life_of_state(char state)
{
	switch (state) {
	case 'T':
	case 't':
		return LIFE_STOPPED;
	case 'Z':
	case 'X':
	case 'x':
		return LIFE_DEAD;
	default:
		return LIFE_ALIVE;
	}
}

enum life life_of(const struct life_hint *hint, uint64_t own)
{
	struct stat_fields fields;
	bool gone, missing;
	char path[64];

	if (hint->pid == 0 || hint->pid > INT_MAX || hint->tid == 0 || hint->tid > INT_MAX ||
	    own == 0 || hint->namespaces != own)
		return LIFE_UNKNOWN;
	gone = kill((pid_t)hint->pid, 0) != 0 && errno == ESRCH;
	if (gone)
		return LIFE_DEAD;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", hint->pid, hint->tid);
	if (stat_read(path, &fields, &missing)) {
		/*
		 * The id now belongs to a process that started after the attaching. The start time
		 * is counted in ticks, mostly of ten milliseconds.
		 */
		if (fields.started > hint->since + NS_PER_SEC / 10)
			return LIFE_DEAD;
		return life_of_state(fields.state);
	}
	/*
	 * Either the process exists without this thread, or /proc shows nothing of other processes.
	 */
	if (!missing)
		return LIFE_UNKNOWN;
	snprintf(path, sizeof(path), "/proc/%u/stat", hint->pid);
	return stat_read(path, &fields, &missing) ? LIFE_DEAD : LIFE_ALIVE;
}

enum life life_of_process(uint32_t pid)
{
	struct stat_fields fields;
	char path[64];
	bool missing;

	if (pid == 0 || pid > INT_MAX)
		return LIFE_UNKNOWN;
	if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
		return LIFE_DEAD;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	return stat_read(path, &fields, &missing) ? life_of_state(fields.state) : LIFE_ALIVE;
}

bool life_descends(uint32_t pid, uint32_t ancestor)
{
	struct stat_fields fields;
	char path[64];
	bool missing;

	for (int i = 0; i < GENERATIONS_MAX && pid > 1 && ancestor != 0; i++) {
		snprintf(path, sizeof(path), "/proc/%u/stat", pid);
		if (!stat_read(path, &fields, &missing))
			return false;
		if (fields.parent == ancestor)
			return true;
		pid = fields.parent;
	}
	return false;
}

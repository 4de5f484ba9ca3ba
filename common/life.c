#include "life.h"

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

#include "deadline.h"

uint64_t life_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

uint64_t life_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* The state and the start, in ns since boot, of a thread. False: there is nothing to read. */
static bool stat_read(const char *path, char *state, uint64_t *started)
{
	char text[1024], *at;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	/* The name, in brackets, may hold anything. Behind it, see proc(5): the 3rd is the state.
	 */
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] == '\0')
		return false;
	*state = at[2];
	for (int field = 2; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return false;
	*started = strtoull(at + 1, NULL, 10) * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
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
	char path[64], state;
	uint64_t started;
	bool gone;

	if (hint->pid == 0 || hint->pid > INT_MAX || hint->tid == 0 || hint->tid > INT_MAX ||
	    own == 0 || hint->pid_namespace != own)
		return LIFE_UNKNOWN;
	gone = kill((pid_t)hint->pid, 0) != 0 && errno == ESRCH;
	if (gone)
		return LIFE_DEAD;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/stat", hint->pid, hint->tid);
	if (stat_read(path, &state, &started)) {
		/* Its id belongs to somebody younger now. A tick is ten milliseconds, mostly. */
		if (started > hint->since + NS_PER_SEC / 10)
			return LIFE_DEAD;
		return life_of_state(state);
	}
	/* The process is there and its thread is not; or /proc shows nothing of others. */
	snprintf(path, sizeof(path), "/proc/%u/stat", hint->pid);
	return stat_read(path, &state, &started) ? LIFE_DEAD : LIFE_ALIVE;
}

enum life life_of_process(uint32_t pid)
{
	char path[64], state;
	uint64_t started;

	if (pid == 0 || pid > INT_MAX)
		return LIFE_UNKNOWN;
	if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
		return LIFE_DEAD;
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	return stat_read(path, &state, &started) ? life_of_state(state) : LIFE_ALIVE;
}

#include "tests/support/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/support.h"

int process_state(pid_t pid)
{
	char path[64], text[512] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	state = strrchr(text, ')');
	return state != NULL ? state[2] : '?';
}

void process_stop(pid_t pid)
{
	kill(pid, SIGSTOP);
	WAIT_FOR(process_state(pid) == 'T');
}

long process_system_call(pid_t pid, unsigned long arguments[3])
{
	char path[64], text[256] = "";
	long number = -1;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/syscall", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -2;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return -2;
	if (sscanf(text, "%ld %lx %lx %lx", &number, &arguments[0], &arguments[1], &arguments[2]) !=
	    4)
		return -1;
	return number;
}

int process_children(pid_t parent, pid_t *child)
{
	DIR *processes = opendir("/proc");
	const struct dirent *process;
	int count = 0;

	cr_assert_not_null(processes);
	while ((process = readdir(processes)) != NULL) {
		char path[300], text[512] = "", *end;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/stat", process->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fgets(text, sizeof(text), file) != NULL && (end = strrchr(text, ')')) != NULL &&
		    atoi(end + 4) == parent) { /* what follows is "S PPID" */
			if (child != NULL)
				*child = atoi(process->d_name);
			count++;
		}
		fclose(file);
	}
	closedir(processes);
	return count;
}

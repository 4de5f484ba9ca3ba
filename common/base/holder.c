#include "base/holder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Returns the process that holds the flock of a file whose name in /proc/locks begins with
 * `wanted`. 0: none.
 */
static pid_t holder_find(const char *wanted)
{
	FILE *file = fopen("/proc/locks", "re");
	char line[256], process[32], object[64];
	long holder = 0;

	/*
	 * A line is "1: FLOCK  ADVISORY  WRITE 839 00:1a:50204 0 EOF"; that of a process which
	 * waits for the flock has "1: -> FLOCK".
	 */
	while (file != NULL && holder <= 0 && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%*s FLOCK %*s %*s %31s %62s", process, object) == 2 &&
		    strncmp(strcat(object, " "), wanted, strlen(wanted)) == 0)
			holder = strtol(process, NULL, 10);
	if (file != NULL)
		fclose(file);
	return holder > 0 ? (pid_t)holder : 0;
}

pid_t holder_of(int fd)
{
	char wanted[64];
	struct stat status;

	if (fstat(fd, &status) != 0)
		return 0;
	snprintf(wanted, sizeof(wanted), "%02x:%02x:%lu ", major(status.st_dev),
		 minor(status.st_dev), (unsigned long)status.st_ino);
	return holder_find(wanted);
}

bool holder_on(dev_t device)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "%02x:%02x:", major(device), minor(device));
	return holder_find(wanted) != 0;
}

/*
 * Runs a command without what some machines do not have:
 *
 *   without WHAT[,WHAT]... COMMAND [ARGUMENT]...      umask, unnamed, link: see syscall_filter.h
 *
 * Ends with 125 if that cannot be taken away here, with 127 if there is no such command.
 */
#include <string.h>
#include <unistd.h>

#include "syscall_filter.h"

int main(int argc, char **argv)
{
	unsigned which = 0;

	if (argc < 3)
		return 125;
	if (strstr(argv[1], "umask") != NULL)
		which |= FILTER_UMASK;
	if (strstr(argv[1], "unnamed") != NULL)
		which |= FILTER_UNNAMED;
	if (strstr(argv[1], "link") != NULL)
		which |= FILTER_LINK;
	if (!syscall_filter(which))
		return 125;
	execvp(argv[2], argv + 2);
	return 127;
}

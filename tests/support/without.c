/*
 * Runs a command without what some machines do not have:
 *
 *   without WHAT[,WHAT]... COMMAND [ARGUMENT]...
 *
 * WHAT: umask, unnamed, link, membarrier, eventfd; see syscall_filter.h.
 *
 * Ends with 125 if that cannot be taken away here, with 127 if there is no such command.
 */
#include <string.h>
#include <unistd.h>

#include "tests/support/syscall_filter.h"

static const struct {
	const char *word;
	unsigned filter;
} filters[] = { { "umask", FILTER_UMASK },
		{ "unnamed", FILTER_UNNAMED },
		{ "link", FILTER_LINK },
		{ "membarrier", FILTER_MEMBARRIER },
		{ "eventfd", FILTER_EVENTFD } };

int main(int argc, char **argv)
{
	unsigned which = 0;

	if (argc < 3)
		return 125;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strstr(argv[1], filters[i].word) != NULL)
			which |= filters[i].filter;
	if (which == 0 || !syscall_filter(which))
		return 125;
	execvp(argv[2], argv + 2);
	return 127;
}

/* Runs a tool on a terminal of its own and reads what it shows there. */
#ifndef SUPPORT_TERMINAL_H
#define SUPPORT_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

struct terminal {
	pid_t pid;
	int master;
	char *text; /* all that has come so far, ended by a NUL */
	size_t size;
};

/* Starts TOOLS/name on a new terminal of that many columns, for all three streams. */
struct terminal terminal_start(unsigned columns, const char *name, ...) __attribute__((sentinel));

/* Reads what has come; true if all of it holds this text. */
bool terminal_shows(struct terminal *terminal, const char *text);

/* Waits for the tool's end and reads all that is left. Returns its status like tool_end(). */
int terminal_end(struct terminal *terminal);

void terminal_free(struct terminal *terminal);

#endif

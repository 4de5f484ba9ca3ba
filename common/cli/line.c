/* The line that is drawn again and again on standard error. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/line.h"

#define ERASE "\r\033[K"

static bool drawn; /* changed with stderr locked: other threads print errors */
/* A copy for a signal handler, which cannot lock. */
static volatile sig_atomic_t open_line;

static void drawn_set(bool is_drawn)
{
	drawn = is_drawn;
	open_line = is_drawn;
}

void cli_line_draw(const char *text)
{
	flockfile(stderr);
	drawn_set(true);
	fprintf(stderr, ERASE "%s", text); /* unbuffered: one write */
	funlockfile(stderr);
}

void cli_line_erase(void)
{
	flockfile(stderr);
	if (drawn)
		fputs(ERASE, stderr);
	drawn_set(false);
	funlockfile(stderr);
}

void cli_line_keep(void)
{
	flockfile(stderr);
	if (drawn)
		fputc('\n', stderr);
	drawn_set(false);
	funlockfile(stderr);
}

bool cli_line_drawn(void)
{
	return open_line != 0;
}

/* A stopped terminal cannot be written, nor can a full pipe. */
bool cli_can_write(void)
{
	struct pollfd output = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}

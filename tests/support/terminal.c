#include "tests/support/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { ARGUMENTS_MAX = 32 };

/* The child must neither fail an assertion nor return. */
static void run(const char *slave, const struct winsize *window, const char *path,
		const char *const *argv)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	fd = open(slave, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0 || ioctl(fd, TIOCSWINSZ, window) != 0)
		_exit(125);
	for (int stream = 0; stream < 3; stream++)
		dup2(fd, stream);
	for (int other = 3; other < 256; other++)
		close(other);
	for (int number = 1; number < 32; number++)
		signal(number, SIG_DFL);
	setenv("TERM", "xterm", 1);
	execv(path, (char *const *)(uintptr_t)argv);
	_exit(127);
}

void terminal_needed(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), line = -1;
	char path[128];

	if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
	    ptsname_r(master, path, sizeof(path)) == 0)
		line = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line >= 0)
		close(line);
	if (master >= 0)
		close(master);
	if (line < 0)
		test_skip("there are no pseudo-terminals here");
}

struct terminal terminal_start(unsigned columns, const char *name, ...)
{
	const struct winsize window = { .ws_col = (unsigned short)columns, .ws_row = 24 };
	struct terminal terminal = { .text = calloc(1, 1) };
	const char *argv[ARGUMENTS_MAX + 1] = { name };
	const char *path = tool_path(name);
	char slave[128];
	va_list arguments;

	va_start(arguments, name);
	for (int i = 1; (argv[i] = va_arg(arguments, const char *)) != NULL; i++)
		cr_assert_lt(i, ARGUMENTS_MAX);
	va_end(arguments);
	terminal.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	cr_assert_geq(terminal.master, 0);
	cr_assert_eq(grantpt(terminal.master), 0);
	cr_assert_eq(unlockpt(terminal.master), 0);
	cr_assert_eq(ptsname_r(terminal.master, slave, sizeof(slave)), 0);
	cr_assert_eq(fcntl(terminal.master, F_SETFL, O_NONBLOCK), 0);
	terminal.pid = fork();
	cr_assert_geq(terminal.pid, 0);
	if (terminal.pid == 0)
		run(slave, &window, path, argv);
	return terminal;
}

bool terminal_shows(struct terminal *terminal, const char *text)
{
	char bytes[4096];
	ssize_t got;

	while ((got = read(terminal->master, bytes, sizeof(bytes))) > 0) {
		terminal->text = realloc(terminal->text, terminal->size + (size_t)got + 1);
		cr_assert_not_null(terminal->text);
		memcpy(terminal->text + terminal->size, bytes, (size_t)got);
		terminal->size += (size_t)got;
		terminal->text[terminal->size] = '\0';
	}
	return strstr(terminal->text, text) != NULL;
}

static bool ended(struct terminal *terminal)
{
	siginfo_t info = { 0 };

	terminal_shows(terminal, ""); /* otherwise it waits until somebody reads */
	return waitid(P_PID, (id_t)terminal->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

int terminal_end(struct terminal *terminal)
{
	int status;

	WAIT_FOR(ended(terminal));
	terminal_shows(terminal, "");
	cr_assert_eq(waitpid(terminal->pid, &status, 0), terminal->pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void terminal_free(struct terminal *terminal)
{
	close(terminal->master);
	free(terminal->text);
}

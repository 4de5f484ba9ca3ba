#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/deadline.h"

#define SHELL	  "/bin/sh"
#define PATH_ELSE "/bin:/usr/bin" /* where the C library looks if PATH is not set */

enum { LINE_LOOKED_AT = 128, STOPPED_MS = 500 };

/* ---- a script without "#!" ---- */

static bool can_run(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/*
 * Writes the path of the file that posix_spawnp() has found for this name. It gets a "./" if it
 * would look like an option of the shell. Returns false if there is no such file, or if the path is
 * too long.
 */
static bool find_file(const char *name, char path[PATH_MAX])
{
	const char *folders = getenv("PATH");
	int size;

	if (strchr(name, '/') != NULL) {
		size = snprintf(path, PATH_MAX, "%s%s", *name == '-' ? "./" : "", name);
		return size < PATH_MAX;
	}
	if (folders == NULL)
		folders = PATH_ELSE;
	for (;;) {
		int length = (int)strcspn(folders, ":");

		size = snprintf(path, PATH_MAX, "%s%.*s%s%s", *folders == '-' ? "./" : "", length,
				folders, length > 0 ? "/" : "./", name);
		if (size < PATH_MAX && can_run(path))
			return true;
		if (folders[length] == '\0')
			return false;
		folders += length + 1;
	}
}

/* Returns 0 if the file's first line is text, which is as much as a shell looks at, or an errno. */
static int text_check(const char *path)
{
	char bytes[LINE_LOOKED_AT];
	const char *line_end;
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	size = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (size < 0)
		return EIO;
	line_end = memchr(bytes, '\n', (size_t)size);
	if (line_end != NULL)
		size = line_end - bytes;
	return memchr(bytes, '\0', (size_t)size) != NULL ? ENOEXEC : 0;
}

/* Starts the shell with the path of the file that the first word names, and the other words. */
static int script_spawn(pid_t *pid, char *const *words, char *const *environment,
			const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes)
{
	static char shell[] = SHELL;
	char path[PATH_MAX], **with_shell;
	size_t count = 0;
	int error;

	if (!find_file(words[0], path))
		return ENOEXEC;
	error = text_check(path);
	if (error != 0)
		return error;
	while (words[count] != NULL)
		count++;
	with_shell = malloc((count + 2) * sizeof(*with_shell));
	if (with_shell == NULL)
		return ENOMEM;
	with_shell[0] = shell;
	with_shell[1] = path;
	memcpy(with_shell + 2, words + 1, count * sizeof(*with_shell)); /* with the NULL */
	error = posix_spawn(pid, shell, actions, attributes, with_shell, environment);
	free(with_shell);
	return error;
}

/* ---- starting ---- */

/* Fills in attributes that posix_spawnattr_init() has made. 0 or an errno. */
static int attributes_set(posix_spawnattr_t *attributes, const struct child_start *start)
{
	int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
		    (start->own_group ? POSIX_SPAWN_SETPGROUP : 0);

	posix_spawnattr_setsigmask(attributes, &start->blocked);
	posix_spawnattr_setsigdefault(attributes, &start->not_ignored);
	posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes, (short)flags);
}

int child_spawn(pid_t *pid, char *const *words, char *const *environment,
		const struct child_start *start)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawnattr_init(&attributes);

	if (error != 0)
		return error;
	error = posix_spawn_file_actions_init(&actions);
	if (error != 0)
		goto destroy_attributes;
	error = attributes_set(&attributes, start);
	if (error == 0 && start->input >= 0)
		error = posix_spawn_file_actions_adddup2(&actions, start->input, STDIN_FILENO);
	if (error == 0)
		error = posix_spawnp(pid, words[0], &actions, &attributes, words, environment);
	if (error == ENOEXEC)
		error = script_spawn(pid, words, environment, &actions, &attributes);
	posix_spawn_file_actions_destroy(&actions);
destroy_attributes:
	posix_spawnattr_destroy(&attributes);
	return error;
}

/* ---- signals ---- */

void child_signal(pid_t pid, int number)
{
	kill(pid, number);
	kill(pid, SIGCONT);
}

void child_reap_strangers(void)
{
	/*
	 * The kernel gives orphans to the first thread, and a command to the thread that started
	 * it.
	 */
	while (waitpid(-1, NULL, WNOHANG | __WNOTHREAD) > 0)
		;
}

bool child_stop_note(struct child_stop *stop, int number)
{
	uint64_t now = clock_now_ns();

	if (number == 0 || stop->number == 0)
		stop->since_ns = now;
	stop->number = number;
	if (number == 0 || stop->told || now - stop->since_ns < STOPPED_MS * NS_PER_MS)
		return false;
	stop->told = true;
	return true;
}

const char *child_stop_explain(int number)
{
	switch (number) {
	case SIGTTIN:
		return "by SIGTTIN: it reads the terminal, but runs in the background";
	case SIGTTOU:
		return "by SIGTTOU: it writes to the terminal or sets it up, as for a password, "
		       "but "
		       "runs in the background";
	case SIGTSTP:
		return "by SIGTSTP, until it gets SIGCONT";
	default:
		return "by SIGSTOP, until it gets SIGCONT";
	}
}

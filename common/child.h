/* A command that one of the tools runs, started as a shell would start it. Prints nothing. */
#ifndef CHILD_H
#define CHILD_H

#include <spawn.h>
#include <sys/types.h>

/*
 * posix_spawnp(), but a script without "#!" is run by /bin/sh, as execvp(), xargs and env do it.
 * A file that is no text is not: that would be another machine's program. Returns 0 or an errno;
 * ENOEXEC: it is neither a program nor a script. Everything stays the caller's.
 */
int child_spawn(pid_t *pid, char *const *words, char *const *environment,
		const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes);

#endif

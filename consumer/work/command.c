#include "consumer/work/command.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same number on all processors in use */
#endif

enum {
	TEXT_MAX = 128 * 1024,		     /* the longest argument that Linux accepts */
	VARIABLE_MAX = 32 + CHANNEL_KEY_MAX, /* the longest value, with its name */
	KILL_AFTER_S = 5,		     /* from asking a command to end to killing it */
	LOOK_MS_MAX = 50		     /* between two checks without pidfd_open() */
};

/* ---- arguments: "{}" is the message ---- */

static size_t count_placeholders(const char *word)
{
	size_t count = 0;

	while ((word = strstr(word, "{}")) != NULL) {
		word += 2;
		count++;
	}
	return count;
}

/* Returns the word with the text in it, to be freed; NULL: out of memory. */
static char *word_expand(const char *word, const char *text, size_t size)
{
	char *expanded = malloc(strlen(word) + count_placeholders(word) * size + 1);
	char *to = expanded;
	const char *found;

	if (expanded == NULL)
		return NULL;
	while ((found = strstr(word, "{}")) != NULL) {
		memcpy(to, word, (size_t)(found - word));
		to += found - word;
		memcpy(to, text, size);
		to += size;
		word = found + 2;
	}
	strcpy(to, word);
	return expanded;
}

static size_t count_words(char *const *words)
{
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	return count;
}

static void words_free(char **words)
{
	for (char **word = words; word != NULL && *word != NULL; word++)
		free(*word);
	free(words);
}

/*
 * Makes the command's words for this job, to be freed. Returns 0, or an errno if the message cannot
 * be one of them.
 */
static int arguments_make(const struct work *work, const struct job *job, char ***words)
{
	size_t size = work->placeholder ? job->size : 0;
	char *text;
	int error = 0;

	*words = NULL;
	if (size > TEXT_MAX)
		return E2BIG;
	text = malloc(size + 1);
	*words = calloc(count_words(work->command) + 1, sizeof(**words));
	if (text == NULL || *words == NULL)
		error = ENOMEM;
	else if (!job_read(job, 0, text, size))
		error = EIO;
	else if (memchr(text, '\0', size) != NULL)
		error = EILSEQ;
	for (size_t i = 0; error == 0; i++) {
		(*words)[i] = word_expand(work->command[i], text, size);
		if ((*words)[i] == NULL)
			error = ENOMEM;
		if (work->command[i + 1] == NULL)
			break;
	}
	free(text);
	if (error != 0) {
		words_free(*words);
		*words = NULL;
	}
	return error;
}

/* ---- environment ---- */

/* What a command is told about its message. */
enum variable { VAR_FROM, VAR_SEQ, VAR_EPOCH, VAR_ATTEMPT, VAR_SIZE, VAR_KEY, VARIABLES };

/*
 * The first ones are in the order of enum variable. SHM_CHANNEL is only removed: a command that
 * produces must not feed its own queue by accident.
 */
static const char *const variable_names[] = { "SHM_FROM", "SHM_SEQ", "SHM_EPOCH",  "SHM_ATTEMPT",
					      "SHM_SIZE", "SHM_KEY", "SHM_CHANNEL" };
enum { VARIABLE_NAMES = sizeof(variable_names) / sizeof(variable_names[0]) };

struct environment {
	char text[VARIABLES][VARIABLE_MAX];
	char **pointers; /* to our variables, then to those that are passed on */
};

static bool is_ours(const char *setting)
{
	for (int i = 0; i < VARIABLE_NAMES; i++) {
		size_t size = strlen(variable_names[i]);

		if (strncmp(setting, variable_names[i], size) == 0 && setting[size] == '=')
			return true;
	}
	return false;
}

static void set_number(struct environment *environment, enum variable variable, uint64_t value)
{
	snprintf(environment->text[variable], VARIABLE_MAX, "%s=%" PRIu64, variable_names[variable],
		 value);
}

static bool environment_make(struct environment *environment, const struct job *job,
			     const struct command_origin *origin)
{
	char **to = calloc(VARIABLES + count_words(environ) + 1, sizeof(*to));

	environment->pointers = to;
	if (to == NULL)
		return false;
	snprintf(environment->text[VAR_FROM], VARIABLE_MAX, "%s=%s", variable_names[VAR_FROM],
		 origin->channel);
	set_number(environment, VAR_SEQ, job->sequence);
	set_number(environment, VAR_EPOCH, origin->epoch);
	set_number(environment, VAR_ATTEMPT, job->attempts);
	set_number(environment, VAR_SIZE, job->size);
	/* A key with a NUL byte in it is cut there: a variable cannot hold it. */
	snprintf(environment->text[VAR_KEY], VARIABLE_MAX, "%s=%.*s", variable_names[VAR_KEY],
		 (int)job->key_size, (const char *)job->key);
	for (int i = 0; i < VARIABLES; i++)
		if (i != VAR_KEY || job->key_size > 0)
			*to++ = environment->text[i];
	for (char **setting = environ; *setting != NULL; setting++)
		if (!is_ours(*setting))
			*to++ = *setting;
	return true;
}

/* ---- starting ---- */

/*
 * Starts a process with the job as its standard input and no other descriptor of ours. Returns 0 or
 * an errno.
 */
static int spawn(char *const *words, char *const *environment, int input, pid_t *pid)
{
	struct child_start start = { .input = input, .own_group = true };

	cli_signals_of_child(&start.blocked, &start.not_ignored);
	return child_spawn(pid, words, environment, &start);
}

/* True if this process lacks something, which says nothing about the command. */
static bool lacks_resources(int error)
{
	return error == ENOMEM || error == EAGAIN || error == EMFILE || error == ENFILE ||
	       error == EIO;
}

/* Returns what it means that the command could not be started. */
static struct command_result start_failed(const struct work *work, const char *name, int error)
{
	struct command_result result = { .end = COMMAND_CANNOT_RUN, .detail = error };

	if (error == E2BIG && work->placeholder) { /* the words together are too long */
		result.end = COMMAND_BAD_TEXT;
	} else if (strstr(work->command[0], "{}") != NULL && !lacks_resources(error)) {
		result.end = COMMAND_BAD_NAME;
		cli_excerpt((const unsigned char *)name, strlen(name), result.name);
	} else if (error == ENOENT) {
		result.end = COMMAND_NOT_FOUND;
	}
	return result;
}

static struct command_result command_start(const struct work *work, const struct job *job,
					   const struct command_origin *origin, pid_t *pid)
{
	struct command_result result = { .end = COMMAND_DONE };
	struct environment environment;
	char **words;
	int error = arguments_make(work, job, &words);

	if (error == E2BIG || error == EILSEQ)
		return (struct command_result){ .end = COMMAND_BAD_TEXT, .detail = error };
	if (error != 0)
		return (struct command_result){ .end = COMMAND_CANNOT_RUN, .detail = error };
	if (!environment_make(&environment, job, origin))
		error = ENOMEM;
	else if (lseek(job->input, 0, SEEK_SET) < 0) /* an earlier attempt may have read it */
		error = errno;
	else
		error = spawn(words, environment.pointers, job->input, pid);
	if (error != 0)
		result = start_failed(work, words[0], error);
	free(environment.pointers);
	words_free(words);
	return result;
}

/* ---- waiting for the end ---- */

/*
 * Returns true if the command has ended; its status can still be fetched. *stopped: the signal that
 * has stopped it, or 0.
 */
static bool has_ended(pid_t pid, int *stopped)
{
	siginfo_t info = { 0 };
	int rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);

	*stopped = info.si_code == CLD_STOPPED ? info.si_status : 0;
	return rc < 0 || (info.si_pid != 0 && *stopped == 0);
}

/*
 * Sleeps until the command has ended, `ns` at most. Without pidfd_open() (before Linux 5.3, or
 * where a sandbox forbids it) it has to check again and again: SIGCHLD would go to any thread, and
 * waitpid() has no time limit.
 */
static void end_await(int pidfd, uint64_t ns, uint64_t *look_ns)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	struct timespec pause;

	if (pidfd >= 0) {
		poll(&ended, 1, (int)(ns / NS_PER_MS) + 1);
		return;
	}
	if (ns > *look_ns)
		ns = *look_ns;
	if (*look_ns < LOOK_MS_MAX * NS_PER_MS)
		*look_ns *= 2;
	pause = (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_SEC),
				   .tv_nsec = (long)(ns % NS_PER_SEC) };
	nanosleep(&pause, NULL);
}

/* --max-time: asks the command and its process group to end, then kills them. */
static bool end_demand(pid_t pid, uint64_t now, uint64_t *kill_at, int *signal_number)
{
	if (now < *kill_at)
		return false;
	child_signal(-pid, *signal_number);
	*kill_at = *signal_number == SIGTERM ? now + KILL_AFTER_S * NS_PER_SEC : DEADLINE_NEVER;
	*signal_number = SIGKILL;
	return true;
}

/* Returns the result for the status of a command that has not taken too long. */
static struct command_result status_read(int status)
{
	if (WIFSIGNALED(status))
		return (struct command_result){ .end = COMMAND_KILLED, .detail = WTERMSIG(status) };
	if (WEXITSTATUS(status) != 0)
		return (struct command_result){ .end = COMMAND_FAILED,
						.detail = WEXITSTATUS(status) };
	return (struct command_result){ .end = COMMAND_DONE };
}

static struct command_result command_wait(const struct work *work, pid_t pid,
					  const struct command_watch *watch)
{
	uint64_t now = clock_now_ns();
	uint64_t kill_at = work->max_time_ns == 0 ? DEADLINE_NEVER : now + work->max_time_ns;
	uint64_t look_ns = NS_PER_MS;
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec */
	int signal_number = SIGTERM, status = 0, stopped, stopped_then = 0;
	struct child_stop stop = { 0 };
	bool too_long = false;
	pid_t waited;

	while (!has_ended(pid, &stopped)) {
		now = clock_now_ns();
		if (child_stop_note(&stop, stopped))
			watch->stopped(watch->context, pid, stopped);
		if (end_demand(pid, now, &kill_at, &signal_number)) {
			stopped_then = too_long ? stopped_then : stopped;
			too_long = true;
		}
		end_await(pidfd, kill_at - now < NS_PER_SEC ? kill_at - now : NS_PER_SEC, &look_ns);
		watch->meanwhile(watch->context);
	}
	if (too_long) /* processes that it has left behind have used up their time, too */
		kill(-pid, SIGKILL);
	watch->ended(watch->context);
	do
		waited = waitpid(pid, &status, 0);
	while (waited < 0 && errno == EINTR);
	if (pidfd >= 0)
		close(pidfd);
	if (waited < 0)
		return (struct command_result){ .end = COMMAND_CANNOT_RUN, .detail = errno };
	if (too_long)
		return (struct command_result){ .end = COMMAND_TOO_LONG, .detail = stopped_then };
	return status_read(status);
}

struct command_result command_run(const struct work *work, const struct job *job,
				  const struct command_origin *origin,
				  const struct command_watch *watch)
{
	pid_t pid = 0;
	struct command_result result = command_start(work, job, origin, &pid);

	if (result.end != COMMAND_DONE)
		return result;
	watch->started(watch->context, pid);
	return command_wait(work, pid, watch);
}

/* ---- in words ---- */

const char *command_explain(const struct work *work, const struct command_result *result,
			    char buffer[COMMAND_WORDS])
{
	const char *name = work->command[0];

	switch (result->end) {
	case COMMAND_DONE:
	case COMMAND_FAILED:
		snprintf(buffer, COMMAND_WORDS, "\"%.60s\" ended with status %d", name,
			 result->detail);
		break;
	case COMMAND_KILLED:
		snprintf(buffer, COMMAND_WORDS, "\"%.60s\" was killed by signal %d", name,
			 result->detail);
		break;
	case COMMAND_TOO_LONG:
		snprintf(buffer, COMMAND_WORDS, "\"%.60s\" took longer than --max-time%s%s", name,
			 result->detail != 0 ? "; it was stopped " : "",
			 result->detail != 0 ? child_stop_explain(result->detail) : "");
		break;
	case COMMAND_BAD_NAME:
		snprintf(buffer, COMMAND_WORDS, "cannot run \"%s\": %s", result->name,
			 strerror(result->detail));
		break;
	case COMMAND_BAD_TEXT:
		snprintf(buffer, COMMAND_WORDS, "it cannot be an argument of \"%.60s\": %s", name,
			 result->detail == EILSEQ ? "it holds a NUL byte"
						  : "it is too long (128 KiB)");
		break;
	default:
		snprintf(buffer, COMMAND_WORDS, "cannot run \"%.60s\": %s", name,
			 strerror(result->detail));
		break;
	}
	return buffer;
}

#include "producer/hold.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "cli/child.h"
#include "cli/message.h"
#include "cli/signals.h"

/* KILLED_STATUS: plus the number of the signal, as the shell shows it. */
enum { SAME_REQUEST_MS = 1000, KILLED_STATUS = 128 };

/* All but the last one are passed on. */
static const int watched[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };
enum { WATCHED_COUNT = sizeof(watched) / sizeof(watched[0]) };

static bool signal_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

struct hold {
	const struct cli_settings *settings;
	struct channel *channel;
	sigset_t signals; /* waited for, and blocked during the wait */
	sigset_t before;  /* what was blocked before */
	pid_t pid;
	struct child_stop stop;
	uint64_t request_ns[NSIG]; /* when the command last got each signal; 0: never */
	int received;		   /* the last signal that was passed on */
	int error;		   /* of the channel */
};

/* Blocks the signals to be waited for. A signal that was ignored when the tool started stays so. */
static void signals_take(struct hold *hold)
{
	signal(SIGCHLD, SIG_DFL); /* ignored, the command would leave no status */
	sigemptyset(&hold->signals);
	for (int i = 0; i < WATCHED_COUNT; i++)
		if (!signal_ignored(watched[i]))
			sigaddset(&hold->signals, watched[i]);
	pthread_sigmask(SIG_BLOCK, &hold->signals, &hold->before);
}

/* Returns 0 or an errno. Our own descriptors close on exec. */
static int command_start(struct hold *hold, char **command)
{
	struct child_start start = { .input = -1 };

	if (setenv("SHM_CHANNEL", hold->settings->channel.name, 1) != 0)
		return errno;
	cli_signals_of_child(&start.blocked, &start.not_ignored);
	return child_spawn(&hold->pid, command, environ, &start);
}

/*
 * A signal from the terminal has also reached the command, which is in our process group; a second
 * one would make some commands hurry. For the same reason a signal that comes again within a second
 * is not passed on: a supervisor or timeout(1) signals a process and then its group, and a wrapper
 * passes on what the terminal has sent to the whole group.
 */
static void signal_pass_on(struct hold *hold, const siginfo_t *info)
{
	uint64_t *last = &hold->request_ns[info->si_signo], now = clock_now_ns();
	bool again = *last != 0 && now - *last < SAME_REQUEST_MS * NS_PER_MS;

	hold->received = info->si_signo;
	if (info->si_code == SI_KERNEL) {
		*last = now;
		kill(hold->pid, SIGCONT);
	} else if (!again) {
		*last = now;
		child_signal(hold->pid, info->si_signo);
	}
}

/*
 * Returns true if the command has ended; then *status is what waitpid() says of it. Other children,
 * which process 1 of a container gets when their parents end, are reaped.
 */
static bool has_ended(struct hold *hold, int *status)
{
	pid_t pid;

	while ((pid = waitpid(-1, status, WNOHANG)) > 0)
		if (pid == hold->pid)
			return true;
	return false;
}

/* Says once that the command is stopped, if nothing continues it within half a second. */
static void stop_notice(struct hold *hold, const char *name)
{
	siginfo_t info = { 0 };
	int rc = waitid(P_PID, (id_t)hold->pid, &info, WSTOPPED | WNOHANG | WNOWAIT);

	if (child_stop_note(&hold->stop, rc == 0 && info.si_pid != 0 ? info.si_status : 0))
		cli_note(hold->settings, "\"%s\" (process %ld) is stopped %s", name,
			 (long)hold->pid, child_stop_explain(info.si_status));
}

/* Waits for the command's end. Returns what waitpid() says of it. */
static int command_wait(struct hold *hold, const char *name)
{
	const struct timespec second = { .tv_sec = 1 };
	int status;

	for (;;) {
		siginfo_t info;
		int number = sigtimedwait(&hold->signals, &info, &second);

		/* The process id cannot be reused before the command has been waited for. */
		if (number > 0 && number != SIGCHLD)
			signal_pass_on(hold, &info);
		if (has_ended(hold, &status))
			return status;
		stop_notice(hold, name);
		if (hold->error == 0) {
			hold->error = channel_look_after(hold->channel);
			if (hold->error < 0)
				cli_channel_error(hold->settings, hold->channel, "hold",
						  hold->error);
		}
	}
}

/* Returns the exit status as the shell shows it. */
static int command_status(const struct hold *hold, int status)
{
	if (WIFSIGNALED(status))
		return KILLED_STATUS + WTERMSIG(status);
	return hold->error < 0 && WEXITSTATUS(status) == 0 ? CLI_FAILED : WEXITSTATUS(status);
}

int hold_run(const struct cli_settings *settings, struct channel *channel, char **command)
{
	struct hold hold = { .settings = settings, .channel = channel };
	int status = CLI_FAILED, ended, error;

	signals_take(&hold);
	if (channel_interrupted(channel))
		goto restore; /* the signal came before there was a command */
	error = command_start(&hold, command);
	if (error != 0) {
		cli_error(settings, "cannot run \"%s\": %s", command[0], strerror(error));
		status = error == ENOENT ? CLI_NOT_FOUND : CLI_CANNOT_RUN;
		goto restore;
	}
	ended = command_wait(&hold, command[0]);
	status = command_status(&hold, ended);
	if (WIFSIGNALED(ended) && WTERMSIG(ended) == hold.received) {
		/* End by the same signal: a shell that sees this ends its script. */
		pthread_sigmask(SIG_SETMASK, &hold.before, NULL);
		raise(hold.received);
	}
restore:
	pthread_sigmask(SIG_SETMASK, &hold.before, NULL);
	return status;
}

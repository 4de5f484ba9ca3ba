#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/line.h"
#include "cli/message.h"
#include "cli/signals.h"

/*
 * A signal that comes between the check of the flag and a system call would leave the call waiting.
 * So the first signal starts a timer whose signals interrupt whatever comes next.
 */
enum { KNOCK_AGAIN_US = 50000 };

static const int caught_signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { CAUGHT_COUNT = sizeof(caught_signals) / sizeof(caught_signals[0]) };

static struct channel *_Atomic interrupted_channel;
static atomic_int caught;
static atomic_int drain_asked;
static bool pipe_ignored, file_size_ignored;
static sigset_t blocked_at_start;
static sigset_t queued; /* for cli_signal_next() */

/* For on_bus_error(). An endpoint belongs to a thread, and so does a fault in its memory. */
static const char *tool_name, *channel_name;
static _Thread_local struct channel *thread_channel;
static _Thread_local const char *thread_channel_name;

static void on_signal(int number)
{
	const struct itimerval knock = { .it_interval = { .tv_usec = KNOCK_AGAIN_US },
					 .it_value = { .tv_usec = KNOCK_AGAIN_US } };
	struct channel *channel = atomic_load(&interrupted_channel);
	int saved = errno, first = 0;

	if (number != SIGALRM && atomic_compare_exchange_strong(&caught, &first, number)) {
		struct sigaction action = { .sa_handler = on_signal };

		sigemptyset(&action.sa_mask);
		sigaction(SIGALRM, &action, NULL); /* from now on it is ours */
		setitimer(ITIMER_REAL, &knock, NULL);
	}
	if (channel != NULL)
		channel_interrupt(channel);
	errno = saved;
}

/* Nothing can be given back: the memory in which that would be done is gone. */
static void end_truncated(const char *name)
{
	char line[CHANNEL_NAME_MAX + 128];

	strcpy(line, cli_line_drawn() ? "\n" : "");
	strcat(line, tool_name);
	strcat(line, ": channel \"");
	strcat(line, name);
	strcat(line, "\" is damaged: somebody has truncated its memory\n");
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		_exit(CLI_FAILED);
	_exit(CLI_FAILED);
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	struct channel *channel = atomic_load(&interrupted_channel);

	(void)context;
	if (channel != NULL && channel_contains(channel, info->si_addr))
		end_truncated(channel_name);
	if (thread_channel != NULL && channel_contains(thread_channel, info->si_addr))
		end_truncated(thread_channel_name);
	signal(number, SIG_DFL); /* not ours: it comes again when this returns */
}

void cli_thread_channel(struct channel *channel, const char *name)
{
	thread_channel = channel;
	thread_channel_name = name;
}

static bool signal_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* What is done in every case, whichever thread gets the signals. */
static void signals_begin(const struct cli_settings *settings)
{
	struct sigaction bus = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };

	tool_name = settings->tool->name;
	channel_name = settings->channel.name;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked_at_start);
	sigemptyset(&bus.sa_mask);
	sigaction(SIGBUS, &bus, NULL);
	/* With these ignored, write() returns an error instead. */
	pipe_ignored = signal_ignored(SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	file_size_ignored = signal_ignored(SIGXFSZ);
	signal(SIGXFSZ, SIG_IGN);
}

void cli_signals_catch(const struct cli_settings *settings, struct channel *channel)
{
	struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART */

	signals_begin(settings);
	/* No command is started here, but process 1 of a container gets the children of others. */
	signal(SIGCHLD, SIG_IGN);
	child_reap_strangers();
	sigemptyset(&action.sa_mask);
	atomic_store(&interrupted_channel, channel);
	for (int i = 0; i < CAUGHT_COUNT; i++)
		if (!signal_ignored(caught_signals[i]))
			sigaction(caught_signals[i], &action, NULL);
}

static void on_drain(int number)
{
	(void)number;
	atomic_store(&drain_asked, 1);
}

void cli_drain_catch(void)
{
	/* A write goes on after the signal. */
	struct sigaction action = { .sa_handler = on_drain, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	if (!signal_ignored(CLI_SIGNAL_DRAIN))
		sigaction(CLI_SIGNAL_DRAIN, &action, NULL);
}

bool cli_drain_asked(void)
{
	return atomic_load(&drain_asked) != 0;
}

void cli_signals_queue(const struct cli_settings *settings)
{
	signals_begin(settings);
	signal(SIGCHLD, SIG_DFL); /* ignored, a command would leave no status */
	sigemptyset(&queued);
	sigaddset(&queued, SIGCHLD);
	if (!signal_ignored(CLI_SIGNAL_DRAIN))
		sigaddset(&queued, CLI_SIGNAL_DRAIN);
	for (int i = 0; i < CAUGHT_COUNT; i++)
		if (!signal_ignored(caught_signals[i]))
			sigaddset(&queued, caught_signals[i]);
	pthread_sigmask(SIG_BLOCK, &queued, NULL);
}

int cli_signal_next(int timeout_ms, bool *typed)
{
	const struct timespec timeout = { .tv_sec = timeout_ms / 1000,
					  .tv_nsec = timeout_ms % 1000 * 1000000L };
	siginfo_t info = { 0 };
	int number = sigtimedwait(&queued, &info, timeout_ms < 0 ? NULL : &timeout);
	int none = 0;

	*typed = info.si_code == SI_KERNEL;
	if (number > 0 && number != SIGCHLD && number != CLI_SIGNAL_DRAIN)
		atomic_compare_exchange_strong(&caught, &none, number);
	return number > 0 ? number : 0;
}

int cli_signal_caught(void)
{
	return atomic_load(&caught);
}

void cli_signals_of_child(sigset_t *blocked, sigset_t *not_ignored)
{
	*blocked = blocked_at_start;
	sigemptyset(not_ignored);
	if (!pipe_ignored)
		sigaddset(not_ignored, SIGPIPE);
	if (!file_size_ignored)
		sigaddset(not_ignored, SIGXFSZ);
}

bool cli_pipe_ignored(void)
{
	return pipe_ignored;
}

struct thread_work {
	int (*work)(void);
	int status;
	sigset_t signals;
};

static void *thread_main(void *argument)
{
	struct thread_work *work = argument;

	pthread_sigmask(SIG_SETMASK, &work->signals, NULL);
	work->status = work->work();
	return NULL;
}

int cli_run(const struct cli_settings *settings, int (*work)(void))
{
	struct thread_work again = { .work = work };
	pthread_t thread;
	sigset_t all;

	again.status = work();
	if (again.status != CLI_ANOTHER_THREAD)
		return again.status;
	/* Thread ids are assigned in turn: each new thread has another one. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &again.signals);
	do {
		int error = pthread_create(&thread, NULL, thread_main, &again);

		if (error != 0) {
			cli_error(settings, "cannot start a thread: %s", strerror(error));
			again.status = CLI_FAILED;
			break;
		}
		pthread_join(thread, NULL);
	} while (again.status == CLI_ANOTHER_THREAD);
	pthread_sigmask(SIG_SETMASK, &again.signals, NULL);
	return again.status;
}

static void end_by_signal(int number)
{
	sigset_t one;

	signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	raise(number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	exit(128 + number); /* signals do not kill the first process of a container */
}

void cli_end(int status, bool pipe_closed)
{
	int number = atomic_load(&caught);

	if (number != 0)
		end_by_signal(number);
	if (pipe_closed && !pipe_ignored)
		end_by_signal(SIGPIPE);
	exit(status);
}

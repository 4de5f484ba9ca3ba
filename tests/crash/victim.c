#include "tests/crash/victim.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/scene.h"

enum {
	TICK_MS = 10,
	SLEEP_TICKS = 3 /* a victim that has not stopped after so many sleeps in a system call */
};

/* Ends waitpid() now and then, so that a victim that sleeps is noticed. */
static volatile int ticks;

static void on_tick(int number)
{
	(void)number;
	ticks = ticks + 1;
}

void ticks_start(void)
{
	const struct itimerval tick = { .it_interval = { .tv_usec = TICK_MS * 1000 },
					.it_value = { .tv_usec = TICK_MS * 1000 } };
	struct sigaction action = { .sa_handler = on_tick }; /* no SA_RESTART */

	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
}

pid_t victim_start(const struct operation *operation)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		is_victim = true;
		child_limit(operation);
		operation->prepare();
		raise(SIGSTOP);
		operation->operate();
		atomic_store(&scene->done, 1);
		for (;;)
			pause();
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSTOPPED(status) ? pid : -1;
}

/* What victim_resume() has to know, which stepper.c calls. */
struct victim_run {
	struct run *run;
	pid_t pid;
	bool released;
	bool dead;
};

/*
 * Lets the victim go on until it stops. A victim that sleeps in a system call stays there if that
 * is its last step; else a process is started that wakes it.
 */
static bool victim_resume(void *context, enum stepper_reach reach, bool last)
{
	struct victim_run *victim_run = context;
	struct run *run = victim_run->run;
	int began = ticks;
	int status;

	if (atomic_load(&scene->done) ||
	    ptrace(reach == STEPPER_ONE_STEP ? PTRACE_SINGLESTEP : PTRACE_CONT, victim_run->pid,
		   NULL, NULL) != 0)
		return false;
	while (waitpid(victim_run->pid, &status, 0) < 0) { /* a tick: asleep, or not scheduled */
		if (ticks - began < SLEEP_TICKS)
			continue;
		if (atomic_load(&scene->done))
			return false;
		if (last)
			return true;
		if (!victim_run->released && run->operation->release != NULL) {
			child_start(run, run->operation->release);
			victim_run->released = true;
		}
		if (ticks - began > 2 * PROGRESS_MS / TICK_MS) {
			run->hung = true;
			return false;
		}
	}
	victim_run->dead = !WIFSTOPPED(status);
	return !victim_run->dead;
}

enum arrival victim_step_and_kill(struct run *run, pid_t pid, int steps, struct path *path)
{
	struct victim_run victim_run = { .run = run, .pid = pid };
	struct stepper stepper = { pid, victim_resume, &victim_run };
	enum arrival arrival = ENDED_BEFORE;

	if (path != NULL && steps != NOTED_ALL)
		arrival = stepper_follow(&stepper, steps, path) ? ARRIVED : WENT_ANOTHER_WAY;
	else if (stepper_walk(&stepper, steps, path) == steps)
		arrival = ARRIVED;
	if (victim_run.dead)
		return arrival;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return arrival;
}

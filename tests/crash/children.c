#include "tests/crash/children.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/roles.h"
#include "tests/support/syscall_filter.h"

static bool somebody_waits(bool producer)
{
	struct shared_buffer *shared = object_map();
	bool waits = false;

	if (shared == NULL)
		return false;
	if (producer)
		waits = (atomic_load(&shared->producers.room_wanted) |
			 atomic_load(&shared->producers.waiting_consumers)) != 0;
	else
		waits = (atomic_load(&shared->consumers.waiting_data) |
			 atomic_load(&shared->consumers.waiting_piece)) != 0;
	munmap(shared, sizeof(*shared));
	return waits;
}

static bool child_ended(const struct child *child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

/* True if a role is where the operation needs it: asleep, gone, dead or idle. */
static bool settled(const struct child *child, int index)
{
	if (child->role == role_consumer || child->role == role_tap)
		return atomic_load(&scene->ready[index]) && somebody_waits(false);
	if (child->role == role_waiting_producer || child->role == role_awaiting_producer)
		return atomic_load(&scene->ready[index]) && somebody_waits(true);
	if (child->role == role_idle_producer || child->role == role_keeping_producer ||
	    child->role == role_sharing_consumer)
		return atomic_load(&scene->ready[index]);
	return child_ended(child);
}

void child_limit(const struct operation *operation)
{
	if (operation->named && !syscall_filter(FILTER_UNNAMED | FILTER_LINK))
		fail("no system call can be taken away here");
}

int child_start(struct run *run, void (*role)(int index))
{
	int index = run->child_count++;
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		child_limit(run->operation);
		role(index);
		_exit(0);
	}
	run->children[index] = (struct child){ .pid = pid, .role = role };
	return index;
}

void child_settle(struct run *run, int index)
{
	uint64_t until = now_ms() + PROGRESS_MS;

	while (!settled(&run->children[index], index)) {
		if (now_ms() > until) {
			run->hung = true;
			return;
		}
		pause_briefly();
	}
}

void children_end(struct run *run, uint64_t since)
{
	for (int index = 0; index < run->child_count; index++) {
		struct child *child = &run->children[index];

		while (!child_ended(child) && now_ms() - since <= PROGRESS_MS)
			pause_briefly();
		if (!child_ended(child)) {
			run->hung = true;
			kill(child->pid, SIGKILL);
		}
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	run->child_count = 0;
	if (now_ms() - since > run->slowest_ms)
		run->slowest_ms = now_ms() - since;
}

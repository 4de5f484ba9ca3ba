/*
 * The crash walk: runs one real operation under ptrace, single-steps it, and kills it with
 * SIGKILL after instruction 1, 2, 3, ... until it ends unharmed. After each kill the
 * survivors, which were asleep on the channel, and newcomers must go on within three
 * seconds, and every message is accounted for.
 *
 *   crash_walk [-s STRIDE] [-o NAME]...    STRIDE 1 (the default) is every instruction
 *
 * An attached endpoint cannot be forked, so a victim is a fresh child that attaches, stops
 * itself right before the operation, and is stepped from there.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/condition.h"
#include "tests/crash/account.h"
#include "tests/crash/children.h"
#include "tests/crash/operations.h"
#include "tests/crash/report.h"
#include "tests/crash/roles.h"
#include "tests/crash/scene.h"
#include "tests/crash/stepper.h"
#include "tests/crash/steps.h"
#include "tests/crash/victim.h"

enum { WORKERS_MAX = 16, NAMES_MAX = 64 };

/* ---- one kill point ---- */

/*
 * Wakes the consumers that sleep, as time would. What they make of the death alone must be right
 * before another process comes and repairs. It takes the time of a few looks; it need not be exact.
 */
static void survivors_nudge(void)
{
	struct shared_buffer *shared = object_map();

	if (shared == NULL)
		return;
	for (int i = 0; i < SLOT_COUNT; i++)
		if ((atomic_load(&shared->consumers.side.attached) >> i & 1) != 0)
			semaphore_post(&shared->consumers.side.slots[i].wakeup);
	munmap(shared, sizeof(*shared));
	for (int i = 0; i < 5; i++)
		pause_briefly();
}

/*
 * Starts a consumer and waits until it has attached: if it came when all is over, it would wait for
 * the next stream.
 */
static void consumer_join(struct run *run, void (*role)(int self), uint64_t since)
{
	int index = child_start(run, role);

	while (!atomic_load(&scene->ready[index]) && now_ms() - since <= PROGRESS_MS)
		pause_briefly();
}

/*
 * Runs an operation once, with a kill after `steps` instructions. With a path the victim runs
 * freely most of the way; with NOTED_ALL the run notes the path and ends unharmed.
 */
static enum arrival walk_point(const struct operation *operation, int steps, struct path *path,
			       struct tally *tally)
{
	static unsigned serial;
	struct run run = { .operation = operation };
	uint64_t since;
	enum arrival arrival;
	pid_t pid;

	memset(scene, 0, sizeof(*scene));
	scene->stream_ended = operation->clean_end;
	snprintf(scene->name, sizeof(scene->name), "walk-%ld-%u", (long)getpid(), serial++);
	for (int i = 0; i < 3 && operation->before[i] != NULL; i++)
		child_settle(&run, child_start(&run, operation->before[i]));
	pid = victim_start(operation);
	for (int i = 0; i < 2 && operation->after[i] != NULL; i++)
		child_settle(&run, child_start(&run, operation->after[i]));
	if (operation->first_dies_twice) {
		/* Another process repairs first, and dies somewhere in the repair. */
		victim_step_and_kill(&run, victim_start(operation), 1 + steps % 1500 * 37 % 1500,
				     NULL);
		atomic_store(&scene->done, 0);
	}
	arrival = victim_step_and_kill(&run, pid, steps, path);

	survivors_nudge();
	since = now_ms();
	atomic_store(&scene->go, 1);
	consumer_join(&run, role_consumer, since);
	if (operation->groups)
		consumer_join(&run, role_other_consumer, since);
	atomic_store(&scene->newcomer, 1);
	child_start(&run, role_newcomer_producer);
	children_end(&run, since);
	child_start(&run, role_last_consumer);
	children_end(&run, now_ms());
	if (operation->groups)
		child_start(&run, role_group_remover);
	children_end(&run, now_ms());
	account(tally);
	if (operation->other_owed && !atomic_load(&scene->other_waived) &&
	    !atomic_load(&scene->other_has_one)) {
		tally->lost++;
		fail("\"one\" is lost for the other group");
	}
	if (atomic_load(&scene->news) && !atomic_load(&scene->reported))
		fail("nobody was told that a producer had died");
	remains(tally, pid);

	if (run.hung)
		fail("somebody did not go on");
	tally->points++;
	tally->hung += run.hung;
	tally->wrong += atomic_load(&scene->failures) > 0;
	if (atomic_load(&scene->failures) > 0 && tally->example[0] == '\0')
		snprintf(tally->example, sizeof(tally->example), "after %d: %.250s", steps,
			 scene->failure);
	if (run.slowest_ms > tally->slowest_ms)
		tally->slowest_ms = run.slowest_ms;
	return arrival;
}

/* ---- the walk ---- */

/* Does one worker's share of the kill points: every count-th, from its own first one on. */
static void work(const struct operation *operation, int stride, int worker, int count,
		 struct tally *tally)
{
	int steps = 1 + (worker - count) * stride;
	enum arrival arrival;
	cpu_set_t processor;
	struct path *path;

	/*
	 * Stay on one processor with the victim: a step is then a switch between two processes,
	 * several times cheaper than a wake-up across processors.
	 */
	CPU_ZERO(&processor);
	CPU_SET((size_t)worker, &processor);
	sched_setaffinity(0, sizeof(processor), &processor);
	scene = mmap(NULL, sizeof(*scene), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (scene == MAP_FAILED)
		_exit(1);
	ticks_start();
	path = path_new();
	if (path == NULL)
		_exit(1);
	walk_point(operation, NOTED_ALL, path, tally);
	do {
		steps += count * stride;
		arrival = walk_point(operation, steps, path, tally);
		if (arrival == WENT_ANOTHER_WAY) /* then single steps all the way, to be sure */
			arrival = walk_point(operation, steps, NULL, tally);
	} while (arrival == ARRIVED);
	path_free(path);
	tally->last = steps;
	_exit(0);
}

static bool walk(const struct operation *operation, int stride, struct tally *tallies)
{
	int workers = (int)sysconf(_SC_NPROCESSORS_ONLN), died = 0;
	uint64_t began = now_ms();

	if (workers > WORKERS_MAX)
		workers = WORKERS_MAX;
	memset(tallies, 0, WORKERS_MAX * sizeof(*tallies));
	for (int i = 0; i < workers; i++)
		if (fork() == 0)
			work(operation, stride, i, workers, &tallies[i]);
	for (int i = 0; i < workers; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			died++;
	}
	return report_line(operation->name, tallies, workers, died, now_ms() - began);
}

int main(int argc, char **argv)
{
	const char *only[NAMES_MAX];
	int only_count = 0, stride = 1, key;
	struct tally *tallies;
	bool good = true;

	while ((key = getopt(argc, argv, "s:o:")) != -1) {
		if (key == 's' && atoi(optarg) > 0)
			stride = atoi(optarg);
		else if (key == 'o' && only_count < NAMES_MAX)
			only[only_count++] = optarg;
		else
			return 2;
	}
	tallies = mmap(NULL, WORKERS_MAX * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		return 1;
	bytes_make();
	report_head();
	for (int i = 0; i < operation_count; i++) {
		bool wanted = only_count == 0;

		for (int k = 0; k < only_count; k++)
			wanted |= strstr(operations[i].name, only[k]) != NULL;
		if (wanted)
			good &= walk(&operations[i], stride, tallies);
	}
	return good ? 0 : 1;
}

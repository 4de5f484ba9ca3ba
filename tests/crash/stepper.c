#include "tests/crash/stepper.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/*
 * What one stop at a breakpoint costs, in single steps: the breakpoint has to be stepped over, too.
 */
enum { STOP_COST = 4 };

/* Where the process was after this many steps, and the cheapest way to get there. */
struct place {
	uintptr_t instruction;
	int visit; /* how often it had been there by then */
	int cost;
	int via; /* the place to run to, and the single steps from there on */
};

struct path {
	struct place *places;
	int count, room;
};

struct path *path_new(void)
{
	return calloc(1, sizeof(struct path));
}

void path_free(struct path *path)
{
	if (path != NULL)
		free(path->places);
	free(path);
}

static void path_add(struct path *path, uintptr_t instruction)
{
	struct place place = { .instruction = instruction, .visit = 1, .via = path->count };
	int i;

	if (path->count == path->room) {
		int room = path->room == 0 ? 4096 : 2 * path->room;
		struct place *places = realloc(path->places, (size_t)room * sizeof(*places));

		if (places == NULL)
			return;
		path->places = places;
		path->room = room;
	}
	for (i = path->count - 1; i >= 0 && path->places[i].instruction != instruction; i--)
		;
	if (i >= 0)
		place.visit = path->places[i].visit + 1;
	place.cost = STOP_COST * place.visit;
	if (path->count == 0) {
		place.cost = 0;
	} else if (path->places[path->count - 1].cost + 1 < place.cost) {
		place.cost = path->places[path->count - 1].cost + 1;
		place.via = path->places[path->count - 1].via;
	}
	path->places[path->count++] = place;
}

#ifdef __x86_64__

static uintptr_t instruction_get(pid_t pid)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.rip), NULL);
}

/* Sets a byte of the process's code and stores in *old what was there before. */
static bool code_set(pid_t pid, uintptr_t at, unsigned char new, unsigned char *old)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
	if (word == -1 && errno != 0)
		return false;
	*old = (unsigned char)word;
	word = (long)(((unsigned long)word & ~0xffUL) | new);
	return ptrace(PTRACE_POKETEXT, pid, at, word) == 0;
}

/* Runs until the process comes to `at` for the `visit`th time. */
static bool run_to(struct stepper *stepper, uintptr_t at, int visit)
{
	enum { BREAKPOINT = 0xcc };
	unsigned char code, ignored;

	for (;;) {
		if (!code_set(stepper->pid, at, BREAKPOINT, &code))
			return false;
		if (!stepper->resume(stepper->context, STEPPER_TO_BREAKPOINT, false))
			return false;
		code_set(stepper->pid, at, code, &ignored);
		if (instruction_get(stepper->pid) != at + 1)
			return false;
		ptrace(PTRACE_POKEUSER, stepper->pid, offsetof(struct user, regs.rip), at);
		if (--visit == 0)
			return true;
		if (!stepper->resume(stepper->context, STEPPER_ONE_STEP, false))
			return false;
	}
}

#else /* single steps all the way */

static uintptr_t instruction_get(pid_t pid)
{
	(void)pid;
	return 0; /* each place is then one that was visited before, and stepping is cheaper */
}

static bool run_to(struct stepper *stepper, uintptr_t at, int visit)
{
	(void)stepper, (void)at, (void)visit;
	return false;
}

#endif

int stepper_walk(struct stepper *stepper, int most, struct path *path)
{
	int step;

	for (step = 0; step < most; step++) {
		if (path != NULL)
			path_add(path, instruction_get(stepper->pid));
		if (!stepper->resume(stepper->context, STEPPER_ONE_STEP, step + 1 == most))
			break;
	}
	return step;
}

bool stepper_follow(struct stepper *stepper, int steps, const struct path *path)
{
	int at = steps - 1 < path->count ? steps - 1 : path->count - 1;
	int via = at < 0 ? 0 : path->places[at].via;

	if (via > 0 && !run_to(stepper, path->places[via].instruction, path->places[via].visit))
		return false;
	if (stepper_walk(stepper, steps - via, NULL) < steps - via)
		return false;
	return steps >= path->count ||
	       instruction_get(stepper->pid) == path->places[steps].instruction;
}

/*
 * Runs a traced process a given number of instructions and no further (ptrace).
 *
 * Stepping all the way there makes a walk over n instructions cost n * n / 2 steps. So the
 * first run notes the path, and later ones run freely to a breakpoint near their goal.
 */
#ifndef STEPPER_H
#define STEPPER_H

#include <stdbool.h>
#include <sys/types.h>

enum stepper_reach { STEPPER_ONE_STEP, STEPPER_TO_BREAKPOINT };

/*
 * Lets the process go on, by one instruction or until it stops by itself, and waits for that stop.
 * `last`: the process is not needed after this stop. Returns false if it will not stop.
 */
typedef bool (*stepper_resume)(void *context, enum stepper_reach reach, bool last);

struct stepper {
	pid_t pid; /* stopped, and traced by the caller */
	stepper_resume resume;
	void *context;
};

struct path;

/* Returns an empty path, to be freed by path_free(); NULL if there is no memory. */
struct path *path_new(void);
void path_free(struct path *path);

/*
 * Steps until resume() returns false, or `most` steps, and notes the path unless it is NULL.
 * Returns how many steps were done.
 */
int stepper_walk(struct stepper *stepper, int most, struct path *path);

/*
 * Brings the process `steps` instructions far, as `path` went. The last of them is always a
 * single step. Returns false if it did not get there: it ended, sleeps or went another way.
 */
bool stepper_follow(struct stepper *stepper, int steps, const struct path *path);

#endif

/*
 * Running a command for a job: its arguments, environment, standard input, and its end. It runs
 * in a process group of its own, so that a Ctrl-C in the terminal reaches it once, from us, and
 * with whatever it has started.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdint.h>
#include <sys/types.h>

#include "cli/cli.h"
#include "cli/message.h"
#include "consumer/work/job.h"
#include "consumer/work/options.h"

enum command_end {
	COMMAND_DONE,	  /* exit status 0 */
	COMMAND_FAILED,	  /* another exit status: detail */
	COMMAND_KILLED,	  /* by a signal: detail */
	COMMAND_TOO_LONG, /* --max-time; detail: the signal that had stopped it, or 0 */
	COMMAND_BAD_TEXT, /* the message cannot be an argument: detail is an errno */
	COMMAND_BAD_NAME, /* with the message in it the command's name is of nothing that can run */
	COMMAND_CANNOT_RUN, /* detail is an errno */
	COMMAND_NOT_FOUND
};

struct command_result {
	enum command_end end;
	int detail;
	char name[CLI_EXCERPT_MAX]; /* COMMAND_BAD_NAME: an excerpt of it */
};

/* How the caller follows a command. */
struct command_watch {
	/* It runs, in the process group `pid`. */
	void (*started)(void *context, pid_t pid);
	/* It has been stopped by this signal: called once, half a second later or more. */
	void (*stopped)(void *context, pid_t pid, int number);
	/* It has ended; `pid` is still its own, and will not be when this returns. */
	void (*ended)(void *context);
	/* About once a second meanwhile. */
	void (*meanwhile)(void *context);
	void *context;
};

/* Where the message comes from, for the command's environment. */
struct command_origin {
	const char *channel;
	uint64_t epoch;
};

/* Runs the command to its end. */
struct command_result command_run(const struct work *work, const struct job *job,
				  const struct command_origin *origin,
				  const struct command_watch *watch);

/* How it ended, in words, behind the command's name. Returns buffer. */
enum { COMMAND_WORDS = CLI_EXCERPT_MAX + 160 };
const char *command_explain(const struct work *work, const struct command_result *result,
			    char buffer[COMMAND_WORDS]);

#endif

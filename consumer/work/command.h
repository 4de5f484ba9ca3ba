/*
 * Running a command for a job: its arguments, its environment, its standard input, and its end. It
 * runs in a process group of its own, so that a Ctrl-C reaches it and its children once, from this
 * process.
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
	COMMAND_DONE,	    /* exit status 0 */
	COMMAND_FAILED,	    /* another exit status: detail */
	COMMAND_KILLED,	    /* by a signal: detail */
	COMMAND_TOO_LONG,   /* --max-time; detail: the signal that had stopped it, or 0 */
	COMMAND_BAD_TEXT,   /* the message cannot be an argument: detail is an errno */
	COMMAND_BAD_NAME,   /* no command has the name that the message gives it */
	COMMAND_CANNOT_RUN, /* detail is an errno */
	COMMAND_NOT_FOUND
};

struct command_result {
	enum command_end end;
	int detail;
	char name[CLI_EXCERPT_MAX]; /* COMMAND_BAD_NAME: an excerpt of that name */
};

/* What the caller is told while a command runs. */
struct command_watch {
	/* It has been started, in the process group `pid`. */
	void (*started)(void *context, pid_t pid);
	/* It is stopped by this signal; called once, at least half a second later. */
	void (*stopped)(void *context, pid_t pid, int number);
	/* It has ended. Its process id may be reused after this call has returned. */
	void (*ended)(void *context);
	/* Called about once a second while it runs. */
	void (*meanwhile)(void *context);
	void *context;
};

/* Where the message comes from, for the command's environment. */
struct command_origin {
	const char *channel;
	uint64_t epoch;
};

/* Runs the command to its end. Returns how it ended. */
struct command_result command_run(const struct work *work, const struct job *job,
				  const struct command_origin *origin,
				  const struct command_watch *watch);

/* Writes how the command ended, in words that follow its name. Returns the buffer. */
enum { COMMAND_WORDS = CLI_EXCERPT_MAX + 160 };
const char *command_explain(const struct work *work, const struct command_result *result,
			    char buffer[COMMAND_WORDS]);

#endif

/*
 * A producer's work: sends the messages that the command line names, or standard input; or, with
 * --hold, sends nothing while a command runs.
 */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "producer/named_message.h"

struct send_request {
	struct cli_settings *settings;
	struct channel *channel;
	struct progress *progress;

	/* what to send, in this order; if there is none of these: standard input */
	const char **files;
	int file_count;
	struct message_list configured; /* --message */
	char **messages;
	int message_count;
	char **command; /* --hold: run this instead of sending; NULL: no */

	const char *key;    /* "": none */
	uint32_t consumers; /* how many consumers to wait for first */
	bool wait_acknowledged;
	bool end;

	unsigned waits;	       /* seconds that the current wait has lasted */
	unsigned mutual_waits; /* the same, until mutual waiting is reported */
	bool mutual;
	uint64_t dropped; /* messages, as reported with -v */
	bool input_read;  /* input was consumed that cannot be read again */
	bool sent;
};

/* True if standard input is what is to be sent. */
bool send_reads_standard_input(const struct send_request *what);

/* Attaches, sends it all and detaches. Returns the exit status. */
int send_run(struct send_request *what);

#endif

/*
 * Being a producer: sends the messages that the command line names, or standard input; or, with
 * --hold, sends nothing while a command runs.
 */
#ifndef SEND_H
#define SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "producer/named_message.h"

struct sending {
	struct cli_settings *settings;
	struct channel *channel;
	struct progress *progress;

	/* what to send, in this order; if there is nothing of it, standard input */
	const char **files;
	int file_count;
	struct message_list configured; /* --message */
	char **messages;
	int message_count;
	char **command; /* --hold: instead of all that; NULL: none */

	const char *key;    /* "": none */
	uint32_t consumers; /* how many to wait for first */
	bool wait_acknowledged;
	bool end;

	unsigned waits;	       /* seconds of the wait that we are in */
	unsigned mutual_waits; /* the same, until it is found to be for ourselves */
	bool mutual;
	uint64_t dropped; /* messages, as told with -v */
	bool input_read;  /* something of an input was taken and cannot be read again */
	bool sent;
};

/* True if standard input is what is to be sent. */
bool send_reads_standard_input(const struct sending *what);

/* Attaches, sends it all and detaches. Returns the exit status. */
int send_run(struct sending *what);

#endif

/* Messages that a configuration file contains under a name: [message NAME]. */
#ifndef NAMED_MESSAGE_H
#define NAMED_MESSAGE_H

#include "cli/cli.h"

struct named_message {
	char *text; /* what to send; NULL: the contents of the file */
	char *file;
	char *key; /* NULL: none of its own */
};

struct message_list {
	struct named_message *messages;
	int count;
	const char **names; /* as given with --message */
};

/* Adds a name, which must stay valid, to the list: --message. */
void message_name(const struct cli_settings *settings, struct message_list *list, const char *name);

/*
 * To be called when all options are read: looks the messages up and replaces the variables in them.
 * A missing or malformed message is a usage error, before anything is sent.
 */
void message_resolve(const struct cli_settings *settings, struct message_list *list);

void message_free(struct message_list *list);

#endif

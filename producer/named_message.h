/* Messages that a configuration file has under a name: [message NAME]. */
#ifndef NAMED_MESSAGE_H
#define NAMED_MESSAGE_H

#include "cli/cli.h"

struct message {
	char *text; /* to be sent; NULL: it is in the file */
	char *file;
	char *key; /* NULL: it has none of its own */
};

struct message_list {
	struct message *messages;
	int count;
	const char **names; /* as --message gave them */
};

/* --message */
void message_name(const struct cli_settings *settings, struct message_list *list, const char *name);

/*
 * When all options are read: looks the messages up, and replaces the variables in them. What is
 * missing or wrong is a usage error; nothing was sent by then.
 */
void message_resolve(const struct cli_settings *settings, struct message_list *list);

void message_free(struct message_list *list);

#endif

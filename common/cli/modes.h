/*
 * What a run of one of the tools can be. An option of the command line chooses it, or a command
 * after "--"; each row of the option tables says in which of them the option makes sense.
 */
#ifndef MODES_H
#define MODES_H

enum cli_mode {
	MODE_SEND = 1 << 0, /* shm-produce, if nothing chooses another one */
	MODE_HOLD = 1 << 1,

	MODE_PRINT = 1 << 2,   /* shm-consume, if nothing chooses another one */
	MODE_COMMAND = 1 << 3, /* -- COMMAND */
	MODE_TAP = 1 << 4,
	MODE_PEEK = 1 << 5,
	MODE_REMOVE_GROUP = 1 << 6,
	MODE_LIST = 1 << 7,
	MODE_STATUS = 1 << 8,
	MODE_REMOVE = 1 << 9,
	MODE_DOCTOR = 1 << 10
};

/* Several of them. */
enum {
	MODES_PRODUCE = MODE_SEND | MODE_HOLD,
	MODES_TAKE = MODE_PRINT | MODE_COMMAND, /* messages are taken out of the channel */
	MODES_CREATE = MODES_PRODUCE | MODES_TAKE | MODE_TAP, /* a missing channel is created */
	MODES_OUTPUT = MODE_PRINT | MODE_TAP | MODE_PEEK,     /* messages are printed */
	MODES_MOVE = MODES_OUTPUT | MODE_COMMAND,	      /* messages go anywhere */
	/* a wait for another process has a limit */
	MODES_WAIT = MODES_CREATE | MODE_REMOVE_GROUP | MODE_REMOVE,
	/* a delimiter is no error: it never was where no message is printed */
	MODES_DELIMITER =
		MODES_PRODUCE | MODES_MOVE | MODE_LIST | MODE_STATUS | MODE_REMOVE | MODE_DOCTOR
};

#endif

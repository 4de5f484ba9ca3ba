/* The operations of the crash walk: what each victim does, and the processes around it. */
#ifndef CRASH_OPERATIONS_H
#define CRASH_OPERATIONS_H

#include <stdbool.h>

struct operation {
	const char *name;
	void (*before[3])(int self); /* started one after the other, each settled before the next */
	void (*prepare)(void);	     /* the victim's, see operate.h */
	void (*after[2])(int self);  /* started when the victim is prepared: they fall asleep */
	void (*operate)(void);
	void (*release)(int self); /* started when the operation sleeps */
	bool clean_end;		   /* a producer leaves in good order before the newcomers come */
	bool groups;		   /* there are, or may be, two */
	bool other_owed;	   /* the second group has a right to "one" */
	bool first_dies_twice;	   /* another victim is killed in the same operation before */
	bool named;		   /* nobody can make objects that have no name */
};

extern const struct operation operations[];
extern const int operation_count;

#endif

/*
 * The lines that --doctor prints: what is right, what is wrong, and what to do about it.
 */
#ifndef DOCTOR_LINES_H
#define DOCTOR_LINES_H

#include "consumer/look/request.h"
#include "consumer/look/show.h"

struct doctor {
	const struct look *look;
	struct show show;
	unsigned troubles;
};

/* Prints a line about something that is right. */
__attribute__((format(printf, 2, 3))) void doctor_fine(struct doctor *doctor, const char *format,
						       ...);

/* Prints a line about something that is wrong; doctor_advice() follows. */
__attribute__((format(printf, 2, 3))) void doctor_trouble(struct doctor *doctor, const char *format,
							  ...);

/*
 * Prints what to do about it: a line for the shell that works as it is. A remark, such as that it
 * needs root, follows a "#"; if there is nothing to type, all of it does.
 */
__attribute__((format(printf, 2, 3))) void doctor_advice(struct doctor *doctor, const char *format,
							 ...);

#endif

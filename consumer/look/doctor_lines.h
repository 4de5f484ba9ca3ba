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

/* A line about what is as it should be. */
__attribute__((format(printf, 2, 3))) void doctor_fine(struct doctor *doctor, const char *format,
						       ...);

/* One about what is not; doctor_advice() follows. */
__attribute__((format(printf, 2, 3))) void doctor_trouble(struct doctor *doctor, const char *format,
							  ...);

/*
 * What to do about it: a line for the shell that works as it is. What is to be said beside it, that
 * it is for root for instance, stands behind a "#"; so does all of it if there is nothing to type.
 */
__attribute__((format(printf, 2, 3))) void doctor_advice(struct doctor *doctor, const char *format,
							 ...);

#endif

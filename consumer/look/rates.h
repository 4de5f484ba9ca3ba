/*
 * How fast messages come and go, as --watch shows it.
 */
#ifndef RATES_H
#define RATES_H

#include <stdbool.h>

/* The change since the last look, per second. */
struct look_rates {
	bool known;
	double in, out, bytes_in;
};

#endif

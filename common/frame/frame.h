/*
 * Messages on standard input and output: what separates them, if they are not netstrings.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>

#include "base/delimiter.h"

struct delimiter {
	unsigned char bytes[DELIMITER_MAX];
	size_t size; /* 0: the whole input is one message; nothing between messages */
};

#endif

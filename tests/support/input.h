/* What tools are given to read: pipes, and texts that show where a byte comes from. */
#ifndef SUPPORT_INPUT_H
#define SUPPORT_INPUT_H

#include <stddef.h>

struct pipe {
	int read, write;
};
struct pipe pipe_open(void);

/* Writes all of the text. */
void feed(int fd, const char *text);

/* A text of this many bytes; to be freed. */
char *text_of(size_t size);

/* 10-byte lines "line 0000\n" and so on; to be freed. */
char *lines_of(unsigned first, unsigned count);

/* Runs a producer with this on standard input to its end; returns its exit status. */
int produce_text(const char *name, const char *text);

#endif

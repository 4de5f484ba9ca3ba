/*
 * A slow reader: copies standard input to standard output, up to BYTES at a time with a pause
 * of up to MS milliseconds before each. The pipe in front of it is made as small as it can be,
 * so the process that writes to it is nearly always in the middle of a write.
 *
 *   trickle BYTES MS
 *
 * Exit status: 0, or 1 if something could not be copied.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void pause_up_to(long ms)
{
	struct timespec span = { .tv_nsec = random() % (ms * 1000000 + 1) };

	nanosleep(&span, NULL);
}

static bool write_all(const char *bytes, ssize_t size)
{
	while (size > 0) {
		ssize_t written = write(STDOUT_FILENO, bytes, (size_t)size);

		if (written < 0)
			return false;
		bytes += written;
		size -= written;
	}
	return true;
}

int main(int argc, char **argv)
{
	static char bytes[65536];
	long most = argc == 3 ? strtol(argv[1], NULL, 10) : 0;
	long ms = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	ssize_t size;

	if (most < 1 || most > (long)sizeof(bytes) || ms < 0 || ms > 999) {
		fprintf(stderr, "usage: trickle BYTES MS\n");
		return 2;
	}
	srandom((unsigned)getpid());
	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, 4096); /* or it stays larger */
	do {
		pause_up_to(ms);
		size = read(STDIN_FILENO, bytes, (size_t)most);
	} while (size > 0 && write_all(bytes, size));
	return size == 0 ? 0 : 1;
}

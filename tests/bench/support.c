/* What the benchmark's programs have in common. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

void die(int error, const char *format, ...)
{
	va_list arguments;

	fputs("bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "%s%s\n", error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
	_exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void *shared_new(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		die(errno, "mmap");
	return memory;
}

void *memory_new(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		die(ENOMEM, "calloc");
	return memory;
}

static int compare(const void *a, const void *b)
{
	double first = *(const double *)a, second = *(const double *)b;

	return (first > second) - (first < second);
}

void values_print(double values[], unsigned count)
{
	printf("\"rounds\":[");
	for (unsigned i = 0; i < count; i++)
		printf("%s%.6g", i == 0 ? "" : ",", values[i]);
	printf("]");
	if (count == 0)
		return;
	qsort(values, count, sizeof(values[0]), compare);
	printf(",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g",
	       (values[(count - 1) / 2] + values[count / 2]) / 2, values[0], values[count - 1]);
}

#include "base/delimiter.h"

#include <string.h>

/*
 * glibc knows what the processor can do, and tells since version 2.33. Asking the processor
 * ourselves, as __builtin_cpu_supports() does at every start, takes longer in a virtual machine
 * than counting a megabyte.
 */
#if defined(__x86_64__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 33)
#include <sys/platform/x86.h>
#ifdef CPU_FEATURE_ACTIVE
#define WIDE_VECTORS
#endif
#endif
#endif

/*
 * How many bytes are compared at a time: a fixed number, so that -O2 makes vector code of the loop.
 * At most 255, as their count has to fit a byte.
 */
enum { LANES = 128 };

/*
 * Counts one byte value: the hot loop of text. The sum of a run of LANES bytes stays in byte lanes.
 */
static inline __attribute__((always_inline)) size_t count_lanes(const unsigned char *bytes,
								size_t size, unsigned char wanted)
{
	size_t count = 0;

	for (; size >= LANES; size -= LANES, bytes += LANES) {
		unsigned char sum = 0;

		for (size_t i = 0; i < LANES; i++)
			sum = (unsigned char)(sum + (bytes[i] == wanted));
		count += sum;
	}
	for (size_t i = 0; i < size; i++)
		count += bytes[i] == wanted;
	return count;
}

#ifdef WIDE_VECTORS
/* Like count_lanes(), with vectors twice as wide, which most processors have, but not all. */
static __attribute__((target("avx2"))) size_t count_lanes_wide(const unsigned char *bytes,
							       size_t size, unsigned char wanted)
{
	return count_lanes(bytes, size, wanted);
}
#endif

static size_t count_byte(const unsigned char *bytes, size_t size, unsigned char wanted)
{
#ifdef WIDE_VECTORS
	if (CPU_FEATURE_ACTIVE(AVX2))
		return count_lanes_wide(bytes, size, wanted);
#endif
	return count_lanes(bytes, size, wanted);
}

size_t delimiter_count(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size, size_t *end)
{
	const unsigned char *at = bytes;
	const unsigned char *limit = bytes + size;
	const unsigned char *found;
	size_t count = 0;

	*end = 0;
	if (delimiter_size == 0 || size == 0)
		return 0;
	if (delimiter_size == 1) {
		found = memrchr(bytes, delimiter[0], size);
		if (found == NULL)
			return 0;
		*end = (size_t)(found - bytes) + 1;
		return count_byte(bytes, *end, delimiter[0]);
	}
	while ((found = memmem(at, (size_t)(limit - at), delimiter, delimiter_size)) != NULL) {
		at = found + delimiter_size;
		count++;
	}
	*end = (size_t)(at - bytes);
	return count;
}

size_t delimiter_skip(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		      size_t delimiter_size, size_t count)
{
	const unsigned char *at = bytes;
	const unsigned char *limit = bytes + size;

	while (count-- > 0) {
		at = memmem(at, (size_t)(limit - at), delimiter, delimiter_size);
		if (at == NULL)
			return 0;
		at += delimiter_size;
	}
	return (size_t)(at - bytes);
}

size_t delimiter_begun(const unsigned char *bytes, size_t size, const unsigned char *delimiter,
		       size_t delimiter_size)
{
	size_t begun = delimiter_size > 0 ? delimiter_size - 1 : 0;

	if (begun > size)
		begun = size;
	while (begun > 0 && memcmp(bytes + size - begun, delimiter, begun) != 0)
		begun--;
	return begun;
}

/*
 * A histogram of times whose buckets are all within 1/32 of their values: 32 equal steps in each
 * power of two. The idea is HdrHistogram's (Gil Tene); Debian has no package of its C version.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 5, HISTOGRAM_POWERS = 40 };
enum { HISTOGRAM_BUCKETS = (HISTOGRAM_POWERS + 1) << HISTOGRAM_STEP_BITS };

struct histogram {
	uint64_t total, largest, sum;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned power, bucket;

	if (value < UINT64_C(1) << HISTOGRAM_STEP_BITS)
		return (unsigned)value;
	power = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	bucket = ((power + 1) << HISTOGRAM_STEP_BITS) +
		 (unsigned)(value >> power & ((1U << HISTOGRAM_STEP_BITS) - 1));
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->total++;
	histogram->sum += value;
	if (value > histogram->largest)
		histogram->largest = value;
	histogram->counts[histogram_bucket(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `part` of them (0 to 1) do not exceed. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);

#endif

#include "histogram.h"

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->total += from->total;
	into->sum += from->sum;
	if (from->largest > into->largest)
		into->largest = from->largest;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket)
{
	unsigned power = bucket >> HISTOGRAM_STEP_BITS;
	uint64_t step = bucket & ((1U << HISTOGRAM_STEP_BITS) - 1);

	if (power == 0)
		return bucket;
	return ((step + (UINT64_C(1) << HISTOGRAM_STEP_BITS) + 1) << (power - 1)) - 1;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
	double wanted = part * (double)histogram->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted) {
			uint64_t end = bucket_end(i);

			return end < histogram->largest ? end : histogram->largest;
		}
	}
	return histogram->largest;
}

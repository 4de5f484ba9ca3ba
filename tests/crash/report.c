#include "tests/crash/report.h"

#include <stdio.h>
#include <string.h>

void report_head(void)
{
	printf("%-30s %7s %7s %6s %5s %8s %6s %10s %8s\n", "operation", "instr.", "kills", "hung",
	       "lost", "doubled", "wrong", "slowest", "time");
}

bool report_line(const char *name, const struct tally *tallies, int workers, int died,
		 uint64_t elapsed_ms)
{
	struct tally sum = { .wrong = died };

	for (int i = 0; i < workers; i++) {
		const struct tally *tally = &tallies[i];

		sum.points += tally->points;
		sum.hung += tally->hung;
		sum.lost += tally->lost;
		sum.doubled += tally->doubled;
		sum.wrong += tally->wrong;
		if (sum.last == 0 || tally->last < sum.last)
			sum.last = tally->last;
		if (tally->slowest_ms > sum.slowest_ms)
			sum.slowest_ms = tally->slowest_ms;
		if (sum.example[0] == '\0')
			memcpy(sum.example, tally->example, sizeof(sum.example));
	}
	printf("%-30s %7d %7d %6d %5d %8d %6d %7llu ms %6llu s%s%s\n", name, sum.last - 1,
	       sum.points, sum.hung, sum.lost, sum.doubled, sum.wrong,
	       (unsigned long long)sum.slowest_ms, (unsigned long long)elapsed_ms / 1000,
	       sum.example[0] != '\0' ? "  " : "", sum.example);
	fflush(stdout);
	return sum.wrong == 0;
}

#include "tests/support/full_ring.h"

struct agent filler_start(char name[NAME_SIZE])
{
	struct agent filler = agent_start();

	agent_expect(&filler, "ok", "attach producer %s size=4096", channel_name(name));
	agent_expect(&filler, "ok", "sendn 4072");
	return filler;
}

void filler_take(struct agent *consumer)
{
	agent_expect_delivery(consumer, "receive", .sequence = 1, .size = 4072);
	agent_expect(consumer, "ok", "acknowledge");
}

void all_end(const char *name, struct agent *consumer)
{
	agent_expect(consumer, "ended", "receive");
	agent_quit(consumer);
	cr_assert(!object_exists(name));
}
